"""What a rule has to say against a plan, and what may be wide, and why: ``allowed.yaml``."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, PositiveInt, TypeAdapter, ValidationError

from fanout.errors import PlanError

__all__ = ["ALLOWED", "Allowed", "Declared", "Finding", "declared", "read", "unexplained"]

ALLOWED: Final = Path(__file__).with_name("allowed.yaml")


@dataclass(frozen=True, kw_only=True, order=True)
class Finding:
    """One thing that is wrong with a plan."""

    address: str
    """The resource to fix."""
    rule: str
    """Which rule it breaks: the key by which ``allowed.yaml`` explains it."""
    problem: str
    fix: str
    value: str = ""
    """The action, ARN or principal that is too wide; empty where the rule is not on privilege."""

    def __str__(self) -> str:
        return f"{self.address}: {self.rule}: {self.problem}; {self.fix}"


NOT_AWS: Final = {"local", "fixture"}
"""Environments of ``allowed.yaml`` that are not on AWS."""


class Allowed(BaseModel):
    """A wide grant that is known and explained."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rule: Literal["wildcard-action", "wildcard-resource", "public-principal", "managed-policy"]
    address: str
    """``*`` stands for anything, here and in ``values``."""
    values: list[str] = Field(min_length=1)
    environments: list[str] = Field(min_length=1)
    reason: str = Field(min_length=1)
    optional: bool = False
    """Whether it speaks of a part that an environment may be without: it is then not stale where nothing needs it."""

    def explaining(self, finding: Finding) -> list[str]:
        """Those of the entry's values that speak of the finding."""
        if self.rule != finding.rule or not _like(self.address, finding.address):
            return []
        return [value for value in self.values if _like(value, finding.value)]


class Declared(BaseModel):
    """What an environment says of itself in its ``check_plan.yaml``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    no_alarms: str | None = Field(default=None, min_length=1)
    """Why nobody needs to be told there; None: every queue where events end has an alarm."""
    quotas: dict[str, PositiveInt] = {}
    """Those that AWS has raised for the account, by their name in :data:`fanout_tools.proof.quotas.QUOTAS`."""


def read(environment: str, file: Path = ALLOWED, *, foreign: bool = False) -> list[Allowed]:
    """The entries for one environment.

    :param foreign: whether the environment is another project's than the list's: one that no entry names is then
        taken for one on AWS, and it may be without any part that an entry speaks of.

    :raises PlanError: the file is not such a list.
    """
    try:
        entries = TypeAdapter(list[Allowed]).validate_python(yaml.safe_load(file.read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError, ValidationError) as error:
        keys = ", ".join(Allowed.model_fields)
        raise PlanError(f"{file.name}: a list in which each entry has {keys}: {error}") from error
    named = {name for entry in entries for name in entry.environments}
    alike = named - NOT_AWS if foreign and environment not in named else {environment}
    found = [entry for entry in entries if alike.intersection(entry.environments)]
    return [entry.model_copy(update={"optional": True}) for entry in found] if foreign else found


def declared(root: Path) -> Declared:
    """What the environment in this folder says of itself.

    :raises PlanError: its file has other keys.
    """
    file = root / "check_plan.yaml"
    try:
        return Declared.model_validate(yaml.safe_load(file.read_text(encoding="utf-8")) if file.exists() else {})
    except (yaml.YAMLError, ValidationError) as error:
        raise PlanError(
            f"{file.parent.name}/{file.name}: its keys are no_alarms, with the reason, and quotas: {error}"
        ) from error


def unexplained(findings: Iterable[Finding], entries: Iterable[Allowed]) -> list[Finding]:
    """The findings that no entry explains, and one for each value that explains nothing any more."""
    found, known = list(findings), list(entries)
    left = [it for it in found if not any(entry.explaining(it) for entry in known)]
    for entry in known:
        if entry.optional:
            continue
        needed = {value for it in found for value in entry.explaining(it)}
        left += [_stale(entry, value) for value in entry.values if value not in needed]
    return left


def _stale(entry: Allowed, value: str) -> Finding:
    problem, fix = f"{value} is allowed and not in the plan", f"remove it from {ALLOWED.name}"
    return Finding(address=entry.address, rule=entry.rule, problem=problem, fix=fix)


def _like(pattern: str, text: str) -> bool:
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), text, re.DOTALL) is not None
