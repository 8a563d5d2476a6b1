"""What is written in a transaction is published; what is too large for its way comes by way of S3."""

from __future__ import annotations

from uuid import uuid4

import pytest

from contracts.media import Thumbnail, ThumbnailsCreated
from fanout import Publisher, wrap
from fanout.payloads import ClaimCheck
from fanout_tools.declarations import routing
from tests.integration.conftest import EMULATOR
from tests.integration.platform import NOT_HELD, Platform, client, eventually, order


@pytest.mark.skipif(EMULATOR in NOT_HELD, reason="it has no streams of the DynamoDB beside it")
def test_an_event_of_a_transaction_reaches_its_subscribers_once(platform: Platform) -> None:
    """GIVEN a worker that writes events in its own transactions WHEN it has handled ten orders, one of them twice
    THEN each invoice is published from the table's stream, has its effect once, and its item will expire."""
    customer = f"scribe-{uuid4()}"
    orders = [order(customer, amount=26.0) for _ in range(10)]
    wrapped = [wrap(placed) for placed in orders]
    assert all(receipt.accepted for receipt in platform.publisher.publish_all([*wrapped, wrapped[0]]))

    eventually(
        lambda: [platform.item("awards", invoice_id=f"inv-{placed.order_id}") for placed in orders],
        all,
        "every invoice of the outbox has its points",
    )
    platform.quiet()

    points = platform.item("points", customer_id=customer)
    assert points == {"customer_id": customer, "points": str(26 * 10)}
    items = eventually(
        lambda: platform.dynamodb.query(
            TableName=platform.names.outbox_table,
            KeyConditionExpression="#p = :p",
            ExpressionAttributeNames={"#p": "partition"},
            ExpressionAttributeValues={":p": {"S": customer}},
        )["Items"],
        lambda items: all("relayed_at" in item for item in items),
        "the items are marked",
    )
    assert len(items) == 10
    assert all(int(item["expiration"]["N"]) > 0 for item in items)


def test_a_large_event_is_filtered_and_handled_as_any_other(platform: Platform) -> None:
    """GIVEN two events too large for SNS, one of which a subscription's filter wants WHEN published THEN their data
    go by way of S3, the filter still sees what it asks for, and handler and audit see the wanted one whole."""
    event = "shop.media/ThumbnailsCreated"
    routes = routing.routes([event], platform.deployment.manifests)
    claim_check = ClaimCheck(lambda: client("s3"), lambda: platform.names.claims_bucket(platform.deployment.account))
    publisher = Publisher(client("events"), platform.names.bus, routes=routes, claim_check=claim_check)
    wanted, unwanted = large("wanted"), large("other")
    assert len(wanted.model_dump_json()) > routes.of(event).max_bytes
    assert [receipt.error for receipt in publisher.publish_all([wanted, unwanted])] == [None, None]

    seen = eventually(lambda: platform.item("seen", photograph=wanted.photograph), bool, "the wanted event is handled")
    assert seen == {"photograph": wanted.photograph, "thumbnails": str(len(wanted.thumbnails))}
    [line] = eventually(lambda: platform.audit(wanted.photograph), bool, "the wanted event is audited")
    assert line["data"] == wanted.to_data()
    platform.quiet()
    assert platform.item("seen", photograph=unwanted.photograph) is None


def large(kind: str) -> ThumbnailsCreated:
    thumbnails = [Thumbnail(key=f"{number}-{uuid4()}" + "x" * 1_000, width=7, height=1) for number in range(300)]
    return ThumbnailsCreated(photograph=f"{kind}-{uuid4()}", bucket="reader", thumbnails=thumbnails)
