"""Personal data: which fields of an event say something about a person, and what stands in their place.

A contract marks them::

    class OrderPlaced(Event, source="shop.orders", version=2):
        email: Personal[str]

The mark is the keyword ``x-personal`` of the field's JSON Schema, so that it is in snapshots, in the AsyncAPI document
and in the catalogue. It changes nothing of what is published and read. What a worker logs while it handles such an
event, and what it writes on a dead letter, has :data:`MASK` in place of the values; the operators' tools show
:data:`MASK` unless they are asked for the values.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from pydantic import Field

if TYPE_CHECKING:
    from fanout.events.envelope import Envelope
    from fanout.events.event import Event

__all__ = [
    "KEYWORD",
    "MASK",
    "Personal",
    "fields",
    "forget",
    "hidden",
    "masked",
    "values",
    "values_by_name",
    "values_of",
]

KEYWORD = "x-personal"
"""Of a field's JSON Schema."""
MASK = "[personal]"
"""Stands where a personal value stood."""

T = TypeVar("T")
Personal = Annotated[T, Field(json_schema_extra={KEYWORD: True})]
"""Marks a field: ``email: Personal[str]``, ``address: Personal[Address]``, ``phones: list[Personal[str]]``."""

Schema = Mapping[str, Any]
SHORTEST = 3
"""Characters of a value that is looked for within a text: of a shorter one every other word has a part."""


def fields(schema: Schema) -> list[str]:
    """The marked fields of a contract's schema, as paths: ``email``, ``lines[].note``."""
    return sorted(set(_marked(schema, schema, "", ())))


def masked(schema: Schema, data: Any) -> Any:
    """The data as JSON values with :data:`MASK` in place of what is marked. In a contract that marks anything, a field
    that it does not know is masked too: it may be a later version's."""
    return _masked(schema, [schema], data) if fields(schema) else data


def values(schema: Schema, data: Any) -> frozenset[str]:
    """The texts of the marked values in the data."""
    return frozenset(_values(schema, [schema], data))


def hidden(text: str, personal: frozenset[str]) -> str:
    """The text with :data:`MASK` in place of each of these values."""
    if text in personal:
        return MASK
    for each in sorted((it for it in personal if len(it) >= SHORTEST), key=len, reverse=True):
        for form in dict.fromkeys((each, json.dumps(each)[1:-1], repr(each)[1:-1])):
            text = text.replace(form, MASK)
    return text


def values_of(envelope: Envelope) -> frozenset[str]:
    """The texts of the personal values in an event, by its contract in this process; none where there is no contract,
    or none of its fields is marked."""
    from fanout.errors import ContractError

    try:
        schema = _schema_of(envelope.identifier)
    except ContractError:  # it may be imported yet
        return frozenset()
    return values(schema, envelope.data) if schema is not None else frozenset()


def values_by_name(payload: Any) -> frozenset[str]:
    """The texts in JSON values that are no event's as a whole, by the names of fields that any contract in this process
    marks: ``email`` of an order within a workflow's payload."""
    from fanout.events.event import contracts

    return frozenset(_named(_names(tuple(contracts())), payload))


def _named(names: frozenset[str], payload: Any) -> Iterator[str]:
    if isinstance(payload, Mapping):
        for name, value in payload.items():
            yield from _texts(value) if name in names else _named(names, value)
    elif isinstance(payload, list):
        for each in payload:
            yield from _named(names, each)


@lru_cache(maxsize=4)
def _names(contracts: tuple[type[Event], ...]) -> frozenset[str]:
    paths = [path for event in contracts for path in fields(event.model_json_schema(mode="serialization"))]
    return frozenset(re.sub(r"(\[\]|\.\*)+$", "", path).rpartition(".")[2] for path in paths)


def forget() -> None:
    """Read the contracts anew: they are imported anew."""
    _schema_of.cache_clear()
    _names.cache_clear()


