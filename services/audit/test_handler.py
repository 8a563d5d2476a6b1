"""Every event of the bus is a line in S3, whatever it is."""

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from contracts.billing import InvoiceIssued
from fanout import Envelope, Outcome, aws
from fanout.events.envelope import Metadata
from fanout.publish import wrap
from fanout.testing import Rig, record
from services.audit import handler

pytestmark = pytest.mark.usefixtures("worker_aws")


def envelope(number: int = 1) -> Envelope:
    return wrap(
        InvoiceIssued.from_data(
            {
                "invoice_id": f"i-{number}",
                "order_id": "o",
                "customer_id": "c",
                "total": {"amount": 1.5, "currency": "USD"},
            }
        ),
        event_id=f"e-{number}",
    )  # fmt: skip


def objects() -> dict[str, list[dict[str, Any]]]:
    """The lines of each object, by its key."""
    s3 = aws.client("s3")
    keys = [found["Key"] for found in s3.list_objects_v2(Bucket="test-audit").get("Contents", [])]
    return {
        key: [orjson.loads(line) for line in s3.get_object(Bucket="test-audit", Key=key)["Body"].read().splitlines()]
        for key in keys
    }


def test_a_batch_is_one_object_with_a_line_per_event() -> None:
    """GIVEN three events, one of them AWS's own and of another year WHEN they come THEN one object, of the hour of
    receipt, has a line for each, with metadata and data."""
    foreign = Envelope(
        source="aws.s3",
        name="Object Created",
        data={"object": {"key": "k"}},
        metadata=Metadata(event_id="x", schema_version=1, correlation_id="x", published_at="1971-01-01T00:00:00Z"),
    )
    began = f"{datetime.now(UTC):%Y/%m/%d/%H}"
    deliveries = Rig(handler.worker).deliver(envelope(1), foreign, envelope(2))

    assert [delivery.outcome for delivery in deliveries] == [Outcome.HANDLED] * 3
    [(key, lines)] = objects().items()
    assert began <= key.removeprefix("events/").rpartition("/")[0] <= f"{datetime.now(UTC):%Y/%m/%d/%H}"
    assert key.endswith(".jsonl")
    assert [(line["source"], line["name"]) for line in lines] == [
        ("shop.billing", "InvoiceIssued"),
        ("aws.s3", "Object Created"),
        ("shop.billing", "InvoiceIssued"),
    ]
    assert lines[0]["data"] == envelope(1).data
    assert lines[0]["metadata"]["event_id"] == "e-1"
    assert lines[1]["data"] == {"object": {"key": "k"}}


def test_a_batch_that_died_is_kept_whole(crash: Any) -> None:
    """GIVEN a batch at which the process died WHEN it comes again, in another order THEN each event has a line, no
    object has one twice, and what was written again replaces itself."""
    rig = Rig(handler.worker, store=crash.store, clock=crash.clock)
    first = crash.killed(rig, envelope(1), envelope(2))

    crash.recover()
    again = rig.deliver(*reversed(first))
    assert {delivery.outcome for delivery in again} == {Outcome.HANDLED}
    kept = [tuple(sorted(line["metadata"]["event_id"] for line in lines)) for lines in objects().values()]
    assert sorted(kept) == [("e-1",), ("e-1", "e-2"), ("e-2",)]


def test_duplicates_and_junk_are_not_kept() -> None:
    """GIVEN an event twice and a message that is none WHEN they come THEN the event is kept once, the junk is in the
    DLQ."""
    rig = Rig(handler.worker)
    outcomes = [delivery.outcome for delivery in rig.deliver(envelope(1), record("junk"), envelope(1))]

    assert outcomes == [Outcome.HANDLED, Outcome.REJECTED, Outcome.DUPLICATE]
    assert [len(lines) for lines in objects().values()] == [1]
    assert len(rig.dead_letters) == 1


def test_when_s3_fails_every_event_comes_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """GIVEN a bucket that is gone WHEN a batch comes THEN none of it is acknowledged, and all of it can be handled
    later."""
    monkeypatch.setenv("BUCKET_AUDIT", "nowhere")
    rig = Rig(handler.worker)
    failed = rig.deliver(envelope(1), envelope(2))
    assert [delivery.outcome for delivery in failed] == [Outcome.RETRIED] * 2

    monkeypatch.setenv("BUCKET_AUDIT", "test-audit")
    assert [rig.redeliver(delivery).outcome for delivery in failed] == [Outcome.HANDLED] * 2
