"""Telling SQS: in as few calls as its limits allow, and each answer in its place."""

from typing import Any

import pytest

from fanout import Context, Outcome, Reject
from fanout.processing.settlement import MAX_CALL_BYTES
from fanout.testing import Rig, record, record_of

from ..conftest import MakeWorker, ThingHappened


@pytest.fixture
def rig(make_worker: MakeWorker) -> Rig:
    """Even numbers are rejected, odd ones fail."""
    worker = make_worker(batch={"size": 100, "window_s": 1}, idempotency={"mode": "off"})

    @worker.handles(ThingHappened)
    def handle(event: ThingHappened, _: Context) -> None:
        if event.number % 2:
            raise ZeroDivisionError
        raise Reject("never")

    return Rig(worker)


def test_ten_records_a_call(rig: Rig) -> None:
    """GIVEN 21 rejected and 20 failed records of one batch WHEN settled THEN that is three calls and two, and each
    record is in its place."""
    deliveries = rig.deliver(*(record_of(ThingHappened(number=n)) for n in range(41)))

    assert rig.sqs_calls == ["send_message_batch"] * 3 + ["change_message_visibility_batch"] * 2
    assert [letter["MessageBody"] for letter in rig.dead_letters] == [d.record.body for d in deliveries[::2]]
    assert [backoff["ReceiptHandle"] for backoff in rig.backoffs] == [d.record.receipt_handle for d in deliveries[1::2]]


def test_large_bodies_go_in_calls_of_their_own(rig: Rig) -> None:
    """GIVEN four unreadable records of 400 KB WHEN moved to the DLQ THEN no call is over SQS's limit."""
    sizes: list[int] = []
    sqs: Any = rig.processor.settlement.sqs()
    send = sqs.send_message_batch

    def measured(*, QueueUrl: str, Entries: list[Any]) -> Any:  # noqa: N803
        sizes.append(sum(len(entry["MessageBody"].encode()) for entry in Entries))
        return send(QueueUrl=QueueUrl, Entries=Entries)

    sqs.send_message_batch = measured
    deliveries = rig.deliver(*(record("x" * 400_000) for _ in range(4)))

    assert [delivery.outcome for delivery in deliveries] == [Outcome.REJECTED] * 4
    assert sizes == [800_000, 800_000]
    assert max(sizes) < MAX_CALL_BYTES


def test_one_record_that_the_dlq_refuses_of_ten(rig: Rig) -> None:
    """GIVEN a DLQ that refuses the second of three entries WHEN settled THEN that record alone comes again."""
    sqs: Any = rig.processor.settlement.sqs()
    sqs.send_message_batch = lambda **_: {"Failed": [{"Id": "1", "Code": "InternalError", "SenderFault": False}]}

    deliveries = rig.deliver(*(ThingHappened(number=n) for n in (0, 2, 4)))

    assert [d.outcome for d in deliveries] == [Outcome.REJECTED, Outcome.RETRIED, Outcome.REJECTED]
    assert [backoff["ReceiptHandle"] for backoff in rig.backoffs] == [deliveries[1].record.receipt_handle]


def test_the_name_of_an_exception_is_written_as_sqs_takes_it(make_worker: MakeWorker) -> None:
    """GIVEN an exception class that was made of foreign text WHEN its record is dead-lettered THEN the entry holds no
    character for which SQS would refuse the whole call."""
    worker = make_worker(queue={"max_receives": 1})
    strange = type("Fault\x01of\x1b7", (Exception,), {})

    @worker.handles(ThingHappened)
    def handle(event: ThingHappened, _: Context) -> None:
        raise strange

    rig = Rig(worker)
    rig.deliver(ThingHappened(number=1))

    assert rig.dead_letters[0]["MessageAttributes"]["error_type"]["StringValue"] == "Faultof7"
