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


def test_on_an_existing_bus_what_others_could_have_begins_with_the_namespace() -> None:
    """GIVEN a bus that others use too WHEN rules are named THEN they begin with the namespace; all else is as ever."""
    names = Names("fanout-test", "shared")

    assert names.bus == "shared"
    assert names.topic_rule("shop.orders") == "fanout-test-topic-shop-orders"
    assert names.worker_rule("billing", "*") == f"fanout-test-{NAMES.worker_rule('billing', '*')}"
    assert names.rule_path("any") == "rule/shared/any"
    assert (names.archive, names.topic("shop.orders")) == ("fanout-test", NAMES.topic("shop.orders"))


def test_a_rule_of_the_longest_worker_fits_an_existing_bus() -> None:
    assert len(Names("a" * 20, "shared").worker_rule(LONGEST, "shop.orders/OrderPlaced")) <= 64


def test_the_default_bus_is_no_part_of_its_rules_arns() -> None:
    names = Names("fanout-test", "default")

    assert names.rule_path("any") == "rule/any"
    assert names.takes_aws_events
    assert not NAMES.takes_aws_events


def test_a_function_is_told_its_names() -> None:
    assert Names.told({"FANOUT_NAMESPACE": "fanout-test"}) == NAMES
    told = Names.told({"FANOUT_NAMESPACE": "fanout-test", "FANOUT_EVENT_BUS": "shared"})
    assert told == Names("fanout-test", "shared")
