"""Orders are entered once, balances hold their sum, and each has one invoice of one id."""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from contracts.billing import InvoiceIssued
from contracts.money import Money
from contracts.orders import OrderPlaced
from fanout import Outcome, Retry, aws
from fanout.publish import wrap
from fanout.testing import Rig
from services.billing import handler

pytestmark = pytest.mark.usefixtures("worker_aws")

Items = Callable[[str], list[dict[str, Any]]]
MakeOrder = Callable[..., OrderPlaced]


def test_an_order_is_entered_and_added_to_the_balance(items: Items, make_order: MakeOrder) -> None:
    """GIVEN two orders of a customer WHEN they come THEN the ledger has both and the balance their sum, to the
    cent."""
    rig = Rig(handler.worker)
    second = Money(amount=Decimal("0.10"), currency="USD")
    rig.deliver(make_order(), make_order(order_id="o-2", total=second))

    assert items("ledger") == [
        {"order_id": "o-1", "customer_id": "c-1", "placed_on": "1997-01-12", "amount": "25.99", "pieces": "3"},
        {"order_id": "o-2", "customer_id": "c-1", "placed_on": "1997-01-12", "amount": "0.1", "pieces": "3"},
    ]
    assert items("balances") == [{"customer_id": "c-1", "amount": "26.09", "orders": "2"}]


def test_the_invoice_is_published(make_order: MakeOrder) -> None:
    """GIVEN an order WHEN it is billed THEN its invoice is on the bus, caused by it, about the customer."""
    rig, order = Rig(handler.worker), wrap(make_order())
    rig.deliver(order)

    [invoice] = rig.published
    assert invoice.identifier == "shop.billing/InvoiceIssued"
    assert InvoiceIssued.from_data(invoice.data) == InvoiceIssued(
        invoice_id="inv-o-1",
        order_id="o-1",
        customer_id="c-1",
        total=Money(amount=Decimal("25.99"), currency="USD"),
    )
    assert invoice.metadata.subject == "c-1"
    assert invoice.metadata.causation_id == order.metadata.event_id
    assert invoice.metadata.correlation_id == order.metadata.correlation_id


def test_a_redelivery_bills_nothing_more_and_repeats_the_invoice(
    items: Items, make_order: MakeOrder, crash: Any
) -> None:
    """GIVEN an order whose completion was lost WHEN it comes again THEN the balance has it once, and the invoice is
    published again with the same id, so that its subscribers suppress it."""
    rig = Rig(handler.worker, store=crash.store, clock=crash.clock)
    [first] = crash.killed(rig, make_order())

    crash.recover()
    assert rig.deliver(first)[0].outcome is Outcome.HANDLED
    assert items("balances") == [{"customer_id": "c-1", "amount": "25.99", "orders": "1"}]
    before, after = rig.published
    assert before.metadata.event_id == after.metadata.event_id
    assert before.data == after.data


def test_an_invoice_that_the_bus_refused_is_published_in_the_end(items: Items, make_order: MakeOrder) -> None:
    """GIVEN a bus that is down WHEN an order is billed and comes again THEN its invoice is published, the balance
    has it once."""
    rig = Rig(handler.worker)
    rig.bus_error = "InternalFailure: down"
    [first] = rig.deliver(make_order())
    assert (first.outcome, rig.published) == (Outcome.RETRIED, [])

    rig.bus_error = None
    assert rig.redeliver(first).outcome is Outcome.HANDLED
    assert len(rig.published) == 1
    assert items("balances")[0]["orders"] == "1"


def test_another_currency_is_rejected(items: Items, make_order: MakeOrder) -> None:
    """GIVEN an order in euros WHEN it comes THEN it is rejected, and neither entered nor invoiced."""
    rig = Rig(handler.worker)
    [delivery] = rig.deliver(make_order(total=Money(amount=Decimal(5), currency="EUR")))

    assert delivery.outcome is Outcome.REJECTED
    assert str(delivery.cause) == "order o-1: the ledger is kept in USD, the total is in EUR"
    assert (items("ledger"), items("balances"), rig.published) == ([], [], [])


def test_a_conflict_over_the_balance_is_retried(monkeypatch: pytest.MonkeyPatch, make_order: MakeOrder) -> None:
    """GIVEN another order of the customer at the same moment WHEN the transaction is cancelled THEN this one comes
    again, and has no invoice yet."""
    dynamodb = aws.client("dynamodb")

    def conflict(**_: Any) -> None:
        reasons = [{"Code": "None"}, {"Code": "TransactionConflict"}]
        response: Any = {"Error": {"Code": "TransactionCanceledException"}, "CancellationReasons": reasons}
        raise dynamodb.exceptions.TransactionCanceledException(response, "TransactWriteItems")

    monkeypatch.setattr(dynamodb, "transact_write_items", conflict)
    rig = Rig(handler.worker)
    [delivery] = rig.deliver(make_order())

    assert delivery.outcome is Outcome.RETRIED
    assert isinstance(delivery.cause, Retry)
    assert rig.published == []


def test_what_is_billed_is_counted_once(make_order: MakeOrder, capsys: pytest.CaptureFixture[str]) -> None:
    """GIVEN an order told under two event ids WHEN both come THEN the worker's metrics have it once."""
    handler.worker.metrics.flush("billing")
    capsys.readouterr()
    Rig(handler.worker).deliver(make_order(), make_order())
    handler.worker.metrics.flush("billing")

    line = json.loads(capsys.readouterr().out)
    assert (line["OrdersBilled"], line["AmountBilled"]) == ([1], [25.99])
