"""One event into many parts and back into one, on the deployed platform."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any
from uuid import uuid4

from contracts.media import AlbumReady, AlbumUploaded
from contracts.reports import SalesReportRequested, SalesSummarised
from fanout.publish import wrap
from tests.integration.platform import Platform, eventually, order

ORDERS = Path("data/cdnow_orders.txt")
PHOTOGRAPH = Path("data/grace_hopper.jpg")


def test_a_report_sums_up_the_file(platform: Platform) -> None:
    """GIVEN the orders of CDNOW's customers in S3 WHEN the report is asked for, in three messages THEN one summary
    tells the totals of the file."""
    key = f"{uuid4()}/orders.txt"
    platform.s3.put_object(Bucket=platform.deployment.bucket("reports"), Key=key, Body=ORDERS.read_bytes())
    request = wrap(SalesReportRequested(report_id=f"r-{uuid4()}", key=key))
    assert all(receipt.accepted for receipt in platform.publisher.publish_all([request] * 3))

    _events(platform, key, "SalesSummarised")
    platform.quiet()
    [told] = _events(platform, key, "SalesSummarised")
    summary = SalesSummarised.from_data(told["data"])

    assert summary.complete
    assert (summary.orders, summary.customers, summary.pieces) == (6_919, 2_357, 16_479)
    assert str(summary.total.amount) == "244091.94"
    assert summary.chunks == 7
    assert told["metadata"]["causation_id"] == request.metadata.event_id
    assert told["metadata"]["correlation_id"] == request.metadata.correlation_id


def test_an_album_becomes_ready(platform: Platform) -> None:
    """GIVEN an album with a photograph that is none WHEN it is uploaded THEN one event tells of the thumbnails of all
    others, and names that one."""
    album, bucket = f"a-{uuid4()}", platform.deployment.bucket("albums")
    keys = [f"{album}/{n}.jpg" for n in range(8)]
    for key in keys:
        body = b"no image" if key.endswith("/3.jpg") else PHOTOGRAPH.read_bytes()
        platform.s3.put_object(Bucket=bucket, Key=key, Body=body)
    platform.publisher.publish(AlbumUploaded(album_id=album, photographs=keys))

    [told] = _events(platform, album, "AlbumReady")
    ready = AlbumReady.from_data(told["data"])
    assert [photograph.photograph for photograph in ready.photographs] == keys[:3] + keys[4:]
    assert (ready.failed, ready.missing) == ([keys[3]], [])
    for photograph in ready.photographs:
        for thumbnail in photograph.thumbnails:
            assert platform.s3.get_object(Bucket=ready.bucket, Key=thumbnail.key)["Body"].read(3) == b"\xff\xd8\xff"


def test_a_deadline_ends_a_gather_and_what_was_done_is_undone(platform: Platform) -> None:
    """GIVEN three parts, of which one takes longer than the deadline, and on a busy machine another may WHEN that has
    passed THEN one event tells of those done, and they are undone; WHEN the last is done at last THEN it is undone too,
    and nothing else is told."""
    placed = order("tally")
    platform.publisher.publish(placed)

    def invoices() -> Counter[str]:
        return Counter(line["data"]["invoice_id"] for line in _audited(platform, placed.order_id, "InvoiceIssued"))

    undone = {"part-0", "part-1", "part-2", "undo-0", "undo-1", "undo-2"}
    eventually(invoices, lambda seen: undone <= seen.keys(), "the late part is undone")
    platform.quiet()
    told = {name: count for name, count in invoices().items() if not name.startswith("inv-")}
    [gathered] = told.keys() - undone
    assert told == dict.fromkeys({*undone, gathered}, 1)
    succeeded, missing = (set(it.split("-")) - {""} for it in gathered.removeprefix("gathered-").split("-missing-"))
    assert "1" in missing
    assert (len(succeeded) + len(missing), succeeded | missing) == (3, {"0", "1", "2"})


def _audited(platform: Platform, containing: str, name: str) -> list[dict[str, Any]]:
    """Each event once: SNS and SQS may deliver twice, and the audit keeps what it is given."""
    lines = [line for line in platform.audit(containing) if line["name"] == name]
    return list({line["metadata"]["event_id"]: line for line in lines}.values())


def _events(platform: Platform, containing: str, name: str) -> list[dict[str, Any]]:
    return eventually(lambda: _audited(platform, containing, name), lambda seen: len(seen) >= 1, f"{name} is audited")
