"""What makes a worker need a permission: each sends it one message, and tells its message id."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final
from uuid import uuid4

import boto3
from PIL import Image

from contracts.billing import InvoiceIssued
from contracts.media import AlbumUploaded
from contracts.money import Money
from contracts.reports import SalesReportRequested
from fanout.events.envelope import Envelope
from fanout.events.event import Event
from fanout.idempotency import Completion, Request
from fanout.idempotency.dynamodb import DynamoDBStore
from fanout.idempotency.store import event_key
from fanout.payloads import ClaimCheck
from fanout.publish import wrap
from fanout.testing import eventbridge_event
from tests.integration.platform import Platform, order

__all__ = [
    "InItsName",
    "Provocation",
    "a_held_event",
    "a_missing_file",
    "a_stray_body",
    "an_event",
    "an_event_with_its_payload_in_s3",
    "commit",
    "deposit",
    "fill_stock",
]

Provocation = Callable[[Platform, str], str]
"""Of a worker, by its queue."""

InItsName = Callable[[Platform, str, boto3.Session], None]
"""A call of the worker core's, in the name of a worker's role."""

HELD_S = 2
"""Long enough that the worker finds the event held."""


def an_event(platform: Platform, worker: str) -> str:
    """One that it handles to the end."""
    return _send(platform, worker, _event(platform, worker))


def a_stray_body(platform: Platform, worker: str) -> str:
    """Rejected: the worker writes it into its DLQ."""
    return _send_body(platform, worker, f"stray {uuid4()}")


def a_held_event(platform: Platform, worker: str) -> str:
    """Another execution has locked it: the worker has it come again when that has run out."""
    envelope = _event(platform, worker)
    until = time.time() + HELD_S
    platform.dynamodb.put_item(
        TableName=platform.names.idempotency_table(worker),
        Item={
            "id": {"S": event_key(worker, envelope)},
            "owner": {"S": "another"},
            "status": {"S": "INPROGRESS"},
            "in_progress_expiration": {"N": str(int(until * 1000))},
            "expiration": {"N": str(int(until + 60))},
        },
    )
    return _send(platform, worker, envelope)


def an_event_with_its_payload_in_s3(platform: Platform, worker: str) -> str:
    """Its data are in the bucket of claims."""
    return _send(platform, worker, _with_payload(platform, _event(platform, worker)))


def a_missing_file(platform: Platform, worker: str) -> str:
    """The object that it tells of is not there."""
    missing = f"missing/{uuid4()}"
    report = SalesReportRequested(report_id=str(uuid4()), key=missing)
    upload = {"bucket": {"name": platform.deployment.bucket("uploads")}, "object": {"key": f"{missing}.jpg", "size": 1}}
    created = Envelope(source="aws.s3", name="Object Created", metadata=wrap(report).metadata, data=upload)
    return _send(platform, worker, wrap(report) if worker == "report" else created)


def deposit(platform: Platform, worker: str, session: boto3.Session) -> None:
    """As when it publishes an event too large for the bus, which none of the samples' is."""
    bucket = platform.names.claims_bucket(platform.deployment.account)
    check = ClaimCheck(lambda: session.client("s3"), lambda: bucket, owner=platform.names.function(worker))
    check.put(check.deposit(wrap(order())))


def commit(platform: Platform, worker: str, session: boto3.Session) -> None:
    """As by ``context.commit``, which not every handler calls."""
    store = DynamoDBStore(session.client("dynamodb"), platform.names.idempotency_table(worker), ttl_s=60)
    key = f"{worker}#{uuid4()}"
    [lock] = store.acquire([Request(key=key, owner="test", fingerprint="", lock_until=time.time() + 60)])
    store.commit([], Completion(lock), [])


def fill_stock(platform: Platform) -> None:
    """What the orders of the tests take."""
    platform.dynamodb.put_item(
        TableName=platform.names.table("stock"), Item={"sku": {"S": "CD-TEST"}, "available": {"N": "1000000"}}
    )


def _order(platform: Platform) -> Event:
    fill_stock(platform)
    return order(f"scribe-{uuid4()}")


def _invoice(_: Platform) -> Event:
    identity = str(uuid4())
    return InvoiceIssued(
        invoice_id=identity, order_id=identity, customer_id="c", total=Money(amount=30, currency="USD")
    )


def _report(platform: Platform) -> Event:
    key = f"{uuid4()}/orders.txt"
    line = b"00001 00001 19970101 1 11.77\n"
    platform.s3.put_object(Bucket=platform.deployment.bucket("reports"), Key=key, Body=line)
    return SalesReportRequested(report_id=str(uuid4()), key=key)


def _album(platform: Platform) -> Event:
    album, image = str(uuid4()), io.BytesIO()
    Image.new("RGB", (8, 8)).save(image, "JPEG")
    platform.s3.put_object(Bucket=platform.deployment.bucket("albums"), Key=f"{album}.jpg", Body=image.getvalue())
    return AlbumUploaded(album_id=album, photographs=[f"{album}.jpg"])


EVENTS: Final[Mapping[str, Callable[[Platform], Event]]] = {
    "loyalty": _invoice,
    "report": _report,
    "thumbnails": _album,
}
"""What is not an order, by worker."""


def _event(platform: Platform, worker: str) -> Envelope:
    return wrap(EVENTS.get(worker, _order)(platform))


def _with_payload(platform: Platform, envelope: Envelope) -> Envelope:
    bucket = platform.names.claims_bucket(platform.deployment.account)
    check = ClaimCheck(lambda: platform.s3, lambda: bucket)
    deposited = check.deposit(envelope)
    check.put(deposited)
    return replace(envelope, metadata=replace(envelope.metadata, claim=deposited.reference), data={})


def _send(platform: Platform, worker: str, envelope: Envelope) -> str:
    return _send_body(platform, worker, json.dumps(eventbridge_event(envelope)))


def _send_body(platform: Platform, worker: str, body: str) -> str:
    sent: dict[str, Any] = platform.sqs.send_message(QueueUrl=platform.deployment.queue_url(worker), MessageBody=body)
    return str(sent["MessageId"])
