"""Whether ``where`` of each subscription can be met by the events that it filters, in each version that is live.

A filter on a field that is not there is no error to AWS: the events are dropped in silence, and those of a domain with
other subscribers are not even counted as unmatched.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fanout.events.event import Contract, Event
from fanout_tools.contracts import snapshots
from fanout_tools.declarations import reading
from fanout_tools.declarations.fields import Schema, described, find, nearest, possible
from fanout_tools.declarations.worker import Manifest
from fanout_tools.patterns import SNS

__all__ = ["Finding", "live", "unmet_filters", "unmet_workflow_filters"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to say of a filter."""

    text: str
    certain: bool = True
    """False: the contract models a part of the event, which may have the field."""


@dataclass(frozen=True, slots=True)
class _Comparison:
    """One field of a filter, and the values any of which it may have."""

    place: str
    path: tuple[str, ...]
    values: Sequence[Any]


def live(contracts: Iterable[type[Event]], directory: Path) -> list[tuple[Contract, Schema]]:
    """The schema of every version that is still read, by the names that the fields have on the bus.

    :raises ContractError: an older version's is missing.
    """
    newest = {contract.contract: _on_the_bus(contract) for contract in contracts}
    return [(each, newest.get(each, schema)) for each, schema in snapshots.readable(contracts, directory)]


def _on_the_bus(contract: type[Event]) -> Schema:
    """Fanout publishes fields by their names; those of AWS are called what they are read by, their aliases."""
    if contract.contract.aws_native:
        return contract.model_json_schema(mode="validation")
    by_alias = bool(contract.model_config.get("serialize_by_alias"))
    return contract.model_json_schema(mode="serialization", by_alias=by_alias)


def unmet_filters(read: Sequence[tuple[Contract, Schema]], manifests: Mapping[str, Manifest]) -> Iterator[Finding]:
    """Each comparison that no valid event meets, of any version or of one.

    :param read: the schema of every version that is live.
    """
    for worker, manifest in manifests.items():
        for index, subscription in enumerate(manifest.subscribes):
            place = f"services/{worker.replace('-', '_')}/worker.yaml: subscribes.{index}.where"
            yield from _findings(place, subscription.event, subscription.where, read)


def unmet_workflow_filters(read: Sequence[tuple[Contract, Schema]], services: Path) -> Iterator[Finding]:
    """The same of each ``workflow.yaml``; its other rules are Terraform's.

    :raises ManifestError: one cannot be read.
    """
    for file in sorted(services.glob("*/workflow.yaml")):
        declared = reading.read(file)
        event, where = (declared.get(key) for key in ("event", "where")) if isinstance(declared, dict) else (None, None)
        if isinstance(event, str) and isinstance(where, dict):
            yield from _findings(f"{reading.named(file)}: where", event, where, read)


def _findings(
    place: str, event: str, where: Mapping[str, Any], live: Sequence[tuple[Contract, Schema]]
) -> Iterator[Finding]:
    every = event == "*"
    read = [each for each in live if each[0].identifier == event or (every and not each[0].aws_native)]
    if not read or not where:
        return
    told = set()
    for comparison in _comparisons(where, place):
        for text, missing in _dead(comparison, read, every):
            told.add(comparison.place)
            yield Finding(text, certain=not (missing and read[0][0].aws_native))
    if not every and not told:
        for contract, schema in reversed(read):
            for comparison in _unmet(where, place, schema):
                yield Finding(_text(comparison, comparison.values, contract, schema, len(read) > 1))


def _dead(comparison: _Comparison, read: Sequence[tuple[Contract, Schema]], every: bool) -> Iterator[tuple[str, bool]]:
    """What is wrong in every version, and whether that is a field that none has."""
    contract, newest = read[-1]
    if not any(find(schema, comparison.path) for _, schema in read):
        if every:
            yield f"{comparison.place}: no event has such a field; correct the name", True
        else:
            yield _text(comparison, comparison.values, contract, newest, False), True
        return
    for value in comparison.values:
        if not any(possible(value, find(schema, comparison.path)) for _, schema in read):
            holder = next(each for each in reversed(read) if find(each[1], comparison.path))
            yield _text(comparison, [value], *holder, False), False


def _text(comparison: _Comparison, values: Sequence[Any], contract: Contract, schema: Schema, several: bool) -> str:
    fields = find(schema, comparison.path)
    if not fields:
        near = nearest(schema, comparison.path)
        hint = f"did you mean {near}? " if near else ""
        fix = (
            "write $or with the name of each version, or take events without it too, {exists: false}"
            if several
            else "correct the name"
        )
        return f"{comparison.place}: {contract} has no field {'.'.join(comparison.path)}; {hint}{fix}"
    wanted = ", ".join(json.dumps(value, default=str) for value in values)
    if list(values) == [{"exists": False}]:
        return f"{comparison.place}: {wanted}: every {contract} has this field; leave the condition out"
    holds = described(field.schema for field in fields)
    return f"{comparison.place}: {wanted}: no {contract} can meet this: it holds {holds}; correct the value"


def _comparisons(where: Mapping[str, Any], place: str, path: tuple[str, ...] = ()) -> Iterator[_Comparison]:
    """All of a filter's, those within $or too."""
    for name, inner in where.items():
        if SNS.is_or(name, inner):
            for at, branch in enumerate(inner):
                yield from _comparisons(branch, f"{place}.$or[{at}]", path)
        elif isinstance(inner, Mapping):
            yield from _comparisons(inner, f"{place}.{name}", (*path, *name.split(".")))
        elif isinstance(inner, list):  # what else a workflow says Terraform refuses
            yield _Comparison(f"{place}.{name}", (*path, *name.split(".")), inner)


def _unmet(where: Mapping[str, Any], place: str, schema: Schema, path: tuple[str, ...] = ()) -> list[_Comparison]:
    """What stands against every event of the schema; nothing, if one can pass."""
    found: list[_Comparison] = []
    for name, inner in where.items():
        if SNS.is_or(name, inner):
            branches = [_unmet(branch, f"{place}.$or[{at}]", schema, path) for at, branch in enumerate(inner)]
            found += [] if not all(branches) else branches[0]
        elif isinstance(inner, Mapping):
            found += _unmet(inner, f"{place}.{name}", schema, (*path, *name.split(".")))
        elif isinstance(inner, list):
            comparison = _Comparison(f"{place}.{name}", (*path, *name.split(".")), inner)
            fields = find(schema, comparison.path)
            if not any(possible(value, fields) for value in inner):
                found.append(comparison)
    return found
