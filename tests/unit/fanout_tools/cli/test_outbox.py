"""What the outbox still holds is listed, and published on request."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws
from typer.testing import CliRunner

from fanout import aws, outbox, wrap
from fanout_tools.cli import app as fanout
from fanout_tools.declarations.naming import Names
from tests.unit.fanout.conftest import ThingHappened

NAMES = Names("fanout-test")
OLD = datetime.now(UTC) - timedelta(hours=30)


@pytest.fixture
def dynamodb(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        boto3.client("events").create_event_bus(Name=NAMES.bus)
        client = aws.client("dynamodb")
        client.create_table(
            TableName=NAMES.outbox_table,
            KeySchema=[
                {"AttributeName": "partition", "KeyType": "HASH"},
                {"AttributeName": "event_id", "KeyType": "RANGE"},
            ],
            AttributeDefinitions=[
                {"AttributeName": "partition", "AttributeType": "S"},
                {"AttributeName": "event_id", "AttributeType": "S"},
            ],
            BillingMode="PAY_PER_REQUEST",
        )
        yield client


def write(dynamodb: Any, number: int, moment: datetime, **marks: str) -> str:
    envelope = wrap(ThingHappened(number=number), event_id=f"e-{number}", subject="s", now=moment)
    item = outbox.put(envelope, table=NAMES.outbox_table)["Put"]["Item"]
    dynamodb.put_item(
        TableName=NAMES.outbox_table, Item={**item, **{name: {"S": text} for name, text in marks.items()}}
    )
    return envelope.metadata.event_id


def run(*arguments: str) -> Any:
    return CliRunner().invoke(
        fanout.application(), ["outbox", "--env", "test", "--services", str(Path("nowhere")), "--json", *arguments]
    )


def test_what_is_not_published_is_listed(dynamodb: Any) -> None:
    """GIVEN events published, refused, waiting for long and just written, and an item that is none WHEN listed THEN
    those that wait for long or were refused are there, the oldest first, and what is none."""
    write(dynamodb, 1, OLD, relayed_at="then")
    write(dynamodb, 2, OLD + timedelta(hours=1), refused="TooLarge: why")
    write(dynamodb, 3, OLD)
    write(dynamodb, 4, datetime.now(UTC))
    dynamodb.put_item(TableName=NAMES.outbox_table, Item={"partition": {"S": "p"}, "event_id": {"S": "alien"}})

    done = run()

    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.exit_code == 0
    assert [(row["event_id"], row["refused"]) for row in rows] == [
        ("alien", None),
        ("e-3", None),
        ("e-2", "TooLarge: why"),
    ]
    assert (rows[1]["event"], rows[1]["partition"]) == ("test.things/ThingHappened", "s")


def test_on_request_they_are_published(dynamodb: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """GIVEN events that wait WHEN relayed by hand THEN the bus has them in order, and they are marked as the relay
    marks them."""
    for number in (1, 2):
        write(dynamodb, number, OLD + timedelta(minutes=number))
    details: list[Any] = []
    client = aws.client("events")
    client.meta.events.register("provide-client-params.events.PutEvents", _noting(details))
    marked: list[Any] = []
    monkeypatch.setattr("fanout.outbox.relay.mark_relayed", lambda _, __, relayed, *, now: marked.extend(relayed))

    done = run("--relay")

    assert done.exit_code == 0
    assert "2 relayed, 0 held, 0 refused" in done.stderr
    assert [json.loads(detail)["data"]["number"] for detail in details] == [1, 2]
    assert [each.published_id for each in marked] == ["e-1", "e-2"]


def _noting(details: list[Any]) -> Any:
    def note(params: dict[str, Any], **_: Any) -> None:
        details.extend(entry["Detail"] for entry in params["Entries"])

    return note


def test_a_deployment_without_an_outbox_is_told_of() -> None:
    """GIVEN no such table WHEN listed THEN the error names it."""
    with mock_aws(), pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        done = run()

    assert "table fanout-test-outbox does not exist; does some worker.yaml say outbox: true?" in str(done.exception)
