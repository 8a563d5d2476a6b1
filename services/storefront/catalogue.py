"""What the shop sells. Prices are the shop's: a customer names articles, never amounts."""

from dataclasses import dataclass
from decimal import Decimal

__all__ = ["CATALOGUE", "CURRENCY", "Article"]

CURRENCY = "USD"


@dataclass(frozen=True, slots=True)
class Article:
    """One CD."""

    sku: str
    title: str
    price: Decimal


CATALOGUE = {
    article.sku: article
    for article in (
        Article("CD-000", "Goldberg Variations", Decimal("11.77")),
        Article("CD-001", "Kind of Blue", Decimal("12.99")),
        Article("CD-002", "Songs in the Key of Life", Decimal("20.76")),
        Article("CD-003", "OK Computer", Decimal("29.33")),
    )
}
