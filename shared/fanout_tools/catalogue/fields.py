"""The fields of a contract as its JSON Schema tells them, nested ones by their path."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

__all__ = ["Field", "fields"]

_BOUNDS: Final = {
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "minimum": "at least {}",
    "maximum": "at most {}",
    "exclusiveMinimum": "over {}",
    "exclusiveMaximum": "under {}",
    "minItems": "at least {} items",
    "maxItems": "at most {} items",
    "pattern": "matches {}",
}
DEEPEST: Final = 4
"""Levels that are told; a schema may contain itself."""


@dataclass(frozen=True, kw_only=True)
class Field:
    """One field, in words."""

    path: str
    """Such as ``lines[].sku``."""
    pointer: str
    """Where the schema has it (RFC 6901)."""
    type: str
    required: bool
    notes: str
    deprecated: bool


def fields(schema: Mapping[str, Any]) -> list[Field]:
    """Every field of a schema, parents before their children."""
    return list(_fields(schema, schema, "", "", DEEPEST))


def _fields(root: Mapping[str, Any], at: Mapping[str, Any], path: str, pointer: str, depth: int) -> Iterator[Field]:
    required = at.get("required", ())
    for name, declared in at.get("properties", {}).items():
        resolved, place = _resolved(root, declared, f"{pointer}/properties/{_escaped(name)}")
        inner, inner_place, suffix = _innermost(root, resolved, place)
        yield Field(
            path=f"{path}{name}",
            pointer=f"{pointer}/properties/{_escaped(name)}",
            type=_type(root, resolved),
            required=name in required,
            notes=", ".join(_notes({**resolved, **declared})),
            deprecated=bool(declared.get("deprecated")),
        )
        if depth > 1:
            yield from _fields(root, inner, f"{path}{name}{suffix}.", inner_place, depth - 1)


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def _resolved(root: Mapping[str, Any], schema: Mapping[str, Any], place: str) -> tuple[Mapping[str, Any], str]:
    reference = schema.get("$ref", "")
    if not reference.startswith("#/$defs/"):
        return schema, place
    name = reference.removeprefix("#/$defs/")
    return root["$defs"][name], f"/$defs/{name}"


def _innermost(root: Mapping[str, Any], schema: Mapping[str, Any], place: str) -> tuple[Mapping[str, Any], str, str]:
    """What a list holds, or the schema itself; with what to write behind the field's name."""
    if schema.get("type") != "array" or not isinstance(schema.get("items"), Mapping):
        return schema, place, ""
    items, items_place = _resolved(root, schema["items"], f"{place}/items")
    return items, items_place, "[]"


def _type(root: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    schema, _ = _resolved(root, schema, "")
    if "const" in schema:
        return f"always {schema['const']!r}"
    if "enum" in schema:
        return "one of " + ", ".join(map(str, schema["enum"]))
    for combined in ("anyOf", "oneOf"):
        if combined in schema:
            return " or ".join(dict.fromkeys(_type(root, it) for it in schema[combined]))
    if schema.get("type") == "array":
        return f"list of {_type(root, schema.get('items', {}))}"
    if "properties" in schema:
        return str(schema.get("title", "object"))
    return str(schema.get("format") or schema.get("type", "anything"))


def _notes(schema: Mapping[str, Any]) -> Iterator[str]:
    if schema.get("description") and "properties" not in schema:
        yield " ".join(str(schema["description"]).split())
    yield from (text.format(schema[key]) for key, text in _BOUNDS.items() if key in schema)
    if schema.get("default") is not None:
        yield f"else {schema['default']!r}"
