"""The shop's reports: asked for, split, and summed up."""

from typing import Annotated

from pydantic import Field

from contracts.money import Money
from contracts.orders import Identifier
from fanout.events.event import Event

__all__ = ["SalesChunkAssigned", "SalesReportRequested", "SalesSummarised"]

Key = Annotated[str, Field(min_length=1, max_length=1_024)]
Count = Annotated[int, Field(ge=0)]


class SalesReportRequested(Event, source="shop.reports", version=1, owner="finance"):
    """Somebody wants the sales of a file of orders summed up."""

    report_id: Identifier
    key: Key = Field(description="the file in the reports bucket: lines of id, customer, yyyymmdd, pieces, dollars")


class SalesChunkAssigned(Event, source="shop.reports", version=1, owner="finance"):
    """The lines that begin in a range of the file's bytes are to be counted."""

    report_id: Identifier
    key: Key
    etag: Annotated[str, Field(min_length=1)] = Field(description="of the file when it was split")
    first_byte: Count
    last_byte: Count


class SalesSummarised(Event, source="shop.reports", version=1, owner="finance"):
    """The sales of a file; what could not be counted is told, and is not in the totals."""

    report_id: Identifier
    key: Key
    orders: Count
    customers: Count
    pieces: Count
    total: Money
    complete: bool
    chunks: Count
    chunks_failed: Count
    chunks_missing: Count
