"""The shop's orders."""

from datetime import date
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from contracts.money import Money
from fanout.events.event import Event
from fanout.events.personal import Personal
from fanout.events.upcasting import upcasts

__all__ = ["FulfilmentRequested", "OrderLine", "OrderPlaced"]

Identifier = Annotated[str, Field(min_length=1, max_length=64)]


class OrderLine(BaseModel):
    """So many pieces of one article."""

    model_config = ConfigDict(frozen=True)

    sku: Identifier
    quantity: Annotated[int, Field(ge=1, le=1_000)]


class OrderPlaced(Event, source="shop.orders", version=2, owner="shop"):
    """A customer has placed and paid for an order."""

    order_id: Identifier
    customer_id: Identifier
    email: Personal[Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+$", max_length=254)]]
    placed_on: date
    lines: Annotated[list[OrderLine], Field(min_length=1)]
    total: Money


class FulfilmentRequested(Event, source="shop.orders", version=1):
    """An order is to be fulfilled as a whole: reserved, charged and sent, or none of it."""

    order: OrderPlaced


@upcasts(OrderPlaced, from_version=1)
def _total_with_currency(data: dict[str, Any]) -> dict[str, Any]:
    """Version 1 knew one currency: the total was a number of US dollars."""
    return {**data, "total": {"amount": data["total"], "currency": "USD"}}
