"""Contracts held against what was released: every difference is told with its readers and its fix."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import Field

from fanout import ContractError, Event, upcasts
from fanout.events.event import load_contracts
from fanout.events.personal import KEYWORD, Personal
from fanout_tools.contracts.check import Finding, against, committed, refuse_breaking
from fanout_tools.contracts.snapshots import path_of, schema, write
from fanout_tools.declarations.worker import Manifest, load_all
from fanout_tools.project import project as project_of

from ...fanout.conftest import ThingFollowed, ThingHappened

ROOT = Path(__file__).parents[4]


def manifest(*events: str) -> Manifest:
    declared = {"description": "Probe", "via": "bus", "subscribes": [{"event": event} for event in events]}
    return Manifest.parse(declared, file="worker.yaml")


READERS: Mapping[str, Manifest] = {
    "audit": manifest("*"),
    "counting": manifest("test.things/ThingHappened", "test.checked/Sent"),
    "other": manifest("test.things/ThingFollowed"),
}


class Sent(Event, source="test.checked", version=2):
    """Version 1 had ``to`` as one address."""

    to: Annotated[list[str], Field(min_length=1)]


@upcasts(Sent, from_version=1)
def one_to_list(data: dict[str, Any]) -> dict[str, Any]:
    return {"to": [data["to"]]}


class Left(Event, source="aws.checked", name="Instance Left"):
    """An AWS service's own event."""

    who: str
    when: int = 0


SENT_V1 = {
    "$id": "test.checked/Sent.v1",
    "type": "object",
    "properties": {"to": {"type": "string"}},
    "required": ["to"],
}


def rewritten(contract: type[Event], directory: Path, **properties: Any) -> Path:
    """The contract's snapshot, released with other fields: None for without."""
    write([contract], directory)
    path, old = path_of(contract.contract, directory), schema(contract)
    for name, value in properties.items():
        if value is None:
            del old["properties"][name]
            old["required"] = [field for field in old.get("required", ()) if field != name]
        else:
            old["properties"][name] = value
    path.write_text(json.dumps(old))
    return path


def texts(findings: Any) -> list[str]:
    return [finding.text for finding in findings]


def test_the_shops_snapshots_are_its_contracts() -> None:
    """GIVEN the shop's contracts WHEN held against their committed snapshots THEN there is nothing to say."""
    contracts, manifests = load_contracts(), load_all(ROOT / "services")

    assert list(committed(contracts, project_of(ROOT).schemas, manifests)) == []
    assert list(against(contracts, project_of(ROOT).schemas, project_of(ROOT).schemas, manifests)) == []


# Against the committed snapshots.


def test_a_missing_snapshot_is_to_be_written(tmp_path: Path) -> None:
    """GIVEN a new contract WHEN checked THEN nothing breaks, and its snapshot is asked for."""
    path = tmp_path / "test.things" / "ThingHappened.v1.json"

    assert list(committed([ThingHappened], tmp_path / "none", READERS)) == [
        Finding(f"{tmp_path}/none/test.things/{path.name}: is missing; run `fanout contract snapshot`", breaking=False)
    ]


def test_an_added_optional_field_passes_and_asks_for_a_snapshot(tmp_path: Path) -> None:
    """GIVEN a contract with one optional field more than released WHEN checked THEN nothing breaks, and its snapshot
    is asked for; it may be written."""
    path = rewritten(Left, tmp_path, when=None)

    assert list(committed([Left], tmp_path, READERS)) == [
        Finding(
            f"{path}: is not what Left declares, and compatible with it; run `fanout contract snapshot`",
            breaking=False,
        )
    ]
    refuse_breaking([Left], tmp_path)


class Met(Event, source="test.checked", version=1):
    """Somebody was met."""

    name: Personal[str]
    place: str


def test_a_field_that_is_marked_or_no_longer_marked_as_personal_is_told(tmp_path: Path) -> None:
    """GIVEN a field that became personal, and one that is no longer WHEN checked, and held against the main branch
    THEN both are told, nothing breaks, and the snapshot may be written."""
    name, place = schema(Met)["properties"]["name"], schema(Met)["properties"]["place"]
    unmarked = {key: value for key, value in name.items() if key != KEYWORD}
    rewritten(Met, tmp_path, name=unmarked, place={**place, KEYWORD: True})
    marks = [
        "test.checked/Met version 1: name: marked as personal now; what was logged before still shows it",
        "test.checked/Met version 1: place: no longer marked as personal; logs and commands show it, old events' too",
    ]

    assert list(against([Met], tmp_path, tmp_path, {})) == [Finding(text, breaking=False) for text in marks]
    assert texts(committed([Met], tmp_path, {}))[1:] == marks
    refuse_breaking([Met], tmp_path)


def test_a_breaking_change_names_field_readers_and_fix(tmp_path: Path) -> None:
    """GIVEN a contract that was released with another type WHEN checked THEN the finding says which field, what
    changed, whom it breaks, which workers read it, and what to do."""
    rewritten(ThingHappened, tmp_path, number={"type": "string"})

    assert list(committed([ThingHappened], tmp_path, READERS)) == [
        Finding(
            "test.things/ThingHappened version 1: number: type string -> integer (breaks events published before it "
            "and workers deployed after it); read by audit, counting; take the change back, or declare version 2 with "
            "@upcasts(ThingHappened, from_version=1)",
            breaking=True,
        )
    ]


def test_an_event_may_have_no_reader(tmp_path: Path) -> None:
    """GIVEN a breaking change of an event that no worker takes WHEN checked THEN it is told as well: others may."""
    rewritten(ThingFollowed, tmp_path, number={"type": "string"})

    [finding] = committed([ThingFollowed], tmp_path, {})
    assert "; read by no worker here; " in finding.text