@lru_cache(maxsize=256)
def _schema_of(identifier: str) -> Schema | None:
    """None: there is nothing marked. By names, so that it does for older versions of the event.

    :raises ContractError: there is no such contract in this process.
    """
    from fanout.events.event import contract_of

    schema = contract_of(identifier).model_json_schema(mode="serialization")
    return schema if fields(schema) else None


def _marked(root: Schema, schema: Schema, path: str, above: tuple[int, ...]) -> Iterator[str]:
    """
    :param above: the schemas further up: one that recurs has no further fields.
    """
    if id(schema) in above:
        return
    for node in _nodes(root, [schema]):
        if node.get(KEYWORD):
            yield path or "data"
            return
        deeper = (*above, id(schema), id(node))
        for name, child in node.get("properties", {}).items():
            yield from _marked(root, child, f"{path}.{name}".lstrip("."), deeper)
        for child, suffix in _others(node):
            yield from _marked(root, child, f"{path}{suffix}", deeper)


def _others(node: Schema) -> Iterator[tuple[Schema, str]]:
    """The schemas of a list's items and of a map's values."""
    for child in (node.get("items"), *node.get("prefixItems", ())):
        if isinstance(child, Mapping):
            yield child, "[]"
    if isinstance(others := node.get("additionalProperties"), Mapping):
        yield others, ".*"


def _nodes(root: Schema, schemas: Sequence[Schema]) -> list[Schema]:
    """The schemas with their references and alternatives, each of which may be the one that holds."""
    found: list[Schema] = []
    waiting = list(schemas)
    while waiting:
        node = waiting.pop()
        if not isinstance(node, Mapping) or any(node is it for it in found):
            continue
        found.append(node)
        reference = node.get("$ref", "")
        if reference.startswith("#/$defs/"):
            waiting.append(root.get("$defs", {}).get(reference.removeprefix("#/$defs/"), {}))
        for keyword in ("anyOf", "oneOf", "allOf"):
            waiting.extend(node.get(keyword, ()))
    return found


def _children(nodes: Sequence[Schema], name: str) -> list[Schema]:
    """The schemas of a field; none where it is not known."""
    named = [node["properties"][name] for node in nodes if name in node.get("properties", {})]
    return named or [child for node in nodes for child, suffix in _others(node) if suffix == ".*"]


def _items(nodes: Sequence[Schema]) -> list[Schema]:
    return [child for node in nodes for child, suffix in _others(node) if suffix == "[]"]


def _masked(root: Schema, schemas: Sequence[Schema], data: Any) -> Any:
    nodes = _nodes(root, schemas)
    if any(node.get(KEYWORD) for node in nodes):
        return None if data is None else MASK
    if isinstance(data, Mapping):
        kept = _takes_any(nodes)
        return {name: _field(root, _children(nodes, name), value, kept=kept) for name, value in data.items()}
    if isinstance(data, list):
        return [_masked(root, _items(nodes), each) for each in data]
    return data


def _takes_any(nodes: Sequence[Schema]) -> bool:
    """Whether fields that are not named are the contract's own all the same."""
    named = any("properties" in node for node in nodes)
    return not named or any(node.get("additionalProperties") is True for node in nodes)


def _field(root: Schema, schemas: Sequence[Schema], value: Any, *, kept: bool) -> Any:
    if not schemas and not kept:
        return MASK
    return _masked(root, schemas, value)


def _values(root: Schema, schemas: Sequence[Schema], data: Any) -> Iterator[str]:
    nodes = _nodes(root, schemas)
    if any(node.get(KEYWORD) for node in nodes):
        yield from _texts(data)
    elif isinstance(data, Mapping):
        for name, value in data.items():
            yield from _values(root, _children(nodes, name), value)
    elif isinstance(data, list):
        for each in data:
            yield from _values(root, _items(nodes), each)


def _texts(data: Any) -> Iterator[str]:
    """All that a personal value holds."""
    if isinstance(data, Mapping):
        data = list(data.values())
    if isinstance(data, list):
        for each in data:
            yield from _texts(each)
    elif data is not None and not isinstance(data, bool) and str(data):
        yield str(data)
