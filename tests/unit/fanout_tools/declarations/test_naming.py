"""Names in AWS: within its limits, and never the same for two things."""

import re

import pytest

from fanout_tools.declarations.naming import Names

NAMES = Names("fanout-test")
LONGEST = "a" * 36


def test_each_thing_has_its_name() -> None:
    """GIVEN a namespace WHEN asked THEN every name is the documented one."""
    assert NAMES.bus == "fanout-test"
    assert NAMES.topic("shop.orders") == "fanout-test-shop-orders"
    assert NAMES.undelivered_queue("shop.orders") == "fanout-test-shop-orders-undelivered"
    assert NAMES.unmatched_queue == "fanout-test-unmatched"
    assert NAMES.queue("billing") == NAMES.function("billing") == "fanout-test-billing"
    assert NAMES.dead_letter_queue("billing") == "fanout-test-billing-dlq"
    assert NAMES.log_group("billing") == "/aws/lambda/fanout-test-billing"
    assert NAMES.idempotency_table("billing") == "fanout-test-billing-idempotency"
    assert NAMES.outbox_table == "fanout-test-outbox"
    assert NAMES.claims_bucket("123456789012") == "fanout-test-claims-123456789012"
    assert NAMES.table("stock") == "fanout-test-stock"
    assert NAMES.bucket("media", "123456789012") == "fanout-test-media-123456789012"


def test_a_fifo_queue_and_its_dlq_end_as_sqs_demands() -> None:
    """GIVEN a FIFO worker WHEN its queues are named THEN both end in .fifo."""
    assert NAMES.queue("billing", fifo=True) == "fanout-test-billing.fifo"
    assert NAMES.dead_letter_queue("billing", fifo=True) == "fanout-test-billing-dlq.fifo"


@pytest.mark.parametrize(
    ("name", "limit"),
    [
        (Names("fanout-production").function(LONGEST), 64),
        (Names("fanout-production").dead_letter_queue(LONGEST, fifo=True), 80),
        (Names("fanout-production").bucket("a" * 29, "123456789012"), 63),
    ],
)
def test_the_longest_worker_fits(name: str, limit: int) -> None:
    """GIVEN the longest name that a manifest takes WHEN named in AWS THEN it is within the service's limit."""
    assert len(name) <= limit
    assert re.fullmatch(r"[a-z0-9-]+(\.fifo)?", name)
