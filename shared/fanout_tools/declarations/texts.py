"""What pydantic found wrong in a ``worker.yaml``, in plain words: the key, the value, what it must be.

The wording comes from the manifest's JSON Schema, so that a new key needs no new text.
"""

import json
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

__all__ = ["problems"]

_MISSING = object()


def problems(model: type[BaseModel], declared: object, error: ValidationError) -> list[str]:
    """A line ``<key>: <what is wrong>; <the fix>`` for each error, in the order of the keys."""
    root = model.model_json_schema()
    return [_problem(root, declared, detail["type"], detail["loc"]) for detail in error.errors()]


def _problem(root: Mapping[str, Any], declared: object, kind: str, where: tuple[int | str, ...]) -> str:
    if where and where[-1] == "[key]":
        key = _dotted(where[:-1])
        pattern = next(iter(_schema_at(root, where[:-2])["patternProperties"]))
        return f"{key}: {_json(where[-2])}: must match {pattern}"
    key = _dotted(where) or "the file"
    if kind == "missing":
        return f"{key}: missing; add it"
    if kind in ("extra_forbidden", "invalid_key"):
        known = sorted(_schema_at(root, where[:-1]).get("properties", ()))  # as Terraform lists them
        return f"{key}: unknown key; write one of {', '.join(known)}"
    return f"{key}: {_json(_value_at(declared, where))}: {_wanted(root, _schema_at(root, where))}"


def _dotted(where: tuple[int | str, ...]) -> str:
    return ".".join(str(step) for step in where)


def _json(value: object) -> str:
    return "nothing" if value is _MISSING else json.dumps(value, default=str, ensure_ascii=False, separators=(",", ":"))


def _value_at(declared: object, where: tuple[int | str, ...]) -> object:
    value: Any = declared
    for step in where:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return _MISSING
    return value


def _schema_at(root: Mapping[str, Any], where: tuple[int | str, ...]) -> Mapping[str, Any]:
    schema = _resolved(root, root)
    for step in where:
        if isinstance(step, int):
            below = schema.get("items", {})
        else:
            below = schema.get("properties", {}).get(step) or _free_key(schema)
        schema = _resolved(root, below)
    return schema


def _free_key(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema of what stands under a key of the file's own choosing, a table's name for instance."""
    found: Mapping[str, Any] = next(iter(schema.get("patternProperties", {}).values()), {})
    return found


def _resolved(root: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema behind a reference, or the one that is not null of a nullable."""
    for option in schema.get("anyOf", ()):
        if option.get("type") != "null":
            return _resolved(root, option)
    if "$ref" in schema:
        return _resolved(root, root["$defs"][schema["$ref"].rpartition("/")[2]])
    return schema


def _wanted(root: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    schema = _resolved(root, schema)
    if "enum" in schema:
        return f"must be one of {', '.join(schema['enum'])}"
    if "const" in schema:
        return f"must be {schema['const']}"
    match schema.get("type"):
        case "integer":
            return f"must be a whole number from {schema['minimum']} to {schema['maximum']}"
        case "boolean":
            return "must be true or false"
        case "array":
            return "must be a list with at least one entry" if schema.get("minItems") else "must be a list"
        case "string" if "pattern" in schema:
            return f"must match {schema['pattern']}"
        case "string" if "maxLength" in schema:
            return f"must be a text of 1 to {schema['maxLength']} characters"
        case "string":
            return "must be a text"
        case _:
            return "must be a mapping"
