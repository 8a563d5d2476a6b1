"""A JSON Schema as a list of plain alternatives: references followed, unions and lists of types taken apart."""

from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["Schema", "alternatives", "node"]

Schema = Mapping[str, Any]

_UNIONS = ("anyOf", "oneOf")


def node(schema: Schema | bool) -> Schema:
    """JSON Schema's ``true`` allows everything, ``false`` nothing."""
    if isinstance(schema, bool):
        return {} if schema else {"not": {}}
    return schema


def alternatives(schema: Schema, root: Schema) -> list[Schema]:
    """The schemas of which a value has to keep one; none of them has a reference, a union or a list of types at its
    top.

    :param root: the document that references are resolved in.
    """
    return list(_alternatives(_resolved(schema, root, ()), root))


def _alternatives(schema: Schema, root: Schema) -> Iterator[Schema]:
    for union in _UNIONS:
        if union in schema:
            beside = {key: value for key, value in schema.items() if key not in (union, "discriminator")}
            for member in schema[union]:
                yield from _alternatives({**beside, **_resolved(node(member), root, ())}, root)
            return
    types = schema.get("type")
    if isinstance(types, list):
        for each in types:
            yield {**schema, "type": each}
        return
    yield schema


def _resolved(schema: Schema, root: Schema, followed: tuple[str, ...]) -> Schema:
    """Without ``$ref``, and without an ``allOf`` of one member; keywords beside them stay."""
    all_of = schema.get("allOf", ())
    if len(all_of) == 1:
        beside = {key: value for key, value in schema.items() if key != "allOf"}
        return {**_resolved(node(all_of[0]), root, followed), **beside}
    reference = schema.get("$ref")
    if reference is None or reference in followed:
        return schema
    beside = {key: value for key, value in schema.items() if key != "$ref"}
    return {**_resolved(_at(reference, root), root, (*followed, reference)), **beside}


def _at(reference: str, root: Schema) -> Schema:
    """What ``#/$defs/...`` points to (RFC 6901)."""
    found: Any = root
    for step in reference.removeprefix("#").strip("/").split("/"):
        found = found[step.replace("~1", "/").replace("~0", "~")] if step else found
    return node(found)
