"""A point for each whole dollar, once per invoice, and none for what the subscription leaves out."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from contracts.billing import InvoiceIssued
from contracts.money import Money
from fanout import Outcome, Retry, aws
from fanout.publish import wrap
from fanout.testing import Rig, eventbridge_event
from fanout_tools.declarations import routing
from fanout_tools.declarations.worker import load
from services.loyalty import handler

pytestmark = pytest.mark.usefixtures("worker_aws")

Items = Callable[[str], list[dict[str, Any]]]


def invoice(amount: str = "99.99", number: int = 1) -> InvoiceIssued:
    return InvoiceIssued(
        invoice_id=f"i-{number}",
        order_id=f"o-{number}",
        customer_id="c-1",
        total=Money(amount=Decimal(amount), currency="USD"),
    )


def test_points_add_up(items: Items) -> None:
    """GIVEN two invoices of a customer WHEN they come THEN each is awarded its whole dollars, and the points are
    their sum."""
    Rig(handler.worker).deliver(invoice("99.99", 1), invoice("30.01", 2))

    assert [(award["invoice_id"], award["points"]) for award in items("awards")] == [("i-1", "99"), ("i-2", "30")]
    assert items("points") == [{"customer_id": "c-1", "points": "129"}]


def test_a_redelivery_awards_nothing_more(items: Items, crash: Any) -> None:
    """GIVEN an invoice whose completion was lost WHEN it comes again THEN its points were given once."""
    rig = Rig(handler.worker, store=crash.store, clock=crash.clock)
    [first] = crash.killed(rig, invoice())

    crash.recover()
    assert rig.deliver(first)[0].outcome is Outcome.HANDLED
    assert items("points") == [{"customer_id": "c-1", "points": "99"}]


def test_an_invoice_published_twice_is_awarded_once(items: Items) -> None:
    """GIVEN billing's invoice under two event_ids WHEN both come THEN the invoice's own id keeps it to one award."""
    outcomes = [delivery.outcome for delivery in Rig(handler.worker).deliver(invoice(), invoice())]

    assert outcomes == [Outcome.HANDLED, Outcome.HANDLED]
    assert items("points") == [{"customer_id": "c-1", "points": "99"}]


@pytest.mark.parametrize(("amount", "received"), [("25.00", []), ("25.01", ["loyalty"]), ("0.00", [])])
def test_small_invoices_never_get_here(amount: str, received: list[str]) -> None:
    """GIVEN the worker's subscription WHEN invoices are published THEN only those above 25 dollars reach it."""
    manifest = load(Path(handler.__file__).with_name("worker.yaml"))
    event = eventbridge_event(wrap(invoice(amount)))

    assert routing.recipients(event, {"loyalty": manifest}) == received


def test_a_conflict_over_the_points_is_retried(monkeypatch: pytest.MonkeyPatch) -> None:
    """GIVEN another invoice of the customer at the same moment WHEN the transaction is cancelled THEN this one comes
    again."""
    dynamodb = aws.client("dynamodb")

    def conflict(**_: Any) -> None:
        reasons = [{"Code": "None"}, {"Code": "TransactionConflict"}]
        response: Any = {"Error": {"Code": "TransactionCanceledException"}, "CancellationReasons": reasons}
        raise dynamodb.exceptions.TransactionCanceledException(response, "TransactWriteItems")

    monkeypatch.setattr(dynamodb, "transact_write_items", conflict)
    [delivery] = Rig(handler.worker).deliver(invoice())

    assert delivery.outcome is Outcome.RETRIED
    assert isinstance(delivery.cause, Retry)


def test_the_points_awarded_are_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """GIVEN an invoice published twice WHEN both come THEN PointsAwarded counts its points once."""
    counted: list[dict[str, Any]] = []
    monkeypatch.setattr(handler.metrics, "add_metric", lambda **metric: counted.append(metric))
    Rig(handler.worker).deliver(invoice(), invoice())

    assert counted == [{"name": "PointsAwarded", "unit": "Count", "value": 99.0}]
