"""The report's sums, by the worker core and S3 in memory."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import boto3
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from moto import mock_aws

from contracts.money import Money
from contracts.reports import SalesReportRequested, SalesSummarised
from fanout import Outcome
from fanout.testing import Rig
from services.report import handler
from services.report.handler import worker

DATA = Path(__file__).parents[2] / "data" / "cdnow_orders.txt"


@pytest.fixture(autouse=True)
def _s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, value in {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "BUCKET_REPORTS": "reports",
    }.items():
        monkeypatch.setenv(name, value)
    with mock_aws():
        boto3.client("s3").create_bucket(Bucket="reports")
        yield


def put(content: bytes) -> None:
    boto3.client("s3").put_object(Bucket="reports", Key="orders.txt", Body=content)


def report(rig: Rig) -> SalesSummarised:
    """Ask for the report and see it through."""
    rig.deliver(SalesReportRequested(report_id="r", key="orders.txt"))
    rig.timers.pop(0)
    return rest(rig)


def rest(rig: Rig) -> SalesSummarised:
    rig.deliver(*(envelope for envelope in rig.published if envelope.name == "SalesChunkAssigned"))
    rig.deliver(*(timer for _, timer in rig.timers))
    [told] = [envelope for envelope in rig.published if envelope.name == "SalesSummarised"]
    return SalesSummarised.from_data(told.data)


def test_the_totals_are_the_files() -> None:
    """GIVEN the orders of CDNOW's customers WHEN the report is asked for THEN its totals are those of the file, with
    each customer counted once although chunks share them."""
    put(DATA.read_bytes())

    assert report(Rig(worker)) == SalesSummarised(
        report_id="r",
        key="orders.txt",
        orders=6_919,
        customers=2_357,
        pieces=16_479,
        total=Money(amount=Decimal("244091.94"), currency="USD"),
        complete=True,
        chunks=7,
        chunks_failed=0,
        chunks_missing=0,
    )


LINES = st.lists(st.tuples(st.integers(1, 9), st.integers(0, 99), st.integers(0, 99_999)), max_size=8)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=LINES, chunk_bytes=st.integers(1, 80), ends=st.booleans())
def test_each_line_is_in_one_chunk(
    monkeypatch: pytest.MonkeyPatch, lines: list[tuple[int, int, int]], chunk_bytes: int, ends: bool
) -> None:
    """GIVEN any lines and any size of chunks, down to parts of a line WHEN summed up THEN each line counts once."""
    monkeypatch.setattr(handler, "CHUNK_BYTES", chunk_bytes)
    text = "\n".join(f"1 {customer} 19970101 {pieces} {cents / 100}" for customer, pieces, cents in lines)
    put((text + "\n" * ends if lines else "").encode())
    told = report(Rig(worker))

    assert told.complete
    assert (told.orders, told.pieces) == (len(lines), sum(pieces for _, pieces, _ in lines))
    assert told.total.amount * 100 == sum(cents for *_, cents in lines)
    assert told.customers == len({customer for customer, *_ in lines})


@pytest.mark.parametrize("line", [b"no order", b"1 2 19970101 many 1.00", b"1 2 19970101 3 \xff", b"1 " * 1_025])
def test_a_line_that_is_no_order_fails_its_chunk(line: bytes) -> None:
    """GIVEN a bad line in a file of two chunks WHEN summed up THEN the other chunk is told, with the failure."""
    good = b"00004 0001 19970101  2   29.33\n"
    put(good * 1_060 + line + b"\n" + good * 3)
    rig = Rig(worker)
    told = report(rig)

    assert not told.complete
    assert (told.chunks, told.chunks_failed, told.chunks_missing) == (2, 1, 0)
    assert 0 < told.orders < 1_063
    [letter] = rig.dead_letters
    assert "orders.txt: at byte 32860" in letter["MessageAttributes"]["error_message"]["StringValue"]


def test_a_file_that_changes_fails_its_chunks() -> None:
    """GIVEN a file that is replaced after it was split WHEN its chunks are counted THEN no old and new is mixed."""
    put(DATA.read_bytes())
    rig = Rig(worker)
    rig.deliver(SalesReportRequested(report_id="r", key="orders.txt"))
    rig.timers.clear()
    put(DATA.read_bytes()[::2])

    told = rest(rig)
    assert (told.orders, told.chunks_failed) == (0, 7)


def test_a_missing_file_is_rejected() -> None:
    """GIVEN no such file WHEN the report is asked for THEN the request is rejected, with the bucket."""
    [delivery] = Rig(worker).deliver(SalesReportRequested(report_id="r", key="orders.txt"))

    assert delivery.outcome is Outcome.REJECTED
    assert str(delivery.cause) == "orders.txt: is not in reports"
