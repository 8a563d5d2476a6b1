"""Amounts are exact, and numbers on the bus."""

from decimal import Decimal

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.money import Money


@given(cents=st.integers(0, 1_000_000_000))
def test_every_cent_survives_the_bus(cents: int) -> None:
    """GIVEN any amount in cents WHEN it goes through JSON and back THEN it is the same amount, and a number on the
    way, so that subscriptions can compare it."""
    money = Money(amount=Decimal(cents) / 100, currency="USD")
    written = orjson.loads(orjson.dumps(money.model_dump(mode="json")))

    assert isinstance(written["amount"], float)
    assert Money.model_validate(written).amount * 100 == cents


@pytest.mark.parametrize("amount", ["NaN", "Infinity", "-0.01", "0.005", "10000000.01"])
def test_what_is_no_amount_is_refused(amount: str) -> None:
    """GIVEN no number, or one with too many decimals or out of range WHEN made an amount THEN it is refused."""
    with pytest.raises(ValueError, match="amount"):
        Money(amount=Decimal(amount), currency="USD")