def test_a_snapshot_is_not_written_over_a_breaking_change(tmp_path: Path) -> None:
    """GIVEN a breaking change WHEN the snapshots are to be written THEN that is refused, by field."""
    rewritten(ThingHappened, tmp_path, number={"type": "string"})

    with pytest.raises(ContractError, match=r"(?s)number: type string -> integer .*nothing is written; .*removed"):
        refuse_breaking([ThingFollowed, ThingHappened], tmp_path)


def test_aws_events_may_be_read_less_but_not_stricter(tmp_path: Path) -> None:
    """GIVEN an AWS service's event WHEN our contract of it drops a field or takes more THEN nothing breaks; WHEN it
    refuses what it took THEN the fix is not a version: AWS publishes none."""
    rewritten(Left, tmp_path, gone={"type": "string"}, when={"type": "integer", "minimum": 3, "default": 0})
    assert [finding.breaking for finding in committed([Left], tmp_path, READERS)] == [False]

    rewritten(Left, tmp_path, who={"anyOf": [{"type": "string"}, {"type": "null"}]})
    assert texts(committed([Left], tmp_path, READERS)) == [
        (
            "aws.checked/Instance Left version 1: who: null is no longer allowed (breaks events published before it); "
            "read by audit; AWS publishes it as before: take the change back, or give the field a default"
        )
    ]


# Older versions.


def test_an_older_version_with_its_upcaster_is_fine(tmp_path: Path) -> None:
    """GIVEN version 1's snapshot and an upcaster from it WHEN checked THEN there is nothing to say; WHEN the file is
    gone THEN it is missed."""
    write([Sent], tmp_path)
    older = tmp_path / "test.checked" / "Sent.v1.json"
    older.write_text(json.dumps(SENT_V1))
    assert list(committed([Sent], tmp_path, READERS)) == []

    older.unlink()
    assert texts(committed([Sent], tmp_path, READERS)) == [
        f"{older}: is missing, though an upcaster reads version 1; restore it from version control"
    ]


def test_an_older_version_without_its_upcaster_is_told(tmp_path: Path) -> None:
    """GIVEN version 1's snapshot and a contract of version 2 without upcasters WHEN checked THEN the missing one is
    named."""

    class Bare(Event, source="test.checked", version=2):
        pass

    write([Bare], tmp_path)
    older = tmp_path / "test.checked" / "Bare.v1.json"
    older.write_text(json.dumps({"type": "object"}))

    assert list(committed([Bare], tmp_path, READERS)) == [
        Finding(
            f"{older}: no upcaster reads version 1; declare @upcasts(Bare, from_version=1) beside the contract, or "
            "remove the file when no such event is left in queues and archive",
            breaking=True,
        )
    ]


def test_a_snapshot_that_nobody_declares_is_told(tmp_path: Path) -> None:
    """GIVEN files of no contract, and of a version to come WHEN checked THEN each is told."""
    [orphan] = write([ThingFollowed], tmp_path)
    write([ThingHappened], tmp_path)
    future = tmp_path / "test.things" / "ThingHappened.v2.json"
    future.write_text("{}")

    assert texts(committed([ThingHappened], tmp_path, READERS)) == [
        f"{orphan}: no contract declares it; declare it again or remove the file",
        f"{future}: no contract declares it; declare it again or remove the file",
    ]


# Against another state of the repository.


@pytest.fixture
def states(tmp_path: Path) -> tuple[Path, Path]:
    """The committed snapshots of two contracts, one with an older version; and the same as released."""
    here, released = tmp_path / "here", tmp_path / "released"
    for directory in (here, released):
        write([Sent, ThingHappened], directory)
        (directory / "test.checked" / "Sent.v1.json").write_text(json.dumps(SENT_V1))
    return here, released


def test_the_same_state_has_nothing_to_say(states: tuple[Path, Path]) -> None:
    """GIVEN what was released WHEN compared with itself THEN nothing is told; a new contract is none of its concern."""
    here, released = states

    assert list(against([Sent, ThingHappened, ThingFollowed], here, released, READERS)) == []


def test_a_snapshot_edited_by_hand_does_not_escape(states: tuple[Path, Path]) -> None:
    """GIVEN a breaking change whose snapshot was written anew WHEN compared with what was released THEN it is told."""
    here, released = states
    rewritten(ThingHappened, released, number={"type": "string"})

    [finding] = against([Sent, ThingHappened], here, released, READERS)
    assert finding.breaking
    assert "number: type string -> integer" in finding.text


def test_a_released_version_does_not_change_or_go(states: tuple[Path, Path]) -> None:
    """GIVEN an older version whose snapshot differs from the released one, or is gone WHEN compared THEN each is
    told with its readers."""
    here, released = states
    older = path_of(replace(Sent.contract, version=1), here)

    older.write_text("{}")
    assert texts(against([Sent, ThingHappened], here, released, READERS)) == [
        f"{older}: is not as it was released; restore it: events of that version do not change any more"
    ]
    older.unlink()
    assert texts(against([Sent, ThingHappened], here, released, READERS)) == [
        (
            "test.checked/Sent version 1: is gone, though it was released; read by audit, counting; "
            f"restore {older}, and a contract or an upcaster that reads it"
        )
    ]


def test_a_reference_has_to_be_there(tmp_path: Path) -> None:
    """GIVEN no such directory WHEN compared THEN the error names it, for nothing would be compared."""
    with pytest.raises(ContractError, match="nowhere: is no directory"):
        list(against([ThingHappened], tmp_path, tmp_path / "nowhere", READERS))
