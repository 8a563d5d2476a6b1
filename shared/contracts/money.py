"""Amounts of money, as every domain of the shop writes them."""

from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer

__all__ = ["Money"]

# A JSON number, so that a subscription can filter on it. A float's shortest repr gives back the same cents.
_BOUNDS = Field(ge=0, le=10_000_000)
Amount = Annotated[
    Decimal,
    _BOUNDS,
    Field(decimal_places=2),
    PlainSerializer(float, return_type=Annotated[float, _BOUNDS], when_used="json"),
]


class Money(BaseModel):
    """An amount with at most two decimals and its ISO 4217 currency."""

    model_config = ConfigDict(frozen=True)

    amount: Amount
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
