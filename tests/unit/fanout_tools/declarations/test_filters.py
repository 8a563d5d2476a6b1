"""``where`` is held against every live version of the event's contract."""

from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field

from fanout import Event
from fanout.events.event import Contract
from fanout_tools.contracts.snapshots import schema
from fanout_tools.declarations.fields import Schema
from fanout_tools.declarations.filters import live, unmet_filters, unmet_workflow_filters
from fanout_tools.declarations.worker import Manifest


class State(StrEnum):
    NEW = "new"
    PAID = "paid"


class Stop(BaseModel):
    town: str = Field(max_length=10)
    floor: int = Field(ge=0, le=9)


class Lorry(BaseModel):
    kind: Literal["lorry"]
    plate: str


class Ship(BaseModel):
    kind: Literal["ship"]
    name: str


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")
    known: str


class RideBooked(Event, source="test.filters", version=2):
    """A ride was booked."""

    pickup: str
    state: State
    code: str = Field(pattern="^[A-Z]{3}$")
    day: date
    seats: int = Field(gt=0, lt=3)
    price: float = Field(ge=0, le=100)
    paid: bool
    stops: list[Stop]
    tags: list[str]
    by: Lorry | Ship = Field(discriminator="kind")
    note: str | None = None
    extra: Open
    free: dict[str, Any] = Field(default={})
    marks: dict[str, int] = Field(default={})
    origin: Stop


class UploadDone(Event, source="aws.filters", version=1):
    """AWS's own event, of which a part is modelled."""

    key: str


NOW = (RideBooked.contract, schema(RideBooked))
AWS = (UploadDone.contract, schema(UploadDone))


def said(where: dict[str, Any], *read: tuple[Contract, Schema], event: str = "test.filters/RideBooked") -> list[str]:
    """What is said of a worker with this filter, without the file's name."""
    declared = {"description": "A", "subscribes": [{"event": event, "where": where}], "via": "bus"}
    manifest = Manifest.model_validate(declared)
    findings = unmet_filters(read or (NOW,), {"probe": manifest})
    start = "services/probe/worker.yaml: subscribes.0.where."
    return [finding.text.removeprefix(start) for finding in findings]


@pytest.mark.parametrize(
    "where",
    [
        {"pickup": ["north", {"prefix": "n"}, {"anything-but": ["south"]}]},
        {"state": ["new"], "code": ["ABC"], "day": ["2026-01-31"]},
        {"state": [{"prefix": "pa"}, {"anything-but": ["new"]}]},
        {"code": [{"equals-ignore-case": "abc"}]},
        {"seats": [1, {"numeric": [">", 1]}], "price": [{"numeric": [">=", 100]}, 0, 99.5]},
        {"paid": [True], "note": [None, {"exists": True}, {"exists": False}]},
        {"stops": {"town": ["x"], "floor": [{"numeric": ["<", 1]}]}, "stops.town": [{"exists": False}]},
        {"tags": ["x", {"exists": False}], "by": {"plate": ["x", {"exists": False}], "kind": ["ship"]}},
        {"extra": {"other": {"deep": [1]}}, "free": {"a": {"b": ["x"]}}, "marks": {"any": [1]}},
        {"$or": [{"pickup": ["x"]}, {"origin": {"floor": [0]}}]},
    ],
    ids=lambda where: ",".join(where),
)
def test_what_a_valid_event_can_meet_is_taken(where: dict[str, Any]) -> None:
    assert said(where) == []


EVENT = "test.filters/RideBooked version 2"


