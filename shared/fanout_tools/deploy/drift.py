"""Hold a second plan to nothing: what was just applied must not want to change again.

A plan that is never empty hides the change that matters. Emulators may forget what they were told, so that known
drift can be allowed, with a reason each, in ``drift_allowed.yaml`` beside this file.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from fanout_tools.errors import ToolError

__all__ = ["ALLOWED", "Allowed", "Difference", "DriftError", "check", "differences", "known"]

ALLOWED: Final = Path(__file__).with_name("drift_allowed.yaml")
_NOTHING: Final = (["no-op"], ["read"])


class DriftError(ToolError):
    """The plan is not empty, or the list of what it may hold is wrong; the text names each."""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Something that the plan would change."""

    address: str
    attribute: str
    """Of the resource; ``*`` when the whole resource would be created, replaced or removed."""
    action: str

    def __str__(self) -> str:
        return f"{self.address}: {self.attribute}: {self.action}"


class Allowed(BaseModel):
    """A difference that is known and explained."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    address: str
    """``*`` stands for anything."""
    attribute: str
    emulator: str
    reason: str
    optional: bool = False
    """Whether it speaks of a part that an environment may be without: it is then not stale where nothing drifts."""

    def explains(self, difference: Difference) -> bool:
        """Whether this is what the entry speaks of."""
        pattern = ".*".join(re.escape(part) for part in self.address.split("*"))
        same = self.attribute in ("*", difference.attribute)
        return same and re.fullmatch(pattern, difference.address) is not None


def differences(plan: Mapping[str, Any]) -> Iterator[Difference]:
    """Every attribute that a plan, as ``terraform show -json`` prints it, would change."""
    for resource in plan.get("resource_changes", ()):
        change, address = resource["change"], resource["address"]
        if change["actions"] in _NOTHING:
            continue
        if change["actions"] != ["update"]:
            yield Difference(address=address, attribute="*", action=" and ".join(change["actions"]))
            continue
        for attribute in _changed(change):
            yield Difference(address=address, attribute=attribute, action="update")


def check(plan: Mapping[str, Any], emulator: str, allowed: Path = ALLOWED, *, whole: bool = True) -> list[Difference]:
    """The differences that the list explains.

    :param whole: whether the plan has all that the list speaks of, so that an entry must explain something.
    :raises DriftError: there are others, or an entry for this emulator explains nothing.
    """
    entries = known(emulator, allowed)
    found = list(differences(plan))
    unexplained = [d for d in found if not any(entry.explains(d) for entry in entries)]
    owed = [entry for entry in entries if whole and not entry.optional]
    stale = [entry for entry in owed if not any(entry.explains(d) for d in found)]
    if unexplained or stale:
        lines = [f"{difference}; fix the module, or explain it in {allowed.name}" for difference in unexplained]
        lines += [
            f"{entry.address}: {entry.attribute}: drifts no more; remove it from {allowed.name}" for entry in stale
        ]
        raise DriftError("\n".join(lines))
    return found


def known(emulator: str, allowed: Path = ALLOWED) -> list[Allowed]:
    """The drift that is explained of an emulator.

    :raises DriftError: the list is wrong.
    """
    return [entry for entry in _read(allowed) if entry.emulator == emulator]


def _changed(change: Mapping[str, Any]) -> list[str]:
    before, after, unknown = change["before"], change["after"], change.get("after_unknown") or {}
    names = sorted({*before, *after, *unknown})
    return [name for name in names if unknown.get(name) or before.get(name) != after.get(name)]


def _read(allowed: Path) -> list[Allowed]:
    try:
        return TypeAdapter(list[Allowed]).validate_python(yaml.safe_load(allowed.read_text(encoding="utf-8")))
    except (yaml.YAMLError, ValidationError) as error:
        raise DriftError(f"{allowed.name}: each entry has address, attribute, emulator and reason: {error}") from error
