"""An event of the size that shops send, for benchmarks and tests: it is no sample of any project's own."""

from datetime import date
from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer

from fanout import Event

__all__ = ["Money", "OrderLine", "OrderPlaced"]

Identifier = Annotated[str, Field(min_length=1, max_length=64)]
_BOUNDS = Field(ge=0, le=10_000_000)
_AMOUNT = PlainSerializer(float, return_type=Annotated[float, _BOUNDS], when_used="json")


class Money(BaseModel):
    """An amount and its currency."""

    model_config = ConfigDict(frozen=True)

    amount: Annotated[Decimal, _BOUNDS, Field(decimal_places=2), _AMOUNT]
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]


class OrderLine(BaseModel):
    """So many pieces of one article."""

    model_config = ConfigDict(frozen=True)

    sku: Identifier
    quantity: Annotated[int, Field(ge=1, le=1_000)]


class OrderPlaced(Event, source="sample.orders", version=1, owner="sample"):
    """A customer has placed and paid for an order."""

    order_id: Identifier
    customer_id: Identifier
    email: Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+$", max_length=254)]
    placed_on: date
    lines: Annotated[list[OrderLine], Field(min_length=1)]
    total: Money
