"""``fanout outbox``: the events that transactions wrote and the bus has not got."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fanout import aws
from fanout.errors import EventError
from fanout.events.envelope import Envelope
from fanout.outbox.items import Written
from fanout.outbox.relay import Relay
from fanout_tools.cli.deployment import DeploymentError
from fanout_tools.cli.endpoint import reach
from fanout_tools.cli.options import LOCAL, AsJson, Env, Namespace, Services
from fanout_tools.cli.output import complain, print_rows
from fanout_tools.cli.publishing import publisher
from fanout_tools.project import project

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

__all__ = ["command"]


def command(
    *,
    relay: Annotated[bool, typer.Option(help="Publish them, of each partition in order.")] = False,
    older_than_s: Annotated[int, typer.Option(min=0, help="Leave younger ones to the relay.")] = 60,
    env: Env = LOCAL,
    namespace: Namespace = None,
    services: Services,
    as_json: AsJson = False,
) -> None:
    """List the events of the outbox that have not been published, and why the bus refused one.

    After 24 hours a stream forgets; the table does not. The exit status is 1 if --relay could not publish some.

    Example: fanout outbox --relay --env prod
    """
    project().load_contracts()
    names, dynamodb = reach(env, namespace), aws.client("dynamodb")
    before = datetime.fromtimestamp(time.time() - older_than_s, UTC)
    items = sorted(unrelayed(dynamodb, names.outbox_table, before), key=_published_at)
    print_rows(["event_id", "event", "partition", "published_at", "refused"], map(_row, items), as_json=as_json)
    if relay and items:
        relaying = Relay(publisher(names, services), dynamodb, names.outbox_table)
        relaying.publish([Written.from_item(item) for item in items])
        complain("fanout: " + ", ".join(f"{count} {name}" for name, count in relaying.counts.items()))
        if relaying.counts["relayed"] < len(items):
            raise typer.Exit(1)


def unrelayed(dynamodb: DynamoDBClient, table: str, before: datetime) -> Iterator[Mapping[str, Any]]:
    """The items of events that were wrapped before that moment and are not on the bus.

    :raises DeploymentError: there is no such table.
    """
    pages = dynamodb.get_paginator("scan").paginate(
        TableName=table, FilterExpression="attribute_not_exists(relayed_at)", ConsistentRead=True
    )
    try:
        for page in pages:
            yield from (item for item in page["Items"] if _published_at(item) < before.isoformat())
    except dynamodb.exceptions.ResourceNotFoundException as error:
        raise DeploymentError(f"table {table} does not exist; does some worker.yaml say outbox: true?") from error


def _published_at(item: Mapping[str, Any]) -> str:
    envelope = _envelope(item)
    return envelope.metadata.published_at if envelope else ""


def _row(item: Mapping[str, Any]) -> dict[str, Any]:
    written, envelope = Written.from_item(item), _envelope(item)
    return {
        "event_id": written.published_id,
        "event": envelope and envelope.identifier,
        "partition": written.partition,
        "published_at": envelope and envelope.metadata.published_at,
        "refused": item.get("refused", {}).get("S"),
    }


def _envelope(item: Mapping[str, Any]) -> Envelope | None:
    """None if somebody else has written the item."""
    try:
        return Written.from_item(item).envelope
    except EventError:
        return None
