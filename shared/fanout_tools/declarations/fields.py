"""The fields that a contract's JSON Schema gives an event, and the values that may stand in them: whether one can ever
be what a filter compares it with.

Only what is certain is called impossible: of two regular expressions, for instance, nobody says whether a text meets
both.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from difflib import get_close_matches
from ipaddress import IPv4Address, IPv6Address
from typing import Any
from uuid import UUID

from fanout_tools.patterns import Pattern

__all__ = ["Field", "Schema", "described", "find", "nearest", "possible", "variants"]

Schema = Mapping[str, Any]

_FORMATS: Mapping[str, Callable[[str], object]] = {
    "date": date.fromisoformat,
    "date-time": datetime.fromisoformat,
    "time": time.fromisoformat,
    "uuid": UUID,
    "ipv4": IPv4Address,
    "ipv6": IPv6Address,
}
_ON_TEXT = ("prefix", "suffix", "wildcard", "equals-ignore-case", "cidr")


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


def possible(wanted: Any, fields: Iterable[Field]) -> bool:
    """Whether a valid event can meet one element of a filter's array, a plain value or an operator.

    :param fields: where the filter's path leads; none: the event has no such field.
    """
    found = list(fields)
    if wanted == {"exists": False}:
        return not found or all(field.optional or field.schema.get("type") == "object" for field in found)
    return any(_meets(wanted, field.schema) for field in found)


def _meets(wanted: Any, schema: Schema) -> bool:
    """Whether a value of the schema can meet what is wanted."""
    few = _all_values(schema)
    if few is not None:
        pattern = Pattern.parse({"field": [wanted]})
        return any(pattern.matches({"field": value}) for value in few)
    match schema.get("type"):
        case "object":
            return False  # a filter compares leaves
        case "string":
            return _text(wanted, schema)
        case "integer" | "number":
            return _number(wanted, schema)
    return True


def _all_values(schema: Schema) -> list[Any] | None:
    """The values of a schema that has only few."""
    if "const" in schema:
        return [schema["const"]]
    if "enum" in schema:
        return list(schema["enum"])
    few: dict[str, list[Any]] = {"boolean": [True, False], "null": [None]}
    return few.get(schema.get("type", ""))


def _text(wanted: Any, schema: Schema) -> bool:
    if not isinstance(wanted, dict):
        return isinstance(wanted, str) and _is_valid(wanted, schema)
    ((operator, operand),) = wanted.items()
    if operator == "numeric":
        return False
    if operator in ("prefix", "suffix") and isinstance(operand, str):
        return bool(len(operand) <= schema.get("maxLength", math.inf))
    if operator == "equals-ignore-case" and isinstance(operand, str):
        return _is_valid(operand, schema, flags=re.IGNORECASE)
    return True


def _is_valid(text: str, schema: Schema, *, flags: int = 0) -> bool:
    if not schema.get("minLength", 0) <= len(text) <= schema.get("maxLength", math.inf):
        return False
    if "pattern" in schema and not _found(schema["pattern"], text, flags):
        return False
    read = _FORMATS.get(schema.get("format", ""))
    try:
        return read is None or read(text) is not None
    except ValueError:
        return False


def _found(pattern: str, text: str, flags: int) -> bool:
    try:
        return re.search(pattern, text, flags) is not None
    except re.error:
        return True  # the schema's language of patterns knows what Python's does not


def _number(wanted: Any, schema: Schema) -> bool:
    if not isinstance(wanted, dict):
        is_number = isinstance(wanted, int | float) and not isinstance(wanted, bool)
        return is_number and _overlaps(schema, [("=", wanted)])
    ((operator, operand),) = wanted.items()
    if operator in _ON_TEXT:
        return False
    if operator == "numeric":
        return _overlaps(schema, list(zip(operand[::2], operand[1::2], strict=True)))
    return True


def _overlaps(schema: Schema, comparisons: list[tuple[str, float]]) -> bool:
    """Whether a number of the schema meets all comparisons."""
    limits = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}
    wanted = [*comparisons, *((sign, schema[key]) for key, sign in limits.items() if key in schema)]
    low = max(((n, sign == ">") for sign, n in wanted if sign in (">", ">=", "=")), default=(-math.inf, False))
    high = min(((n, sign != "<") for sign, n in wanted if sign in ("<", "<=", "=")), default=(math.inf, True))
    if schema.get("type") == "integer":
        low, high = _whole(low[0], low[1], up=True), _whole(high[0], not high[1], up=False)
    return low[0] < high[0] or (low[0] == high[0] and not low[1] and high[1])


def _whole(bound: float, is_open: bool, *, up: bool) -> tuple[float, bool]:
    """The whole number nearest to the bound within it, as a closed bound."""
    if math.isinf(bound):
        return bound, not up
    whole = math.ceil(bound) if up else math.floor(bound)
    if is_open and whole == bound:
        whole += 1 if up else -1
    return whole, not up


def described(schemas: Iterable[Schema]) -> str:
    """What the field may hold, in the schema's words."""
    return " or ".join(dict.fromkeys(map(_described, schemas)))


def _described(schema: Schema) -> str:
    if "const" in schema:
        return f"{schema['const']!r} alone"
    if "enum" in schema:
        return "one of " + ", ".join(map(str, schema["enum"]))
    if schema.get("type") == "object":
        return "an object, whose fields are " + (", ".join(schema.get("properties", ())) or "its own")
    keys = ("format", "pattern", "minLength", "maxLength", "minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum")
    limits = [f"{key} {schema[key]}" for key in keys if key in schema]
    return ", ".join([f"type {schema.get('type', 'any')}", *limits])
