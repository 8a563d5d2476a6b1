"""What one run of the demo sends: the orders, and what goes wrong with a few of them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from contracts.money import Money
from contracts.orders import OrderLine, OrderPlaced
from fanout.events.envelope import Envelope
from fanout.publish import wrap
from scripts.demo.cdnow import Purchase

__all__ = ["ARTICLES", "LOYALTY_ABOVE", "REJECTS", "Scenario"]

ARTICLES = 200
"""CDs on the shop's shelf; the data tells how many a customer bought, not which."""

DUPLICATES = 10
REJECTS = 2

LOYALTY_ABOVE = Decimal(25)
"""As services/loyalty/worker.yaml filters."""


@dataclass(frozen=True)
class Scenario:
    """One run. Its name is part of every id, so that a second run on the same deployment meets nothing of the first."""

    run: str
    purchases: Sequence[Purchase]

    @classmethod
    def new(cls, purchases: Sequence[Purchase]) -> Scenario:
        return cls(f"demo-{int(time.time() * 1000):x}", purchases)

    @property
    def followed(self) -> int:
        """The number of the order that is followed: the first that every worker has to do with."""
        numbers = (n for n, purchase in enumerate(self.purchases) if purchase.amount > LOYALTY_ABOVE)
        return next(numbers, 0)

    def first(self) -> Envelope:
        """The followed order, which is sent alone, before all others."""
        return self._order(self.followed, self.purchases[self.followed])

    def orders(self) -> Iterator[Envelope]:
        """Every other order once, and the first ten a second time with the same event_id, the followed one too."""
        for number, purchase in enumerate(self.purchases):
            envelope = self._order(number, purchase)
            if number != self.followed:
                yield envelope
            if number < self.duplicates:
                yield envelope

    def rejects(self) -> Iterator[Envelope]:
        """Orders in euros: good events, which billing's ledger in dollars cannot take."""
        for number in range(REJECTS):
            yield self._order(len(self.purchases) + number, self.purchases[0], currency="EUR")

    def broken(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Orders that break the contract, each with its name: the publisher refuses them."""
        good = self._event(0, self.purchases[0]).to_data()
        yield "an order of nothing", {**good, "lines": []}
        yield "a negative total", {**good, "total": {"amount": -1, "currency": "USD"}}
        yield "a misspelt field", {**good, "custommer_id": "0001"}

    @property
    def reject_ids(self) -> set[str]:
        """The event ids of the orders in euros."""
        return {envelope.metadata.event_id for envelope in self.rejects()}

    @property
    def duplicates(self) -> int:
        return min(DUPLICATES, len(self.purchases))

    @property
    def events(self) -> int:
        """How many events the run publishes by itself."""
        return len(self.purchases) + self.duplicates + REJECTS

    @property
    def total(self) -> Decimal:
        """Of the orders that billing takes, in dollars."""
        return sum((purchase.amount for purchase in self.purchases), Decimal())

    @property
    def pieces(self) -> int:
        return sum(purchase.pieces for purchase in self.purchases)

    @property
    def customers(self) -> int:
        return len({purchase.customer for purchase in self.purchases})

    @property
    def rewarded(self) -> list[Purchase]:
        """The purchases large enough for points."""
        return [purchase for purchase in self.purchases if purchase.amount > LOYALTY_ABOVE]

    @property
    def photograph(self) -> str:
        """The key of the upload."""
        return f"{self.run}/grace_hopper.jpg"

    def _order(self, number: int, purchase: Purchase, currency: str = "USD") -> Envelope:
        order = self._event(number, purchase, currency)
        return wrap(order, event_id=order.order_id, subject=order.customer_id)

    def _event(self, number: int, purchase: Purchase, currency: str = "USD") -> OrderPlaced:
        return OrderPlaced(
            order_id=f"{self.run}-{number:05}",
            customer_id=f"{self.run}-c{purchase.customer}",
            email=f"customer-{purchase.customer}@customers.example",
            placed_on=purchase.placed_on,
            lines=[OrderLine(sku=sku(number), quantity=purchase.pieces)],
            total=Money(amount=purchase.amount, currency=currency),
        )


def sku(number: int) -> str:
    """The article of an order."""
    return f"CD-{number % ARTICLES:03}"
