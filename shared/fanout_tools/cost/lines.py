"""One line of a bill."""

from dataclasses import dataclass

from fanout_tools.cost.prices import Prices

__all__ = ["Line", "line"]


@dataclass(frozen=True, kw_only=True)
class Line:
    """So many units at a price in a month."""

    service: str
    item: str
    quantity: float
    unit: str
    usd: float
    price: str
    """The price's key."""
    event: str | None = None
    """The event that causes it; None where the month does."""
    worker: str | None = None


def line(
    prices: Prices, price: str, item: str, quantity: float, *, event: str | None = None, worker: str | None = None
) -> Line:
    """Price a quantity; the service is the first part of the price's key."""
    one = prices[price]
    return Line(
        service=price.partition(".")[0],
        item=item,
        quantity=quantity,
        unit=one.unit,
        usd=quantity * one.each,
        price=price,
        event=event,
        worker=worker,
    )
