"""The list prices, from the one file that has them, and a line of a bill."""

from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Final

import yaml
from pydantic import BaseModel, ConfigDict, Field, HttpUrl

__all__ = ["DAYS", "GB", "HOURS", "MONTH_S", "PRICES", "Line", "Price", "Prices", "line", "load"]

GB: Final = 1e9
HOURS: Final = 730
"""Of a month, as AWS's own calculator has it."""
DAYS: Final = HOURS / 24
MONTH_S: Final = HOURS * 3600
PRICES: Final = Path(__file__).with_name("prices-us-east-1.yaml")


class _Declared(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Price(_Declared):
    """One price."""

    usd: float = Field(ge=0)
    per: int = Field(ge=1, description="for so many units")
    unit: str
    page: HttpUrl
    """Where AWS publishes it."""
    seen: str
    """Which copy of it was read."""
    dated: date | None = None
    """The copy's date; None where the price could not be verified."""

    @property
    def each(self) -> float:
        """Dollars for one unit."""
        return self.usd / self.per


class Prices(_Declared):
    """The price list of one region."""

    region: str
    read_on: date
    prices: dict[str, Price]

    def __getitem__(self, key: str) -> Price:
        return self.prices[key]


@cache
def load(path: Path = PRICES) -> Prices:
    """The price list in a file."""
    return Prices.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))


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
