"""The fields that a contract's JSON Schema gives an event, and the values that may stand in them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

__all__ = ["Field", "Schema", "find", "nearest", "variants"]

Schema = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Field:
    """One way in which a path leads to a field; a union has several."""

    schema: Schema
    optional: bool
    """Whether there are valid events without the field."""


def find(root: Schema, path: Sequence[str]) -> list[Field]:
    """Every way in which the path, names of fields from the data down, leads to a leaf or an object."""
    return [*_find(root, root, path, False)]


def _find(root: Schema, schema: Schema, path: Sequence[str], optional: bool) -> Iterator[Field]:
    for variant in variants(root, schema):
        if variant.get("type") == "array":
            for item in _items(variant):
                yield from _find(root, item, path, True)
        elif not path:
            yield Field(variant, optional)
        elif not variant.keys() & {"type", "properties"} and "enum" not in variant and "const" not in variant:
            yield Field({}, True)  # of any value, a mapping too
        else:
            several = optional or len([*variants(root, schema)]) > 1
            for taken, below, required in _below(variant, path):
                yield from _find(root, below, path[taken:], several or not required)


def _below(variant: Schema, path: Sequence[str]) -> Iterator[tuple[int, Schema, bool]]:
    """What the path's next names lead to, how many they are (a name may have dots in it), and whether it is
    required."""
    properties = variant.get("properties", {})
    known = False
    for taken in range(1, len(path) + 1):
        name = ".".join(path[:taken])
        if name in properties:
            known = True
            yield taken, properties[name], name in variant.get("required", ())
    if known or variant.get("type") not in ("object", None):
        return
    for pattern, below in variant.get("patternProperties", {}).items():
        if re.search(pattern, path[0]):
            yield 1, below, False
    further = variant.get("additionalProperties", False)
    if further is not False:
        yield 1, {} if further is True else further, False


def variants(root: Schema, schema: Schema) -> Iterator[Schema]:
    """The schemas that ``schema`` stands for: behind a reference, and each of a union."""
    if reference := schema.get("$ref"):
        yield from variants(root, root["$defs"][reference.rpartition("/")[2]])
        return
    unions = [each for kind in ("anyOf", "oneOf", "allOf") for each in schema.get(kind, ())]
    if unions:
        for each in unions:
            yield from variants(root, each)
    elif isinstance(types := schema.get("type"), list):
        yield from ({**schema, "type": each} for each in types)
    else:
        yield schema


def _items(array: Schema) -> Iterator[Schema]:
    yield from array.get("prefixItems", ())
    if "items" in array or "prefixItems" not in array:
        items = array.get("items", {})
        if items is not False:
            yield {} if items is True else items


def nearest(root: Schema, path: Sequence[str]) -> str | None:
    """What the path might have meant, as far as to the first of its names that leads nowhere."""
    for length in range(len(path)):
        if not find(root, path[: length + 1]):
            above = find(root, path[:length]) if length else [Field(each, False) for each in variants(root, root)]
            names = sorted({name for field in above for name in field.schema.get("properties", {})})
            near = get_close_matches(path[length], names, 1, 0.5)
            return ".".join([*path[:length], *near]) if near else None
    return None
