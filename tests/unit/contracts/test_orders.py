"""The shop's orders: what older versions mean today."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.money import Money
from contracts.orders import OrderPlaced
from fanout import EventError
from fanout.events.upcasting import read

FIRST: dict[str, Any] = {
    "order_id": "o-1",
    "customer_id": "c-1",
    "email": "ann@shop.example",
    "placed_on": "1997-01-12",
    "lines": [{"sku": "cd-1", "quantity": 2}],
    "total": 25.99,
}


@given(cents=st.integers(0, 1_000_000_000))
def test_a_total_of_version_1_is_in_dollars(cents: int) -> None:
    """GIVEN an order of version 1 WHEN read THEN its total is the same to the cent, in dollars, and the rest is as it
    was."""
    order = read(OrderPlaced, {**FIRST, "total": cents / 100}, 1)

    assert order.total == Money(amount=Decimal(cents) / 100, currency="USD")
    assert order.to_data() == {**FIRST, "total": {"amount": cents / 100, "currency": "USD"}}


@pytest.mark.parametrize(("total", "field"), [(None, "total.amount"), (-1, "total.amount"), ({}, "total.amount")])
def test_a_bad_total_of_version_1_is_still_refused(total: Any, field: str) -> None:
    """GIVEN an order of version 1 that broke its own contract WHEN read THEN it breaks today's, by field."""
    with pytest.raises(EventError, match=rf"^shop\.orders/OrderPlaced version 2: {field}: "):
        read(OrderPlaced, {**FIRST, "total": total}, 1)


def test_data_of_version_2_are_not_taken_for_version_1() -> None:
    """GIVEN data of version 1 labelled version 2 WHEN read THEN they are refused, not guessed at."""
    with pytest.raises(EventError, match="total: "):
        read(OrderPlaced, FIRST, 2)