@pytest.mark.parametrize(
    ("where", "problem"),
    [
        ({"pickupp": ["x"]}, f"pickupp: {EVENT} has no field pickupp; did you mean pickup? correct the name"),
        (
            {"stops": {"twon": ["x"]}},
            f"stops.twon: {EVENT} has no field stops.twon; did you mean stops.town? correct the name",
        ),
        (
            {"$or": [{"pickup": ["x"]}, {"origin": {"flor": [1]}}]},
            f"$or[1].origin.flor: {EVENT} has no field origin.flor; did you mean origin.floor? correct the name",
        ),
        ({"zzz": [{"exists": False}]}, f"zzz: {EVENT} has no field zzz; correct the name"),
        ({"zzz": [{"anything-but": "x"}]}, f"zzz: {EVENT} has no field zzz; correct the name"),
        ({"pickup": [{"exists": False}]}, f'pickup: {{"exists": false}}: every {EVENT} has this field; leave the'),
        ({"pickup": [1]}, f"pickup: 1: no {EVENT} can meet this: it holds type string; correct the value"),
        ({"pickup": [{"numeric": [">", 1]}]}, f'pickup: {{"numeric": [">", 1]}}: no {EVENT} can meet this'),
        ({"state": ["new", "piad"]}, f'state: "piad": no {EVENT} can meet this: it holds one of new, paid;'),
        ({"state": [{"prefix": "x"}]}, f'state: {{"prefix": "x"}}: no {EVENT} can meet'),
        ({"state": [{"anything-but": ["new", "paid"]}]}, f'state: {{"anything-but": ["new", "paid"]}}: no {EVENT}'),
        ({"code": ["abc"]}, f'code: "abc": no {EVENT} can meet this: it holds type string, pattern ^[A-Z]{{3}}$;'),
        ({"day": ["31.1.2026"]}, f'day: "31.1.2026": no {EVENT} can meet this: it holds type string, format date;'),
        ({"seats": [3]}, f"seats: 3: no {EVENT} can meet this: it holds type integer, exclusiveMinimum 0"),
        ({"seats": [1.5]}, f"seats: 1.5: no {EVENT}"),
        ({"seats": [{"numeric": [">", 1, "<", 2]}]}, f'seats: {{"numeric": [">", 1, "<", 2]}}: no {EVENT}'),
        ({"price": [{"numeric": [">", 100]}]}, f'price: {{"numeric": [">", 100]}}: no {EVENT}'),
        ({"price": ["5"]}, f'price: "5": no {EVENT}'),
        ({"paid": ["true"]}, f'paid: "true": no {EVENT}'),
        ({"origin": [{"exists": True}]}, f'origin: {{"exists": true}}: no {EVENT} can meet this: it holds an object'),
        ({"stops": {"town": ["longer than ten"]}}, f'stops.town: "longer than ten": no {EVENT}'),
        ({"by": {"kind": ["plane"]}}, f"by.kind: \"plane\": no {EVENT} can meet this: it holds 'lorry' alone or"),
        ({"marks": {"any": ["x"]}}, f'marks.any: "x": no {EVENT}'),
        ({"tags": [1]}, f"tags: 1: no {EVENT}"),
    ],
)
def test_what_no_valid_event_can_meet_is_told(where: dict[str, Any], problem: str) -> None:
    (told,) = said(where)

    assert told.startswith(problem)


OLD_SCHEMA: Schema = {
    "type": "object",
    "properties": {"pick_up": {"type": "string"}, "state": {"enum": ["new"], "type": "string"}},
    "required": ["pick_up", "state"],
}
RENAMED = "test.filters/RideBooked version"
OLD = (Contract("test.filters", "RideBooked", 1), OLD_SCHEMA)


def test_a_field_that_an_older_live_version_has_not_is_told() -> None:
    """GIVEN a field renamed by the book WHEN a filter has the new name, or the old THEN the other version is named."""
    (new,) = said({"pickup": ["x"]}, OLD, NOW)
    (old,) = said({"pick_up": ["x"]}, OLD, NOW)

    assert new.startswith(f"pickup: {RENAMED} 1 has no field pickup; did you mean pick_up? write $or")
    assert old.startswith(f"pick_up: {RENAMED} 2 has no field pick_up; did you mean pickup? write $or")


