"""A form made from a JSON Schema, and the data that its fields come to; pure.

Objects become fields with dotted names, plain values a box each; what is neither (lists, alternatives, maps) is a box
of JSON. What the fields say is checked by the contract afterwards: here text becomes the type that the schema names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import orjson

from fanout.events.personal import MASK
from fanout_tools.console.entries import FormError

__all__ = ["Field", "fields", "values"]

PREFIX = "field."
DEEPEST = 4
"""Of nested objects; what is deeper is a box of JSON."""
FITTING: dict[str, type | tuple[type, ...]] = {"string": str, "integer": int, "number": (int, float), "boolean": bool}
PLAIN = {"string": "text", "integer": "number", "number": "number", "boolean": "checkbox"}


@dataclass(frozen=True, kw_only=True)
class Field:
    """One box.

    :ivar name: in the form: ``field.`` and the path in the data.
    :ivar kind: text, number, checkbox, select or json.
    """

    name: str
    label: str
    kind: str
    value: str
    required: bool
    help: str = ""
    options: tuple[str, ...] = ()
    limits: Mapping[str, str] | None = None
    """Attributes of the box, as HTML has them."""


def fields(schema: Mapping[str, Any], data: Mapping[str, Any]) -> Iterator[Field]:
    """The boxes for an object of this schema, with the data as they are."""
    yield from _fields(schema, schema, data, ())


def _fields(root: Mapping[str, Any], schema: Mapping[str, Any], data: Any, path: tuple[str, ...]) -> Iterator[Field]:
    required = schema.get("required", ())
    for name, declared in schema.get("properties", {}).items():
        inner, where = _resolved(root, declared), (*path, name)
        value = data.get(name) if isinstance(data, Mapping) else None
        if _is_object(inner) and len(where) < DEEPEST and isinstance(value, Mapping):
            yield from _fields(root, inner, value, where)
        else:
            yield _field(inner, value, where, required=name in required)


def _field(schema: Mapping[str, Any], value: Any, path: tuple[str, ...], *, required: bool) -> Field:
    options = tuple(map(str, schema.get("enum", ())))
    kind = _kind(schema, value)
    return Field(
        name=PREFIX + ".".join(path),
        label=".".join(path),
        kind=kind,
        value=_written(value, kind),
        required=required and kind not in ("checkbox",),
        help=str(schema.get("description", "")),
        options=options,
        limits=_limits(schema) if kind in ("text", "number") and value != MASK else None,
    )


def _kind(schema: Mapping[str, Any], value: Any) -> str:
    """A value of another type than the schema says is JSON: it may be what is to be corrected."""
    declared = str(schema.get("type", ""))
    if declared not in PLAIN or not isinstance(value, FITTING[declared]):
        return "json"
    return "select" if schema.get("enum") and declared == "string" else PLAIN[declared]


def _written(value: Any, kind: str) -> str:
    if kind == "json":
        return "" if value is None else orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()
    if kind == "checkbox":
        return "true" if value else ""
    return str(value)


def _limits(schema: Mapping[str, Any]) -> dict[str, str]:
    names = {"minLength": "minlength", "maxLength": "maxlength", "minimum": "min", "maximum": "max"}
    found = {html: str(schema[name]) for name, html in names.items() if name in schema}
    if schema.get("type") in ("integer", "number"):
        found["step"] = "1" if schema["type"] == "integer" else "any"
    return found


def _resolved(root: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """With what ``$ref`` points to."""
    seen = 0
    while "$ref" in schema and seen < DEEPEST:
        name = str(schema["$ref"]).rpartition("/")[2]
        schema, seen = {**root.get("$defs", {}).get(name, {}), **_without_ref(schema)}, seen + 1
    return schema


def _without_ref(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in schema.items() if name != "$ref"}


def _is_object(schema: Mapping[str, Any]) -> bool:
    return schema.get("type") == "object" and bool(schema.get("properties"))


def values(schema: Mapping[str, Any], form: Mapping[str, str], data: Mapping[str, Any]) -> dict[str, Any]:
    """The data as the form has them; what the form does not show stays.

    :raises FormError: a field's text is no value of its type.
    """
    made = deepcopy(dict(data))
    for each in fields(schema, data):
        path = each.name.removeprefix(PREFIX).split(".")
        if each.kind == "checkbox":
            _put(made, path, each.name in form)
        elif each.name in form:
            _put(made, path, _value(each, form[each.name]))
    return made


def _value(shown: Field, text: str) -> Any:
    """None of an empty box of JSON: the key is left out."""
    if shown.kind in ("text", "select"):
        return text.replace("\r\n", "\n")
    if not text.strip() and shown.kind == "json":
        return None
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        what = "JSON" if shown.kind == "json" else "a number"
        raise FormError(f"{shown.label}: not {what}: {error}") from error


def _put(data: dict[str, Any], path: list[str], value: Any) -> None:
    *parents, last = path
    for name in parents:
        data = data[name]
    if value is None and last not in data:
        return
    data[last] = value
