"""Sums up the sales of a file of orders: split into chunks, counted at once, gathered into one summary."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any

from contracts.money import Money
from contracts.reports import SalesChunkAssigned, SalesReportRequested, SalesSummarised
from fanout import AggregateResult, Context, Reject, Worker
from fanout.aws import client
from fanout.resources import bucket

worker = Worker(__file__)

CHUNK_BYTES = 32 * 1024
LONGEST_LINE = 1_024
"""Bytes, its line feed included."""
DEADLINE = timedelta(minutes=5)


@dataclass
class Sales:
    """The totals of some lines. Customers are kept by name: one may have bought in several chunks."""

    orders: int = 0
    pieces: int = 0
    cents: int = 0
    customers: set[str] = field(default_factory=set)

    def add(self, line: str) -> None:
        """
        :raises ValueError: the line is not id, customer, day, pieces, dollars.
        :raises ArithmeticError: its amount is no number.
        """
        _, customer, _, pieces, dollars = line.split()
        self.orders += 1
        self.pieces += int(pieces)
        self.cents += int(Decimal(dollars) * 100)
        self.customers.add(customer)

    def to_json(self) -> dict[str, Any]:
        return {
            "orders": self.orders,
            "pieces": self.pieces,
            "cents": self.cents,
            "customers": sorted(self.customers),
        }


@worker.handles(SalesReportRequested)
def split(request: SalesReportRequested, context: Context) -> None:
    """A chunk for each run of bytes; the file itself is not read."""
    from botocore.exceptions import ClientError

    try:
        head = client("s3").head_object(Bucket=bucket("reports"), Key=request.key)
    except ClientError as error:
        if error.response["Error"]["Code"] in {"404", "NoSuchKey", "NotFound"}:
            raise Reject(f"{request.key}: is not in {bucket('reports')}") from error
        raise
    chunks = (
        SalesChunkAssigned(
            report_id=request.report_id,
            key=request.key,
            etag=head["ETag"],
            first_byte=first,
            last_byte=min(first + CHUNK_BYTES, head["ContentLength"]) - 1,
        )
        for first in range(0, head["ContentLength"], CHUNK_BYTES)
    )
    context.scatter(chunks, into=SalesSummarised, deadline=DEADLINE)


@worker.handles_part(SalesChunkAssigned)
def count(chunk: SalesChunkAssigned, _: Context) -> dict[str, Any]:
    """The totals of the chunk's lines."""
    sales = Sales()
    for position, line in _lines(chunk):
        try:
            sales.add(line.decode("ascii"))
        except (ValueError, ArithmeticError) as error:
            raise Reject(f"{chunk.key}: at byte {position}: {line[:80]!r} is not an order") from error
    return sales.to_json()


def _lines(chunk: SalesChunkAssigned) -> Iterator[tuple[int, bytes]]:
    """The lines that begin in the chunk, each with where. A line that began before it is the chunk's before, which
    reads over its own end for that."""
    start, last = max(chunk.first_byte - 1, 0), chunk.last_byte + LONGEST_LINE
    content = _read(chunk, start, last)
    position = 0 if chunk.first_byte == 0 else _after_line(content, 0)
    while start + position <= chunk.last_byte and position < len(content):
        end = _after_line(content, position)
        if end == len(content) > last - start and not content.endswith(b"\n"):
            raise Reject(f"{chunk.key}: at byte {start + position}: a line of over {LONGEST_LINE} bytes is no order")
        yield start + position, content[position:end]
        position = end


def _after_line(content: bytes, position: int) -> int:
    """Where the next line begins; the file's last may have no line feed."""
    return content.find(b"\n", position) + 1 or len(content)


def _read(chunk: SalesChunkAssigned, first: int, last: int) -> bytes:
    """
    :raises Reject: the file has changed since it was split, or is gone.
    """
    from botocore.exceptions import ClientError

    try:
        answer = client("s3").get_object(
            Bucket=bucket("reports"), Key=chunk.key, Range=f"bytes={first}-{last}", IfMatch=chunk.etag
        )
    except ClientError as error:
        if error.response["Error"]["Code"] in {"PreconditionFailed", "412", "NoSuchKey"}:
            raise Reject(f"{chunk.key}: has changed since it was split, or is gone") from error
        raise
    return answer["Body"].read()


@worker.gathers(SalesSummarised)
def summarise(request: SalesReportRequested, gathered: AggregateResult) -> SalesSummarised:
    """The totals over all chunks that could be counted."""
    customers: set[str] = set().union(*(result["customers"] for result in gathered.results))
    cents = sum(result["cents"] for result in gathered.results)
    return SalesSummarised(
        report_id=request.report_id,
        key=request.key,
        orders=sum(result["orders"] for result in gathered.results),
        customers=len(customers),
        pieces=sum(result["pieces"] for result in gathered.results),
        total=Money(amount=Decimal(cents) / 100, currency="USD"),
        complete=gathered.complete,
        chunks=gathered.total,
        chunks_failed=len(gathered.failed),
        chunks_missing=len(gathered.missing),
    )


handler = worker.lambda_handler
