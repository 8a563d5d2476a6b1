"""The path of an event, from the bus to the effect of every worker that subscribes to it."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import pytest

from fanout.publish import wrap
from tests.integration.platform import Platform, client, eventually, order

PHOTOGRAPH = Path("data/grace_hopper.jpg")


@pytest.fixture(autouse=True)
def _stock(platform: Platform) -> None:
    platform.dynamodb.put_item(
        TableName=platform.names.table("stock"), Item={"sku": {"S": "CD-TEST"}, "available": {"N": "1000000"}}
    )


def test_an_order_reaches_every_subscriber_once(platform: Platform) -> None:
    """GIVEN five subscribers, two hops apart WHEN an order is placed THEN each has its effect, once."""
    placed = order(f"c-{uuid4()}", amount=42.5)
    platform.publisher.publish(placed)

    eventually(lambda: platform.item("awards", invoice_id=f"inv-{placed.order_id}"), bool, "the points are awarded")
    eventually(lambda: platform.item("reservations", order_id=placed.order_id), bool, "the stock is reserved")
    eventually(lambda: len(platform.audit(placed.order_id)), lambda lines: lines >= 2, "both events are audited")
    platform.quiet()

    assert platform.item("ledger", order_id=placed.order_id) == {
        "order_id": placed.order_id,
        "customer_id": placed.customer_id,
        "placed_on": "1997-01-01",
        "amount": "42.5",
        "pieces": "3",
    }
    assert platform.item("balances", customer_id=placed.customer_id) == {
        "customer_id": placed.customer_id,
        "amount": "42.5",
        "orders": "1",
    }
    assert platform.item("points", customer_id=placed.customer_id) == {
        "customer_id": placed.customer_id,
        "points": "42",
    }
    assert sorted(line["name"] for line in platform.audit(placed.order_id)) == ["InvoiceIssued", "OrderPlaced"]
    [mail] = platform.mails(placed.email)
    assert placed.order_id in mail["Subject"]


@pytest.mark.parametrize(("amount", "rewarded"), [(24.99, False), (25.0, False), (25.01, True)])
def test_a_numeric_filter_holds_at_its_limit(platform: Platform, amount: float, rewarded: bool) -> None:
    """GIVEN points above 25 dollars only WHEN invoices just under, at and above it are issued THEN the filter lets
    just the last through."""
    placed, sentinel = order(f"c-{uuid4()}", amount=amount), order(f"c-{uuid4()}", amount=99)
    platform.publisher.publish(placed)
    eventually(lambda: platform.item("ledger", order_id=placed.order_id), bool, "the order is billed")
    platform.publisher.publish(sentinel)
    eventually(
        lambda: platform.item("awards", invoice_id=f"inv-{sentinel.order_id}"), bool, "the later one is rewarded"
    )
    platform.quiet()

    assert (platform.item("awards", invoice_id=f"inv-{placed.order_id}") is not None) == rewarded


def test_duplicates_have_no_second_effect(platform: Platform) -> None:
    """GIVEN an event WHEN it is published ten times, from five threads at once THEN it has its effect once."""
    placed = order("probe")
    envelope = wrap(placed)
    publisher = platform.publisher
    with ThreadPoolExecutor(5) as pool:
        receipts = list(pool.map(publisher.publish, [envelope] * 10))

    assert all(receipt.accepted for receipt in receipts)
    eventually(lambda: platform.item("effects", order_id=placed.order_id), bool, "the effect is there")
    platform.quiet()
    assert platform.item("effects", order_id=placed.order_id) == {"order_id": placed.order_id, "effects": "1"}


def test_one_poison_of_ten(platform: Platform) -> None:
    """GIVEN ten events, one of them poison WHEN they are handled THEN nine have their effect once, and the poison is
    in the DLQ after max_receives, with its cause."""
    batch = f"batch-{uuid4()}"
    orders = [order("probe", order_id=f"{batch}-{'poison' if n == 4 else n}") for n in range(10)]
    assert all(receipt.accepted for receipt in platform.publisher.publish_all(orders))

    [letter] = eventually(
        lambda: [letter for letter in platform.dead_letters("probe") if batch in letter["body"]],
        lambda letters: len(letters) == 1,
        "the poison is in the DLQ",
    )
    platform.quiet()

    assert letter["error_type"] == "RuntimeError"
    assert letter["error_message"] == f"{batch}-poison is poison"
    assert letter["attempts"] == "3"
    assert letter["worker"] == "probe"
    for placed in orders:
        effect = platform.item("effects", order_id=placed.order_id)
        assert effect == (None if "poison" in placed.order_id else {"order_id": placed.order_id, "effects": "1"})


def test_a_killed_process_loses_nothing(platform: Platform) -> None:
    """GIVEN a function whose process dies in the middle of a batch WHEN the queue hands the batch out again THEN every
    event has its effect, and none is in the DLQ. (Effects before the death are repeated: the probe's are not
    conditional.)"""
    batch = f"batch-{uuid4()}"
    orders = [order("probe", order_id=f"{batch}-{'crash' if n == 4 else n}") for n in range(10)]
    assert all(receipt.accepted for receipt in platform.publisher.publish_all(orders))

    eventually(
        lambda: [platform.item("effects", order_id=placed.order_id) for placed in orders], all, "every order is handled"
    )
    assert platform.item("effects", order_id=f"{batch}-crash#crashed"), "the process was to die once"
    platform.quiet()
    assert all(platform.item("effects", order_id=placed.order_id) for placed in orders)
    assert [letter for letter in platform.dead_letters("probe") if batch in letter["body"]] == []


def test_a_chain_keeps_the_correlation(platform: Platform) -> None:
    """GIVEN an order in a correlation WHEN billing issues the invoice THEN that is in the same correlation and trace,
    and names the order's event as its cause."""
    placed = order(f"c-{uuid4()}")
    root = wrap(placed, correlation_id=f"correlation-{uuid4()}")
    platform.publisher.publish(root)

    lines = eventually(
        lambda: platform.audit(placed.order_id), lambda lines: len(lines) >= 2, "both events are audited"
    )
    invoice = next(line["metadata"] for line in lines if line["name"] == "InvoiceIssued")
    assert invoice["correlation_id"] == root.metadata.correlation_id
    assert invoice["causation_id"] == root.metadata.event_id
    assert root.metadata.traceparent is not None
    assert invoice["traceparent"].split("-")[1] == root.metadata.traceparent.split("-")[1]


