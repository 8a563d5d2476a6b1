"""Data to begin a form with: a golden event's, else what a contract's JSON Schema allows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fanout.errors import FanoutError
from fanout.events.envelope import Envelope
from fanout.events.event import Event
from fanout.events.upcasting import read
from fanout_tools.contracts import golden

__all__ = ["example", "sample"]

DEEPEST = 6
"""Of nested schemas: one that holds itself has no end."""
PLAIN: Mapping[str, Any] = {"string": "", "integer": 0, "number": 0, "boolean": False, "null": None, "array": []}
FORMATS = {
    "date": "2026-01-31",
    "date-time": "2026-01-31T12:00:00Z",
    "time": "12:00:00Z",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "email": "somebody@example.com",
    "uri": "https://example.com",
    "duration": "PT1H",
}


def example(contract: type[Event], directory: Path) -> dict[str, Any]:
    """Data of such an event.

    :param directory: of the golden events.
    """
    wanted = contract.contract
    for kept in golden.find(directory):
        if kept.contract == wanted:
            try:
                envelope = Envelope.decode(kept.delivered())
                read(contract, envelope.data, wanted.version)
            except FanoutError:
                continue  # the contract is being changed
            return dict(envelope.data)
    schema = contract.model_json_schema()
    made: dict[str, Any] = sample(schema, schema)
    return made


def sample(root: Mapping[str, Any], schema: Mapping[str, Any], depth: int = 0) -> Any:
    """A value of this schema, as far as it says what it wants."""
    while "$ref" in schema:
        schema = root.get("$defs", {}).get(str(schema["$ref"]).rpartition("/")[2], {})
    for key in ("default", "const"):
        if key in schema:
            return schema[key]
    if listed := schema.get("examples") or schema.get("enum"):
        return listed[0]
    for key in ("anyOf", "oneOf", "allOf"):
        if schema.get(key) and depth < DEEPEST:
            return sample(root, schema[key][0], depth + 1)
    return _of_type(root, schema, depth)


def _of_type(root: Mapping[str, Any], schema: Mapping[str, Any], depth: int) -> Any:
    kind = schema.get("type")
    if kind == "object":
        if depth >= DEEPEST:
            return {}
        inner = schema.get("properties", {})
        return {name: sample(root, inner[name], depth + 1) for name in inner if name in schema.get("required", ())}
    if kind == "string":
        return FORMATS.get(str(schema.get("format")), "x" * int(schema.get("minLength", 0)))
    if kind == "array" and depth < DEEPEST:
        return [sample(root, schema.get("items", {}), depth + 1) for _ in range(int(schema.get("minItems", 0)))]
    if kind in ("integer", "number"):
        return schema.get("minimum", 0)
    return PLAIN.get(str(kind))
