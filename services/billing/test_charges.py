"""An order is charged once, and never after it was refunded."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.money import Money
from contracts.orders import OrderPlaced
from fanout import EventError, Reject, aws
from services.billing import handler
from services.billing.charges import charge, refund

Items = Callable[[str], list[dict[str, Any]]]
MakeOrder = Callable[..., OrderPlaced]


@pytest.fixture
def payload(worker_aws: None, make_order: MakeOrder) -> dict[str, Any]:
    return {"order": make_order().model_dump(mode="json")}


def test_an_order_is_charged_and_refunded(items: Items, payload: dict[str, Any]) -> None:
    charge(payload)
    assert items("balances") == [{"customer_id": "c-1", "amount": "25.99", "orders": "1"}]

    refund(payload)

    [balance] = items("balances")
    assert (Decimal(balance["amount"]), balance["orders"]) == (Decimal(0), "0")
    assert [entry["refunded"] for entry in items("ledger")] == [True]


def test_another_currency_is_not_charged(worker_aws: None, make_order: MakeOrder) -> None:
    order = make_order(total=Money(amount=Decimal(1), currency="EUR"))

    with pytest.raises(Reject, match="the ledger is kept in USD"):
        charge({"order": order.model_dump(mode="json")})


def test_the_steps_are_answered_directly(items: Items, payload: dict[str, Any]) -> None:
    handler.handler({"step": "charge", **payload}, None)

    assert len(items("ledger")) == 1


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(calls=st.lists(st.sampled_from([charge, refund]), max_size=6))
def test_in_any_order_an_order_is_charged_once_or_not_at_all(
    calls: list[Callable[[Any], None]], items: Items, payload: dict[str, Any]
) -> None:
    """GIVEN steps that come twice, late or in the wrong order THEN the customer owes the order once or, once a refund
    came, nothing."""
    for table, key in (("ledger", {"order_id": {"S": "o-1"}}), ("balances", {"customer_id": {"S": "c-1"}})):
        aws.client("dynamodb").delete_item(TableName=f"test-{table}", Key=key)
    for call in calls:
        try:
            call(payload)
        except Reject:
            assert (call, refund in calls) == (charge, True)

    owed = sum(Decimal(balance["amount"]) for balance in items("balances"))
    assert owed == (Decimal("25.99") if calls and refund not in calls else 0)


def test_an_order_that_breaks_its_contract_is_told_by_field_only(payload: dict[str, Any]) -> None:
    """GIVEN a workflow's input with a bad address WHEN the step runs THEN its error, which Step Functions keeps, names
    the field and not the address."""
    wrong = {**payload, "order": {**payload["order"], "email": "jane doe@shop.example"}}

    with pytest.raises(EventError, match="email") as raised:
        charge(wrong)
    assert "jane" not in str(raised.value)
