"""Golden events: kept as they were delivered, and read for ever after."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from fanout import Envelope, Event, EventError, upcasts
from fanout.events.event import load_contracts
from fanout_tools.contracts.golden import Golden, find, problems, record
from fanout_tools.contracts.snapshots import read_all
from fanout_tools.project import project as project_of

from ...fanout.conftest import ThingHappened

ROOT = Path(__file__).parents[4]


class Weighed(Event, source="test.golden", version=2):
    """Version 1 had ``kg``."""

    grams: int


@upcasts(Weighed, from_version=1)
def in_grams(data: dict[str, Any]) -> dict[str, Any]:
    return {"grams": data["kg"] * 1000}


class Gone(Event, source="aws.golden", name="Instance Gone"):
    """An AWS service's own event."""

    who: str


# The shop's.


def test_the_shops_golden_events_are_read_by_its_contracts() -> None:
    """GIVEN the shop's golden events WHEN read by today's contracts THEN all are, and no version is without one."""
    assert list(problems(load_contracts(), project_of(ROOT).golden)) == []


@pytest.mark.parametrize("golden", find(project_of(ROOT).golden), ids=lambda golden: golden.path.name)
def test_the_shops_golden_events_keep_the_schema_of_their_day(golden: Golden) -> None:
    """GIVEN a golden event WHEN held against the snapshot of the version it was published under THEN it keeps it."""
    schema = read_all(project_of(ROOT).schemas)[golden.contract]
    Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER).validate(
        Envelope.decode(golden.delivered()).data
    )


# Keeping.


def test_a_kept_event_is_one_as_delivered(tmp_path: Path) -> None:
    """GIVEN data of either version WHEN kept THEN the file is what a queue would deliver, and nothing is wrong with
    it."""
    older = record(Weighed, {"kg": 2}, "plain", tmp_path, version=1)
    record(Weighed, {"grams": 2}, "light", tmp_path, version=2)

    assert older == tmp_path / "test.golden" / "Weighed.v1.plain.json"
    envelope = Envelope.decode(older.read_bytes())
    assert (envelope.identifier, envelope.metadata.schema_version) == ("test.golden/Weighed", 1)
    assert envelope.data == {"kg": 2}
    assert [golden.case for golden in find(tmp_path)] == ["plain", "light"]
    assert list(problems([Weighed], tmp_path)) == []


def test_an_aws_event_is_kept_with_all_its_fields(tmp_path: Path) -> None:
    """GIVEN an AWS service's event WHEN kept THEN it has no envelope, and the fields that we do not read."""
    path = record(Gone, {"who": "i-1", "why": "rest"}, "plain", tmp_path, version=1)

    assert json.loads(path.read_text())["detail"] == {"who": "i-1", "why": "rest"}
    assert list(problems([Gone], tmp_path)) == []


@pytest.mark.parametrize(
    ("data", "version", "case", "said"),
    [
        ({"kg": "much"}, 1, "plain", "grams: "),
        ({"pounds": 2}, 1, "plain", "in_grams cannot upcast"),
        ({"grams": 1}, 3, "plain", "version 3, which this worker does not know yet"),
        ({"grams": 1, "colour": "red"}, 2, "plain", "colour: Extra inputs are not permitted"),
        ({"grams": 1}, 2, "../plain", "case '../plain': must be of a-z"),
    ],
)
def test_only_good_events_are_kept(tmp_path: Path, data: Any, version: int, case: str, said: str) -> None:
    """GIVEN data that cannot be read, or not be published, or a bad case WHEN kept THEN it is refused and not there."""
    with pytest.raises(EventError, match=said):
        record(Weighed, data, case, tmp_path, version=version)

    assert find(tmp_path) == []


def test_a_kept_event_is_not_replaced(tmp_path: Path) -> None:
    """GIVEN a golden event WHEN another is kept under its name THEN that is refused."""
    path = record(Weighed, {"grams": 1}, "plain", tmp_path, version=2)
    before = path.read_bytes()

    with pytest.raises(EventError, match="is there already, and events do not change; choose another --case"):
        record(Weighed, {"grams": 2}, "plain", tmp_path, version=2)
    assert path.read_bytes() == before


# Checking.


def test_a_version_without_a_golden_event_is_told(tmp_path: Path) -> None:
    """GIVEN no golden events WHEN checked THEN each readable version asks for one with the command that keeps it."""
    assert list(problems([Weighed], tmp_path)) == [
        f"test.golden/Weighed version {version}: has no golden event; keep one: "
        f"`fanout contract golden 'test.golden/Weighed' --version {version} --data '{{...}}'`"
        for version in (1, 2)
    ]


def kept(tmp_path: Path, name: str, body: Any) -> Path:
    record(ThingHappened, {"number": 1}, "plain", tmp_path, version=1)
    path = tmp_path / "test.things" / name
    path.write_text(body if isinstance(body, str) else json.dumps(body))
    return path


def delivered(*, number: object = 1, version: int = 1) -> dict[str, Any]:
    metadata = {"event_id": "e", "schema_version": version, "correlation_id": "e", "published_at": "2026-01-01"}
    detail = {"metadata": metadata, "data": {"number": number}}
    return {"source": "test.things", "detail-type": "ThingHappened", "detail": detail}


@pytest.mark.parametrize(
    ("name", "body", "said"),
    [
        ("ThingHappened.v1.json", delivered(), "is not called <Name>.v<version>.<case>.json"),
        ("notes.txt", "", "is not called <Name>.v<version>.<case>.json"),
        ("ThingGone.v1.plain.json", delivered(), "no contract declares test.things/ThingGone; declare it again or"),
        ("ThingHappened.v1.bad.json", "{", "the body is not JSON"),
        ("ThingHappened.v1.bad.json", {**delivered(), "detail": {}}, "detail.data: must be a mapping"),
        ("ThingHappened.v2.bad.json", delivered(), "holds test.things/ThingHappened version 1; name the file after"),
        ("ThingHappened.v1.bad.json", delivered(number="x"), "test.things/ThingHappened version 1: number: "),
        ("ThingHappened.v2.bad.json", delivered(version=2), "version 2, which this worker does not know yet"),
    ],
)
def test_what_cannot_be_read_is_told_by_file(tmp_path: Path, name: str, body: Any, said: str) -> None:
    """GIVEN a file that is misnamed, orphaned, or not to be read any more WHEN checked THEN it is named with why."""
    path = kept(tmp_path, name, body)

    [problem] = problems([ThingHappened], tmp_path)
    assert problem.startswith(f"{path}: ")
    assert said in problem
