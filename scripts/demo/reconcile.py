"""Hold what the stores have against what was sent, to the cent."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import orjson

from fanout import aws
from fanout_tools.cli.deployment import Deployment
from scripts.demo.scenario import REJECTS, Scenario

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import MessageTypeDef as Message

__all__ = ["Check", "checks", "count_checks", "dead_letters", "thumbnail_sizes"]

THUMBNAILS = 3
LONGER_SIDES = [64, 160, 320]
"""As services/thumbnails makes them."""


@dataclass(frozen=True)
class Check:
    """One thing that must be so."""

    what: str
    expected: Any
    found: Any

    @property
    def holds(self) -> bool:
        return bool(self.expected == self.found)


def checks(
    scenario: Scenario, deployment: Deployment, counts: Mapping[str, Counter[str]], letters: list[dict[str, str]]
) -> Iterator[Check]:
    """Every check, the counts of the workers first."""
    yield from count_checks(scenario, counts)
    yield from _ledger(scenario, deployment)
    yield from _loyalty(scenario, deployment)
    yield from _inventory(scenario, deployment)
    yield from _audit(scenario, deployment)
    yield Check(
        "billing: rejected orders in its DLQ, with their cause",
        [("billing", "Reject")] * REJECTS,
        [(letter.get("worker"), letter.get("error_type")) for letter in letters],
    )
    sizes = thumbnail_sizes(scenario, deployment)
    yield Check("thumbnails: longer sides in pixels", LONGER_SIDES, sorted(max(size) for size in sizes.values()))


def count_checks(scenario: Scenario, counts: Mapping[str, Counter[str]]) -> Iterator[Check]:
    """What the workers' logs have to tell of the run, beside what they tell."""
    orders, rewarded = len(scenario.purchases), len(scenario.rewarded)
    handled = {
        "inventory": orders + REJECTS,
        "billing": orders,
        "notifications": orders + REJECTS,
        "loyalty": rewarded,
        # The orders, their invoices, the photograph's upload and its thumbnails.
        "audit": orders + REJECTS + orders + 2,
        "thumbnails": 1,
    }
    for worker, expected in handled.items():
        yield Check(f"{worker}: events handled", expected, counts[worker]["handled"])
    for worker in ("inventory", "billing", "notifications", "audit"):
        yield Check(f"{worker}: duplicates suppressed", scenario.duplicates, counts[worker]["duplicates"])
    for worker, count in counts.items():
        outcomes = sum(count[outcome] for outcome in ("handled", "duplicates", "retried", "rejected", "postponed"))
        yield Check(f"{worker}: records received, by outcome", count["received"], outcomes)


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


def _audit(scenario: Scenario, deployment: Deployment) -> Iterator[Check]:
    # An event is written again when its batch comes again: each counts once.
    events = {(e["source"], e["name"], e["metadata"]["event_id"]) for e in _audit_lines(scenario, deployment)}
    kept = Counter(name for _, name, _ in events)
    orders = len(scenario.purchases)
    for name, expected in (
        ("OrderPlaced", orders + REJECTS),
        ("InvoiceIssued", orders),
        ("Object Created", 1),
        ("ThumbnailsCreated", 1),
    ):
        yield Check(f"audit: events kept, {name}", expected, kept[name])


def _audit_lines(scenario: Scenario, deployment: Deployment) -> Iterator[dict[str, Any]]:
    s3, bucket = aws.client("s3"), deployment.bucket("audit")
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="events/"):
        for entry in page.get("Contents", ()):
            body = s3.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read()
            # Every event of a run carries the run's name: in its order, its customer or its key.
            yield from (orjson.loads(line) for line in body.splitlines() if scenario.run.encode() in line)


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


def dead_letters(scenario: Scenario, deployment: Deployment, worker: str, expected: int) -> list[dict[str, str]]:
    """The causes of the run's messages in a worker's DLQ, which stay there. Looks until it has as many as
    expected, or the DLQ has no more to show."""
    sqs, url = aws.client("sqs"), deployment.dead_letter_queue_url(worker)
    found: dict[str, Message] = {}
    while sum(_of_run(_causes(message), scenario) for message in found.values()) < expected:
        messages = sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"], VisibilityTimeout=60, WaitTimeSeconds=2
        ).get("Messages", [])
        if not messages:
            break
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
