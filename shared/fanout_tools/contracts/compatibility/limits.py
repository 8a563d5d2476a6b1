"""The keywords of JSON Schema that limit one value: which of the writer's values the reader refuses.

Each rule answers (keyword, what the writer's schema says, what the reader's says).
"""

import json
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Any

from fanout_tools.contracts.compatibility.alternatives import Schema

__all__ = ["exceeded", "text", "unlike"]

_LOWEST = {"minimum": None, "minLength": 0, "minItems": 0, "minProperties": 0}
"""Lower limits, and what holds without one."""
_HIGHEST = ("maximum", "maxLength", "maxItems", "maxProperties")
_EXCLUSIVE = {"minimum": "exclusiveMinimum", "maximum": "exclusiveMaximum"}

_COMPARED = {
    *("type", "properties", "required", "additionalProperties", "items", "prefixItems", "default"),
    *("enum", "const", "multipleOf", "uniqueItems", *_LOWEST, *_HIGHEST, *_EXCLUSIVE.values()),
}
"""What has a rule of its own, here or in the comparison."""
_ANNOTATIONS = {
    *("$id", "$schema", "$defs", "$comment", "title", "description", "examples", "deprecated"),
    *("readOnly", "writeOnly", "discriminator"),
}
"""What no value has to keep."""

Difference = tuple[str, str, str]


def text(value: Any) -> str:
    """A value as a reader of JSON writes it; none where the keyword is absent."""
    return "none" if value is None else json.dumps(value, sort_keys=True)


def exceeded(written: Schema, read: Schema) -> Iterator[Difference]:
    """The limits of the reader that the writer's values may exceed."""
    for keyword in _LOWEST:
        yield from _bound(keyword, written, read, 1)
    for keyword in _HIGHEST:
        yield from _bound(keyword, written, read, -1)
    yield from _values(written, read)
    step, wanted = written.get("multipleOf"), read.get("multipleOf")
    if wanted is not None and (step is None or _ratio(step, wanted).denominator != 1):
        yield "multipleOf", text(step), text(wanted)
    if read.get("uniqueItems") and not written.get("uniqueItems"):
        yield "uniqueItems", "false", "true"


def unlike(written: Schema, read: Schema) -> Iterator[Difference]:
    """The reader's keywords that cannot be compared (``pattern``, ``format``, ``not`` ...), and are not the
    writer's."""
    for keyword, wanted in read.items():
        known = keyword in _COMPARED or keyword in _ANNOTATIONS or keyword.startswith("x-")
        if not known and text(written.get(keyword)) != text(wanted):
            yield keyword, text(written.get(keyword)), text(wanted)


def _bound(keyword: str, written: Schema, read: Schema, sign: int) -> Iterator[Difference]:
    """
    :param sign: 1 for a lower limit, -1 for an upper one.
    """
    was, wants = _limit(keyword, written, sign), _limit(keyword, read, sign)
    if wants is not None and (was is None or was < wants):
        yield keyword, _limit_text(was, sign), _limit_text(wants, sign)


def _limit(keyword: str, schema: Schema, sign: int) -> tuple[Decimal, bool] | None:
    """The stricter of the inclusive and the exclusive limit, as something that grows with strictness."""
    limits = [
        (sign * Decimal(str(schema[name])), exclusive)
        for name, exclusive in ((keyword, False), (_EXCLUSIVE.get(keyword), True))
        if name is not None and name in schema
    ]
    least = _LOWEST.get(keyword)
    return max(limits) if limits else (None if least is None else (Decimal(least), False))


def _limit_text(limit: tuple[Decimal, bool] | None, sign: int) -> str:
    if limit is None:
        return "none"
    value, exclusive = limit
    return f"{sign * value}{' (itself excluded)' if exclusive else ''}"


def _values(written: Schema, read: Schema) -> Iterator[Difference]:
    wanted = _enumerated(read)
    if wanted is None:
        return
    values = _enumerated(written)
    if values is None or not values.keys() <= wanted.keys():
        yield "enum", "none" if values is None else text(list(values.values())), text(list(wanted.values()))


def _enumerated(schema: Schema) -> dict[str, Any] | None:
    """The allowed values by their JSON text, for Python's ``True == 1`` is not JSON's."""
    values = [schema["const"]] if "const" in schema else schema.get("enum")
    return None if values is None else {json.dumps(value, sort_keys=True): value for value in values}


def _ratio(step: float, wanted: float) -> Fraction:
    return Fraction(str(step)) / Fraction(str(wanted))