def test_a_filter_for_each_version_is_taken() -> None:
    assert said({"$or": [{"pickup": ["x"]}, {"pick_up": ["x"]}]}, OLD, NOW) == []
    assert said({"pickup": ["x", {"exists": False}]}, OLD, NOW) == []


def test_a_value_that_an_older_live_version_cannot_have_is_told() -> None:
    (told,) = said({"state": ["paid"]}, OLD, NOW)

    assert told.startswith('state: "paid": no test.filters/RideBooked version 1 can meet this')


def test_an_unknown_field_of_an_aws_native_event_is_a_warning() -> None:
    declared = {
        "description": "A",
        "via": "bus",
        "subscribes": [{"event": "aws.filters/UploadDone", "where": {"kee": ["x"]}}],
    }

    (finding,) = unmet_filters([AWS], {"probe": Manifest.model_validate(declared)})

    assert not finding.certain
    assert "did you mean key?" in finding.text
    assert said({"key": [1]}, AWS, event="aws.filters/UploadDone")[0].startswith("key: 1: no ")


def test_a_filter_on_every_event_needs_one_that_can_meet_it() -> None:
    assert said({"pickup": ["x"]}, NOW, AWS, event="*") == []
    assert said({"pickupp": ["x"]}, NOW, AWS, event="*") == ["pickupp: no event has such a field; correct the name"]


class Renaming(Event, source="test.filters", version=1):
    """Its field is read by an alias, and published by its name."""

    model_config = ConfigDict(populate_by_name=True)

    in_python: str = Field(alias="inJson")


class AwsRenaming(Event, source="aws.filters", version=1):
    """Its field has the name that AWS gives it."""

    version_id: str = Field(validation_alias="version-id")


def test_a_field_is_called_as_it_is_on_the_bus(tmp_path: Path) -> None:
    ours, aws = live([Renaming, AwsRenaming], tmp_path)

    assert said({"in_python": ["x"]}, ours, event="test.filters/Renaming") == []
    assert len(said({"inJson": ["x"]}, ours, event="test.filters/Renaming")) == 1
    assert said({"version-id": ["x"]}, aws, event="aws.filters/AwsRenaming") == []
    assert len(said({"version_id": ["x"]}, aws, event="aws.filters/AwsRenaming")) == 1


def test_filters_of_workflows_are_held_against_the_contract(tmp_path: Path) -> None:
    file = tmp_path / "services" / "flow" / "workflow.yaml"
    file.parent.mkdir(parents=True)
    file.write_text("event: test.filters/RideBooked\nwhere: { pickupp: [x] }\n")

    (told,) = unmet_workflow_filters([NOW], tmp_path / "services")

    assert told.text.startswith("services/flow/workflow.yaml: where.pickupp: ")


@pytest.mark.parametrize("values", [[1, 2], ["pickup"]])
def test_an_or_that_sns_takes_for_a_field_is_told_as_one(values: list[Any]) -> None:
    """GIVEN an $or that chooses among no fields WHEN the worker subscribes by a topic THEN it is a field's name, as to
    SNS, and no event has such a field."""
    declared = {"description": "A", "subscribes": [{"event": "test.filters/RideBooked", "where": {"$or": values}}]}

    (told,) = unmet_filters([NOW], {"probe": Manifest.model_validate(declared)})

    assert f"where.$or: {EVENT} has no field $or; correct the name" in told.text


@pytest.mark.parametrize("said", ["{ pickup: 5 }", "{ pickup: null }", "{ $or: [1, 2], pickup: x }", "{ $or: 1 }"])
def test_a_workflows_filter_of_no_arrays_is_left_to_terraform(tmp_path: Path, said: str) -> None:
    """GIVEN a filter whose fields have no arrays, which Terraform refuses WHEN it is checked THEN nothing fails."""
    file = tmp_path / "services" / "flow" / "workflow.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(f"event: test.filters/RideBooked\nwhere: {said}\n", encoding="utf-8")

    told = [it.text for it in unmet_workflow_filters([NOW], tmp_path / "services")]

    assert all("has no field $or" in it for it in told)
