"""Stock is taken once per order, for all of its lines or none."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from contracts.orders import OrderLine, OrderPlaced
from fanout import Outcome, Reject, Retry, aws
from fanout.publish import wrap
from fanout.testing import Rig
from services.inventory import handler

Items = Callable[[str], list[dict[str, Any]]]
MakeOrder = Callable[..., OrderPlaced]


@pytest.fixture(autouse=True)
def _shelf(worker_aws: None) -> None:
    """10 of cd-1, 1 of cd-2."""
    for sku, available in (("cd-1", "10"), ("cd-2", "1")):
        aws.client("dynamodb").put_item(TableName="test-stock", Item={"sku": {"S": sku}, "available": {"N": available}})


def stock(items: Items) -> dict[str, int]:
    return {item["sku"]: int(item["available"]) for item in items("stock")}


def test_an_order_takes_its_lines_from_the_stock(items: Items, make_order: MakeOrder) -> None:
    """GIVEN stock WHEN an order comes THEN its quantities are taken and its reservation noted."""
    [delivery] = Rig(handler.worker).deliver(make_order())

    assert delivery.outcome is Outcome.HANDLED
    assert stock(items) == {"cd-1": 8, "cd-2": 0}
    assert items("reservations") == [{"order_id": "o-1", "quantities": {"cd-1": {"N": "2"}, "cd-2": {"N": "1"}}}]


def test_lines_of_one_article_are_taken_together(items: Items, make_order: MakeOrder) -> None:
    """GIVEN an order with an article on two lines WHEN it comes THEN their sum is taken: a transaction may touch an
    item once."""
    order = make_order(lines=[OrderLine(sku="cd-1", quantity=2), OrderLine(sku="cd-1", quantity=3)])
    [delivery] = Rig(handler.worker).deliver(order)

    assert delivery.outcome is Outcome.HANDLED
    assert stock(items)["cd-1"] == 5


def test_a_redelivery_takes_nothing_more(items: Items, make_order: MakeOrder, crash: Any) -> None:
    """GIVEN an order whose completion was lost WHEN it comes again THEN it is done, and stock was taken once."""
    rig = Rig(handler.worker, store=crash.store, clock=crash.clock)
    [first] = crash.killed(rig, make_order())

    crash.recover()
    assert rig.deliver(first)[0].outcome is Outcome.HANDLED
    assert stock(items) == {"cd-1": 8, "cd-2": 0}


@pytest.mark.parametrize(
    ("lines", "named"),
    [
        ([OrderLine(sku="cd-1", quantity=1), OrderLine(sku="cd-2", quantity=2)], "cd-2"),
        ([OrderLine(sku="cd-1", quantity=1), OrderLine(sku="cd-9", quantity=1)], "cd-9"),
        ([OrderLine(sku="cd-2", quantity=2), OrderLine(sku="cd-1", quantity=11)], "cd-2, cd-1"),
    ],
)
def test_what_is_not_in_stock_is_rejected_and_takes_nothing(
    items: Items, make_order: MakeOrder, lines: list[OrderLine], named: str
) -> None:
    """GIVEN an order of which a line cannot be had WHEN it comes THEN it is rejected by the articles' names, and
    nothing of it is taken."""
    rig = Rig(handler.worker)
    [delivery] = rig.deliver(make_order(lines=lines))

    assert delivery.outcome is Outcome.REJECTED
    assert str(delivery.cause) == f"order o-1: not in stock: {named}"
    assert stock(items) == {"cd-1": 10, "cd-2": 1}
    assert items("reservations") == []
    assert len(rig.dead_letters) == 1


def test_a_rejected_order_can_be_redriven(items: Items, make_order: MakeOrder) -> None:
    """GIVEN an order rejected for want of stock WHEN stock has come and the DLQ is redriven THEN it is handled."""
    rig, envelope = Rig(handler.worker), wrap(make_order(lines=[OrderLine(sku="cd-2", quantity=2)]))
    assert rig.deliver(envelope)[0].outcome is Outcome.REJECTED

    aws.client("dynamodb").put_item(TableName="test-stock", Item={"sku": {"S": "cd-2"}, "available": {"N": "5"}})
    assert rig.deliver(envelope)[0].outcome is Outcome.HANDLED
    assert stock(items)["cd-2"] == 3


def test_an_order_too_long_for_a_transaction_is_rejected(make_order: MakeOrder) -> None:
    """GIVEN an order of 100 articles WHEN it comes THEN it is rejected with the limit; of 99 it is not refused so."""
    rig = Rig(handler.worker)
    lines = [OrderLine(sku=f"x-{n}", quantity=1) for n in range(100)]
    [long, most] = rig.deliver(make_order(lines=lines), make_order(order_id="o-2", lines=lines[:99]))

    assert str(long.cause) == "order o-1: 100 articles; at most 99 fit a transaction"
    assert isinstance(most.cause, Reject)
    assert "not in stock" in str(most.cause)


def test_a_conflict_with_other_orders_is_retried(monkeypatch: pytest.MonkeyPatch, make_order: MakeOrder) -> None:
    """GIVEN others taking from the same stock at once WHEN the transaction is cancelled THEN the order comes again."""
    dynamodb = aws.client("dynamodb")

    def conflict(**_: Any) -> None:
        reasons = [{"Code": "None"}, {"Code": "TransactionConflict"}, {"Code": "None"}]
        response: Any = {"Error": {"Code": "TransactionCanceledException"}, "CancellationReasons": reasons}
        raise dynamodb.exceptions.TransactionCanceledException(response, "TransactWriteItems")

    monkeypatch.setattr(dynamodb, "transact_write_items", conflict)
    [delivery] = Rig(handler.worker).deliver(make_order())

    assert delivery.outcome is Outcome.RETRIED
    assert isinstance(delivery.cause, Retry)
    assert "TransactionConflict" in str(delivery.cause)


def test_a_fault_of_dynamodb_is_retried(monkeypatch: pytest.MonkeyPatch, make_order: MakeOrder) -> None:
    """GIVEN a throttled table WHEN an order comes THEN it comes again."""

    def throttle(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "ThrottlingException"}}, "TransactWriteItems")

    monkeypatch.setattr(aws.client("dynamodb"), "transact_write_items", throttle)

    assert Rig(handler.worker).deliver(make_order())[0].outcome is Outcome.RETRIED
