"""Hold what the stores have against what was sent, to the cent."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any

import orjson

from fanout import aws
from fanout_tools.cli.deployment import Deployment
from scripts.demo.patience import ask
from scripts.demo.scenario import REJECTS, Scenario

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import MessageTypeDef as Message

__all__ = ["Check", "audit_lines", "dead_letters", "effects", "thumbnail_sizes"]

LONGER_SIDES = [64, 160, 320]
"""As services/thumbnails makes them."""
LOOK_S = 1
"""A look at a DLQ waits so long for messages."""


@dataclass(frozen=True)
class Check:
    """One thing that must be so."""

    what: str
    expected: Any
    found: Any

    @property
    def holds(self) -> bool:
        return bool(self.expected == self.found)


def effects(scenario: Scenario, deployment: Deployment, letters: Sequence[Mapping[str, str]]) -> Iterator[Check]:
    """What the workers have to have done, and what they did, read from their stores.

    :param letters: the run's messages in all DLQs; the same event twice in one counts once.
    """
    yield from _ledger(scenario, deployment)
    yield from _loyalty(scenario, deployment)
    yield from _inventory(scenario, deployment)
    yield from _mails(scenario, deployment)
    yield from _audit(scenario, deployment)
    yield Check(
        "DLQs: the rejected orders in billing's, with their cause, and no others",
        sorted(("billing", "Reject", event_id) for event_id in scenario.reject_ids),
        sorted({(le.get("worker", ""), le.get("error_type", ""), le.get("event_id", "")) for le in letters}),
    )
    sizes = thumbnail_sizes(scenario, deployment)
    yield Check("thumbnails: longer sides in pixels", LONGER_SIDES, sorted(max(size) for size in sizes.values()))


def _ledger(scenario: Scenario, deployment: Deployment) -> Iterator[Check]:
    entries = list(_items(deployment.names.table("ledger"), "order_id", scenario.run))
    yield Check("ledger: entries", len(scenario.purchases), len(entries))
    yield Check("ledger: dollars", scenario.total, sum((Decimal(e["amount"]["N"]) for e in entries), Decimal()))
    yield Check("ledger: CDs", scenario.pieces, sum(int(entry["pieces"]["N"]) for entry in entries))
    balances = list(_items(deployment.names.table("balances"), "customer_id", scenario.run))
    yield Check("balances: customers", scenario.customers, len(balances))
    yield Check("balances: dollars", scenario.total, sum((Decimal(b["amount"]["N"]) for b in balances), Decimal()))


def _loyalty(scenario: Scenario, deployment: Deployment) -> Iterator[Check]:
    expected = sum(int(purchase.amount) for purchase in scenario.rewarded)
    points = _items(deployment.names.table("points"), "customer_id", scenario.run)
    yield Check("loyalty: points", expected, sum(int(item["points"]["N"]) for item in points))


def _inventory(scenario: Scenario, deployment: Deployment) -> Iterator[Check]:
    reservations = sum(1 for _ in _items(deployment.names.table("reservations"), "order_id", scenario.run))
    yield Check("inventory: reservations", len(scenario.purchases) + REJECTS, reservations)


def _mails(scenario: Scenario, deployment: Deployment) -> Iterator[Check]:
    confirmed = sum(1 for _ in _items(deployment.names.table("confirmations"), "order_id", scenario.run))
    yield Check("notifications: mails sent", len(scenario.purchases) + REJECTS, confirmed)


def _audit(scenario: Scenario, deployment: Deployment) -> Iterator[Check]:
    # An event is written again when its batch comes again: each counts once.
    events = {(e["source"], e["name"], e["metadata"]["event_id"]) for e in audit_lines(scenario, deployment)}
    kept = Counter(name for _, name, _ in events)
    orders = len(scenario.purchases)
    for name, expected in (
        ("OrderPlaced", orders + REJECTS),
        ("InvoiceIssued", orders),
        ("Object Created", 1),
        ("ThumbnailsCreated", 1),
    ):
        yield Check(f"audit: events kept, {name}", expected, kept[name])


def audit_lines(scenario: Scenario, deployment: Deployment, seen: set[str] | None = None) -> Iterator[dict[str, Any]]:
    """Every event of the run that audit has kept; one that was written twice comes twice.

    :param seen: objects to leave out; those that are read are added.
    """
    bucket, seen = deployment.bucket("audit"), set() if seen is None else seen
    for page in aws.client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="events/"):
        for key in (entry["Key"] for entry in page.get("Contents", ()) if entry["Key"] not in seen):
            seen.add(key)
            body = ask(partial(_read, bucket, key))
            # Every event of a run carries the run's name: in its order, its customer or its key.
            yield from (orjson.loads(line) for line in body.splitlines() if scenario.run.encode() in line)


def _read(bucket: str, key: str) -> bytes:
    return aws.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()


def _items(table: str, key: str, prefix: str) -> Iterator[dict[str, Any]]:
    pages = (
        aws.client("dynamodb")
        .get_paginator("scan")
        .paginate(
            TableName=table,
            ConsistentRead=True,
            FilterExpression="begins_with(#key, :prefix)",
            ExpressionAttributeNames={"#key": key},
            ExpressionAttributeValues={":prefix": {"S": prefix}},
        )
    )
    for page in pages:
        yield from page["Items"]


def dead_letters(scenario: Scenario, deployment: Deployment, workers: Iterable[str]) -> list[dict[str, str]]:
    """The causes of the run's messages in the workers' DLQs, which stay there."""
    return [
        letter for worker in workers for letter in _dead_letters(scenario, deployment.dead_letter_queue_url(worker))
    ]


def _dead_letters(scenario: Scenario, url: str) -> list[dict[str, str]]:
    sqs = aws.client("sqs")
    found: dict[str, Message] = {}
    while messages := sqs.receive_message(
        QueueUrl=url,
        MaxNumberOfMessages=10,
        MessageAttributeNames=["All"],
        VisibilityTimeout=60,
        WaitTimeSeconds=LOOK_S,
    ).get("Messages", []):
        found |= {message["MessageId"]: message for message in messages}
    for message in found.values():  # visible again at once: the operator's next look must find them
        sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0)
    causes = map(_causes, found.values())
    return [cause for cause in causes if _of_run(cause, scenario)]


def _causes(message: Message) -> dict[str, str]:
    return {name: value["StringValue"] for name, value in message.get("MessageAttributes", {}).items()}


def _of_run(causes: Mapping[str, str], scenario: Scenario) -> bool:
    return causes.get("event_id", "").startswith(scenario.run)


def thumbnail_sizes(scenario: Scenario, deployment: Deployment) -> dict[str, tuple[int, int]]:
    """Width and height of every thumbnail of the run's photograph, read from the images themselves."""
    from PIL import Image

    s3, bucket = aws.client("s3"), deployment.bucket("media")
    listed = s3.list_objects_v2(Bucket=bucket, Prefix=f"thumbnails/{scenario.run}/").get("Contents", [])
    sizes = {}
    for entry in listed:
        body = s3.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read()
        sizes[entry["Key"].rpartition("/")[2]] = Image.open(io.BytesIO(body)).size
    return sizes
