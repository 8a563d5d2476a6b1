"""The fields of idempotency.key are fields of the worker's events."""

from typing import Any, Literal

import pytest
from pydantic import BaseModel, Field

from fanout import Event
from fanout_tools.declarations.key_fields import unknown_key_fields
from fanout_tools.declarations.worker import Manifest


class Place(BaseModel):
    room: str


class Lorry(BaseModel):
    kind: Literal["lorry"]
    plate: str


class Ship(BaseModel):
    kind: Literal["ship"]
    name: str


class ThingMoved(Event, source="test.keys", version=1):
    """A thing was moved."""

    number: int
    place: Place | None = None
    by: Lorry | Ship = Field(discriminator="kind")
    marks: dict[str, str] = Field(default={})
    notes: dict[str, Any] = Field(default={})


def said(*fields: str) -> list[str]:
    declared = {
        "description": "A",
        "subscribes": [{"event": "test.keys/ThingMoved"}],
        "idempotency": {"key": list(fields)},
    }
    return list(unknown_key_fields([ThingMoved], {"the-probe": Manifest.parse(declared, file="f")}))


@pytest.mark.parametrize(
    "field", ["number", "place", "place.room", "by.plate", "by.name", "marks.colour", "notes.any.depth"]
)
def test_fields_of_the_contract_are_known(field: str) -> None:
    """GIVEN a field, or one of a part that may be missing WHEN checked THEN nothing is said."""
    assert said(field) == []


@pytest.mark.parametrize("field", ["numbr", "place.roof", "number.x", "by.flag", "marks.colour.x"])
def test_other_fields_are_told(field: str) -> None:
    """GIVEN a name that no event has WHEN checked THEN the text names file, key and field."""
    [problem] = said(field)
    assert problem.startswith(f"services/the_probe/worker.yaml: idempotency.key.0: {field}: no event")