def test_an_upload_becomes_thumbnails(platform: Platform) -> None:
    """GIVEN a worker directly behind the bus WHEN a photograph is uploaded to S3 THEN its three sizes are there, and
    the event that tells of them."""
    key = f"{uuid4()}/portrait.jpg"
    platform.s3.put_object(Bucket=platform.deployment.bucket("uploads"), Key=key, Body=PHOTOGRAPH.read_bytes())

    [created] = eventually(
        lambda: [line for line in platform.audit(key) if line["name"] == "ThumbnailsCreated"],
        lambda lines: len(lines) == 1,
        "the thumbnails are told of",
    )
    assert {max(t["width"], t["height"]) for t in created["data"]["thumbnails"]} == {64, 160, 320}
    media = platform.deployment.bucket("media")
    for thumbnail in created["data"]["thumbnails"]:
        assert platform.s3.get_object(Bucket=media, Key=thumbnail["key"])["Body"].read(3) == b"\xff\xd8\xff"


def test_a_reject_is_in_the_dlq_with_its_cause(platform: Platform) -> None:
    """GIVEN an order in euros WHEN billing sees it THEN it is in billing's DLQ at once, and inventory has it all the
    same."""
    envelope = wrap(order(f"c-{uuid4()}"))
    data = {**envelope.data, "total": {"amount": 10.0, "currency": "EUR"}}
    _put(platform, "shop.orders", "OrderPlaced", {"metadata": envelope.metadata.to_json(), "data": data})

    [letter] = eventually(
        lambda: [x for x in platform.dead_letters("billing") if x.get("event_id") == envelope.metadata.event_id],
        lambda letters: len(letters) == 1,
        "the order is in billing's DLQ",
    )
    assert letter["error_type"] == "Reject"
    assert "EUR" in letter["error_message"]
    assert letter["attempts"] == "1"
    eventually(lambda: platform.item("reservations", order_id=data["order_id"]), bool, "the stock is reserved")
    assert platform.item("ledger", order_id=data["order_id"]) is None


def test_unknown_fields_are_tolerated(platform: Platform) -> None:
    """GIVEN a newer publisher that sends a field nobody here knows WHEN its order comes THEN it is handled."""
    placed = order("probe")
    envelope = wrap(placed)
    detail = {"metadata": {**envelope.metadata.to_json(), "shard": 7}, "data": {**envelope.data, "gift": True}}
    _put(platform, "shop.orders", "OrderPlaced", detail)

    eventually(lambda: platform.item("effects", order_id=placed.order_id), bool, "the order is handled")


@pytest.mark.parametrize(
    ("source", "name"), [("shop.orders", "OrderPlacd"), ("shop.oders", "OrderPlaced")], ids=["name", "source"]
)
def test_an_event_that_nobody_takes_is_seen(platform: Platform, source: str, name: str) -> None:
    """GIVEN a typo in an event's name or source WHEN it is published THEN it is in the queue of the unmatched."""
    mark = str(uuid4())
    _put(platform, source, name, {"metadata": {}, "data": {"mark": mark}})

    url = platform.sqs.get_queue_url(QueueName=platform.names.unmatched_queue)["QueueUrl"]

    def bodies() -> list[str]:
        messages = platform.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=1)
        return [message["Body"] for message in messages.get("Messages", [])]

    eventually(bodies, lambda seen: any(mark in body for body in seen), "the event is in the unmatched queue")


def test_a_body_that_is_no_event_goes_to_the_dlq(platform: Platform) -> None:
    """GIVEN a stray message in a worker's queue WHEN it is handled THEN it is in the DLQ with its cause."""
    mark = f"stray {uuid4()}"
    platform.sqs.send_message(QueueUrl=platform.deployment.queue_url("probe"), MessageBody=mark)

    [letter] = eventually(
        lambda: [x for x in platform.dead_letters("probe") if x["body"] == mark],
        lambda letters: len(letters) == 1,
        "the message is in the DLQ",
    )
    assert letter["error_type"] == "EventError"
    assert "not JSON" in letter["error_message"]


def _put(platform: Platform, source: str, name: str, detail: object) -> None:
    """Publish without the contract's leave."""
    entry = {
        "EventBusName": platform.names.bus,
        "Source": source,
        "DetailType": name,
        "Detail": json.dumps(detail),
    }
    assert client("events").put_events(Entries=[entry])["FailedEntryCount"] == 0
