"""A plan as its readers see it: resources by type, address or ARN with all their values, and what is not known yet.

References are resolved by ARN, not by Terraform's references: what AWS will see is the ARN, so that a wrong name in a
policy is found even where the reference beside it is right. ``fanout_tools/proof/planning.py`` makes
plans in which every ARN is known.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final

from fanout.errors import PlanError
from fanout_tools.declarations.naming import Names

__all__ = [
    "Plan",
    "Resource",
    "block",
    "document",
    "is_existing",
    "names_of",
    "namespace_of",
    "resources",
    "unknown_values",
]

_BORROWED: Final = ("aws_cloudwatch_event_target", "aws_sns_topic_policy", "aws_cloudwatch_event_bus_policy")
"""Types whose attribute ``arn`` is another resource's."""
_EXISTING_BUS: Final = ".module.bus[0].terraform_data.existing[0]"
"""How the address ends of what ``modules/bus`` says of a bus that is there already: namespace, name and ARN."""
_KEY: Final = re.compile(r"""\["(?:[^"\\]|\\.)*"\]|\[\d+\]""")


@dataclass(frozen=True, kw_only=True)
class Resource:
    """One resource of the plan."""

    address: str
    type: str
    values: Mapping[str, Any]

    @property
    def arn(self) -> str:
        """Its ARN; empty where its type has none."""
        return str(self.values.get("arn") or "")

    def get(self, name: str) -> Any:
        return self.values.get(name)

    def having(self, **values: Any) -> "Resource":
        """The same resource with other values."""
        return replace(self, values={**self.values, **values})


@dataclass(frozen=True, eq=False)
class Plan:
    """Every managed resource that there will be after the plan is applied; two plans are equal if they are one."""

    resources: tuple[Resource, ...]

    @classmethod
    def read(cls, shown: Mapping[str, Any]) -> "Plan":
        """From what ``terraform show -json`` prints.

        :raises PlanError: it is no plan, or holds values that are not known yet.
        """
        if "planned_values" not in shown:
            raise PlanError("this is no plan: give what `terraform show -json PLANFILE` prints")
        if "configuration" in shown and (unknown := unknown_values(shown)):
            raise PlanError(
                f"{unknown[0]} is not known yet, and {len(unknown) - 1} more values: what cannot be read cannot be "
                "proven; let `make check-plan ENV=...` make the plan"
            )
        managed = [it for it in resources(shown["planned_values"]["root_module"]) if it["mode"] == "managed"]
        return cls(tuple(_resource(it) for it in managed))

    @cached_property
    def _by_arn(self) -> Mapping[str, Resource]:
        return {it.arn: it for it in self.resources if it.arn and it.type not in _BORROWED}

    @cached_property
    def _by_type(self) -> Mapping[str, list[Resource]]:
        found: dict[str, list[Resource]] = {}
        for it in self.resources:
            found.setdefault(it.type, []).append(it)
        return found

    def of(self, *types: str) -> Iterator[Resource]:
        """The resources of these types, in the plan's order."""
        for kind in types:
            yield from self._by_type.get(kind, ())

    def at(self, arn: str | None) -> Resource | None:
        """The resource with this ARN; None when the plan has none."""
        return self._by_arn.get(arn or "")

    def without(self, address: str) -> "Plan":
        """The plan without one resource."""
        return Plan(tuple(it for it in self.resources if it.address != address))

    def changed(self, resource: Resource) -> "Plan":
        """The plan with another resource in place of the one at its address."""
        return Plan(tuple(resource if it.address == resource.address else it for it in self.resources))


def block(resource: Resource, name: str) -> Mapping[str, Any]:
    """The one nested block of this name; empty when it is not there."""
    found: Iterable[Mapping[str, Any]] = resource.get(name) or ()
    return next(iter(found), {})


def document(text: str | None) -> dict[str, Any]:
    """What a JSON attribute holds; empty when it is not set."""
    found = json.loads(text) if text else {}
    return found if isinstance(found, dict) else {}


def resources(module: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Every resource of a module in a plan's values, and of the modules in it."""
    yield from module.get("resources", ())
    for child in module.get("child_modules", ()):
        yield from resources(child)


def names_of(plan: Plan) -> Names:
    """How things are called in this plan.

    :raises PlanError: it has not exactly one bus.
    """
    buses = list(plan.of("aws_cloudwatch_event_bus"))
    if len(buses) != 1:
        raise PlanError(
            f"the plan has {len(buses)} event buses; an environment has one: plan a root of modules/platform"
        )
    return _names(buses[0])


def namespace_of(planned: Iterable[Mapping[str, Any]]) -> str:
    """What the names of a plan's resources begin with, by these as Terraform shows them; empty without a bus."""
    buses = (it for it in map(_resource, planned) if it.type == "aws_cloudwatch_event_bus")
    return next((_names(it).namespace for it in buses), "")


def _names(bus: Resource) -> Names:
    name = str(bus.get("name"))
    return Names(str(bus.get("namespace")), name) if is_existing(bus) else Names(name)


def is_existing(bus: Resource) -> bool:
    """Whether it is somebody else's: the plan uses it, and does not make it."""
    return bus.address.endswith(_EXISTING_BUS)


def _resource(shown: Mapping[str, Any]) -> Resource:
    """A managed resource; an existing bus is read as one, with the name and ARN that the rest of the plan gives it."""
    it = Resource(address=shown["address"], type=shown["type"], values=shown["values"])
    if it.type == "terraform_data" and is_existing(it):
        return Resource(address=it.address, type="aws_cloudwatch_event_bus", values=it.values["input"])
    return it


def unknown_values(shown: Mapping[str, Any]) -> list[str]:
    """What the configuration sets and the plan does not know, as ``address: attribute``."""
    configured = dict(_configured(shown["configuration"]["root_module"], ""))
    return [
        f"{change['address']}: {name}"
        for change in shown["resource_changes"]
        if change["mode"] == "managed"
        for name, unknown in (change["change"].get("after_unknown") or {}).items()
        if unknown and _holds_true(unknown) and name in configured.get(_without_keys(change), set())
    ]


def _configured(module: Mapping[str, Any], path: str) -> Iterator[tuple[str, set[str]]]:
    for resource in module.get("resources", ()):
        yield path + resource["address"], set(resource.get("expressions", {}))
    for name, call in module.get("module_calls", {}).items():
        yield from _configured(call["module"], f"{path}module.{name}.")


def _without_keys(change: Mapping[str, Any]) -> str:
    """The address without for_each keys and counts: that of the block in the configuration."""
    module = _KEY.sub("", change.get("module_address", ""))
    return ".".join(part for part in (module, change["type"], change["name"]) if part)


def _holds_true(unknown: Any) -> bool:
    if isinstance(unknown, Mapping):
        return any(map(_holds_true, unknown.values()))
    return any(map(_holds_true, unknown)) if isinstance(unknown, list) else bool(unknown)
