"""What was done stays written; of two who would carry an operation on one is turned away."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from fanout_tools.operate.journal import (
    BY_DAY,
    HELD_S,
    IDS_AN_ITEM,
    Head,
    Held,
    Journal,
    JournalError,
    Status,
    UnknownOperationError,
)
from scripts.reliability.model.clock import Clock

HEAD = Head(
    operation="op-1", kind="redrive", worker="billing", why="a test", started_at="2027-01-15T08:00:00+00:00", total=2
)
TABLE = "shop-prod-operations"


@pytest.fixture
def client() -> Iterator[Any]:
    """moto's DynamoDB, with the table as modules/operators makes it."""
    with mock_aws():
        made = boto3.client("dynamodb", region_name="eu-central-1")
        made.create_table(
            TableName=TABLE,
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "op", "KeyType": "HASH"}, {"AttributeName": "step", "KeyType": "RANGE"}],
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("op", "step", "day")],
            GlobalSecondaryIndexes=[
                {
                    "IndexName": BY_DAY,
                    "KeySchema": [
                        {"AttributeName": "day", "KeyType": "HASH"},
                        {"AttributeName": "op", "KeyType": "RANGE"},
                    ],
                    "Projection": {"ProjectionType": "ALL"},
                }
            ],
        )
        yield made


@pytest.fixture
def clock() -> Clock:
    return Clock()


def journal(client: Any, clock: Clock, holder: str = "first") -> Journal:
    return Journal(client, TABLE, holder, clock.time)


def test_an_operation_is_read_as_it_was_written(client: Any, clock: Clock) -> None:
    written = journal(client, clock)
    planned = [f"m-{number}" for number in range(IDS_AN_ITEM + 1)]

    written.open(HEAD, planned)
    written.intent("op-1", 1, ["m-0", "m-1"], events=["e-0", "e-1"])
    written.done("op-1", 1, refused={"m-1": "InternalError"})
    written.intent("op-1", 2, ["m-2"])
    written.note("op-1", "three are expired")
    found = written.read("op-1")

    assert (found.head, list(found.planned), found.notes) == (HEAD, planned, ("three are expired",))
    assert found.settled == {"m-0"}
    assert [step.number for step in found.in_doubt] == [2]
    assert found.doubtful == {"m-2"}
    assert found.next_number == 3


def test_a_repeated_call_changes_nothing(client: Any, clock: Clock) -> None:
    written = journal(client, clock)

    for _ in range(2):
        written.open(HEAD)
        written.intent("op-1", 1, ["m-0"])
        written.done("op-1", 1)

    assert written.read("op-1").settled == {"m-0"}


def test_an_operation_is_opened_once(client: Any, clock: Clock) -> None:
    journal(client, clock).open(HEAD)

    with pytest.raises(JournalError, match="one of that id already"):
        journal(client, clock, "second").open(HEAD)


def test_another_process_waits_until_the_first_is_silent(client: Any, clock: Clock) -> None:
    first, second = journal(client, clock), journal(client, clock, "second")
    first.open(HEAD)

    with pytest.raises(Held, match="another process carries it on"):
        second.take("op-1")
    clock.advance(HELD_S + 1)
    second.take("op-1")

    with pytest.raises(Held, match="another process has taken it over"):
        first.intent("op-1", 1, ["m-0"])


def test_a_step_is_not_two_processes_own(client: Any, clock: Clock) -> None:
    first = journal(client, clock)
    first.open(HEAD)
    first.intent("op-1", 1, ["m-0"])

    with pytest.raises(Held, match="step 1 is another process's"):
        first.intent("op-1", 1, ["m-1"])


def test_what_has_ended_may_be_carried_on_at_once(client: Any, clock: Clock) -> None:
    first, second = journal(client, clock), journal(client, clock, "second")
    first.open(HEAD)
    first.close("op-1", Status.STOPPED, stopped="3 of 10 came back")

    second.take("op-1")

    assert second.read("op-1").head.told == {"stopped": "3 of 10 came back"}
    assert second.read("op-1").head.status is Status.RUNNING


def test_recent_operations_are_those_of_the_last_days_the_newest_first(client: Any, clock: Clock) -> None:
    written = journal(client, clock)
    days = {"op-1": "2027-01-13", "op-2": "2027-01-15", "op-3": "2027-01-15", "op-4": "2027-01-01"}
    for operation, day in days.items():
        written.open(Head(operation=operation, kind="drop", worker="w", why="", started_at=f"{day}T00:00:00+00:00"))

    assert [head.operation for head in written.recent(3)] == ["op-3", "op-2", "op-1"]


def test_an_unknown_operation_is_told(client: Any, clock: Clock) -> None:
    with pytest.raises(UnknownOperationError, match="operations ls"):
        journal(client, clock).read("op-9")
    with pytest.raises(Held):
        journal(client, clock).take("op-9")
