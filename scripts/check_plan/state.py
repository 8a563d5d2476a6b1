"""A plan's values as a Terraform state, from which the next plan starts; and what a plan does not know.

The format is version 4 of Terraform's own state file: https://developer.hashicorp.com/terraform/language/state
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from scripts.check_plan.identities import resources

__all__ = ["state_of", "unknown_values"]

_KEY: Final = re.compile(r"""\["(?:[^"\\]|\\.)*"\]|\[\d+\]""")
_DYNAMIC: Final = ("input", "output", "triggers_replace")
"""The attributes of terraform_data that hold a value of any type, and are stored together with it."""
_LEFT_OUT: Final = ("aws_vpc_security_group_egress_rule", "aws_vpc_security_group_ingress_rule")
"""Nothing refers to these, and the provider (5.100) fails on one whose source the state does not know."""


def state_of(shown: Mapping[str, Any]) -> dict[str, Any]:
    """The state after the plan, as far as the plan knows it; the rest is null."""
    return {
        "version": 4,
        "terraform_version": shown["terraform_version"],
        "serial": 1,
        "lineage": "00000000-0000-0000-0000-000000000000",
        "outputs": {},
        "resources": [
            _in_state(it)
            for it in resources(shown["planned_values"]["root_module"])
            if it["mode"] == "managed" and it["type"] not in _LEFT_OUT
        ],
    }


def _in_state(resource: Mapping[str, Any]) -> dict[str, Any]:
    attributes = resource["values"]
    if resource["type"] == "terraform_data":
        attributes = {name: _typed(value) if name in _DYNAMIC else value for name, value in attributes.items()}
    instance = {"schema_version": resource["schema_version"], "attributes": attributes}
    if "index" in resource:
        instance["index_key"] = resource["index"]
    # One entry per instance: Terraform merges entries of one resource when it reads them.
    return {
        "module": resource["address"].rpartition(f".{resource['type']}.")[0],
        "mode": "managed",
        "type": resource["type"],
        "name": resource["name"],
        "provider": f'provider["{resource["provider_name"]}"]',
        "instances": [instance],
    }


def _typed(value: Any) -> Any:
    return None if value is None else {"value": value, "type": _type(value)}


def _type(value: Any) -> Any:
    """The type of a value in the notation of Terraform's state."""
    if isinstance(value, Mapping):
        return ["object", {name: _type(it) for name, it in value.items()}]
    if isinstance(value, list):
        return ["tuple", [_type(it) for it in value]]
    if value is None:
        return "dynamic"
    return "bool" if isinstance(value, bool) else "string" if isinstance(value, str) else "number"


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
