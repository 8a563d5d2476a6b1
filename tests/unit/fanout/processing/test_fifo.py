"""FIFO queues: order within a message group, whatever happens to its head."""

from __future__ import annotations

from typing import Any

from fanout import Context, Outcome, Reject
from fanout.testing import Rig, record_of

from ..conftest import MakeWorker, ThingHappened, outcomes
from .support import things

FIFO: dict[str, Any] = {"via": "bus", "queue": {"fifo": True, "max_receives": 2}}


def test_a_fifo_group_goes_on_in_order_once_its_head_is_dead_lettered(make_worker: MakeWorker) -> None:
    """GIVEN a group whose head fails each time WHEN it comes again THEN the head alone is dead-lettered, in a group of
    its own with its former group as an attribute, and the others are handled in order."""
    worker, handled = make_worker(**FIFO), list[int]()

    @worker.handles(ThingHappened)
    def handle(event: ThingHappened, _: Context) -> None:
        if event.number == 0:
            raise ZeroDivisionError
        handled.append(event.number)

    rig = Rig(worker)
    queue = [record_of(event, group="g") for event in things(3)]
    for _ in range(5):
        done = rig.deliver(*queue)
        queue = [d.record._replace(receive_count=d.record.receive_count + 1) for d in done if d.outcome == "retried"]

    assert handled == [1, 2]
    [letter] = rig.dead_letters
    assert letter["MessageGroupId"] == letter["MessageAttributes"]["message_id"]["StringValue"]
    assert letter["MessageAttributes"]["message_group"]["StringValue"] == "g"
    assert letter["MessageAttributes"]["sequence_number"]["StringValue"]
    assert letter["MessageAttributes"]["error_at"]["StringValue"].startswith("processing/test_fifo.py:")
    assert len(letter["MessageAttributes"]) == 10  # SQS takes no more


def test_a_fifo_group_stops_while_the_dlq_does_not_take_its_head(make_worker: MakeWorker) -> None:
    """GIVEN a DLQ that refuses WHEN the head of a group is rejected THEN those behind it wait."""
    worker, handled = make_worker(**FIFO), list[int]()

    @worker.handles(ThingHappened)
    def handle(event: ThingHappened, _: Context) -> None:
        if event.number == 0:
            raise Reject("never")
        handled.append(event.number)

    rig = Rig(worker)
    rig.refuse.add("send_message_batch")
    queue = [record_of(event, group="g") for event in things(3)]

    assert outcomes(rig.deliver(*queue)) == [Outcome.RETRIED] * 3
    assert handled == []


def test_rejected_records_of_one_group_are_each_in_a_group_of_their_own(make_worker: MakeWorker) -> None:
    """GIVEN 25 rejected records of one group WHEN they are dead-lettered THEN they are in 25 groups: of one group only
    ten could be seen."""
    worker = make_worker(**FIFO)

    @worker.handles(ThingHappened)
    def handle(event: ThingHappened, _: Context) -> None:
        raise Reject("never")

    rig = Rig(worker)
    for event in things(25):
        rig.deliver(record_of(event, group="g"))

    assert len({letter["MessageGroupId"] for letter in rig.dead_letters}) == 25
