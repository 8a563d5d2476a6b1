"""Tries: what counts as one, and what becomes of a record that has had them all."""

from __future__ import annotations

import time
from collections.abc import Sequence

import pytest

from fanout import Context, Outcome, Retry
from fanout.idempotency import Lock, LockState, Request
from fanout.idempotency.memory import MemoryStore
from fanout.testing import Rig, record_of

from ..conftest import MakeWorker, ThingHappened, outcomes
from .support import things


def test_a_record_that_was_never_tried_is_never_dead_lettered(make_worker: MakeWorker) -> None:
    """GIVEN no time for a record WHEN it is handed out 50 times THEN it is still in the queue."""
    worker = make_worker()
    worker.handles(ThingHappened)(lambda event, context: None)
    rig = Rig(worker)
    [delivery] = rig.deliver(*things(1), remaining_s=0.2)
    for _ in range(50):
        again = delivery.record._replace(receive_count=delivery.record.receive_count + 1)
        [delivery] = rig.deliver(again, remaining_s=0.2)
        assert delivery.outcome is Outcome.POSTPONED

    assert rig.dead_letters == []
    assert rig.redeliver(delivery).outcome is Outcome.HANDLED
    assert rig.redeliver(delivery).outcome is Outcome.DUPLICATE


class _Throttled(MemoryStore):
    """Takes no lock until a time."""

    until = 0.0

    def acquire(self, requests: Sequence[Request]) -> list[Lock]:
        if self._clock() >= self.until:
            return super().acquire(requests)
        return [Lock(key=r.key, owner=r.owner, state=LockState.UNAVAILABLE, reason="Throttled") for r in requests]


def test_a_store_that_throttles_for_ten_minutes_dead_letters_nothing(make_worker: MakeWorker) -> None:
    """GIVEN a store that takes no lock for ten minutes WHEN a record comes again after each delay THEN it is handled
    at last, and the DLQ is empty."""
    now = [1000.0]
    worker = make_worker()
    worker.handles(ThingHappened)(lambda event, context: None)
    store = _Throttled(clock=lambda: now[0])
    store.until = now[0] + 600
    rig = Rig(worker, store=store, clock=lambda: now[0])
    [delivery] = rig.deliver(record_of(ThingHappened(number=1), sent_ms=1_000_000))
    while delivery.outcome is Outcome.RETRIED:
        now[0] += rig.backoffs[-1]["VisibilityTimeout"]
        delivery = rig.redeliver(delivery)

    assert delivery.outcome is Outcome.HANDLED
    assert rig.dead_letters == []


def test_what_is_untried_when_retention_ends_is_dead_lettered(make_worker: MakeWorker) -> None:
    """GIVEN a record that the queue is about to delete WHEN there is no time for it THEN it goes to the DLQ with that
    cause."""
    worker = make_worker()
    worker.handles(ThingHappened)(lambda event, context: None)
    old_ms = int((time.time() - 4 * 86_400 + 300) * 1000)
    rig = Rig(worker)

    [delivery] = rig.deliver(record_of(ThingHappened(number=1), sent_ms=old_ms), remaining_s=0.2)

    assert delivery.outcome is Outcome.REJECTED
    assert rig.dead_letters[0]["MessageAttributes"]["error_type"]["StringValue"] == "RetentionEnds"


@pytest.mark.parametrize("late", ["retention", "backstop"])
def test_what_is_dead_lettered_late_begins_anew_after_a_redrive(make_worker: MakeWorker, late: str) -> None:
    """GIVEN a record that failed once and is dead-lettered because its queue would lose it, or move it without a word
    WHEN it is redriven THEN it has all its tries again."""
    now, tries = [1_000_000.0], list[int]()
    worker = make_worker()
    rig = Rig(worker, clock=lambda: now[0])

    @worker.handles(ThingHappened)
    def handle(event: ThingHappened, context: Context) -> None:
        tries.append(context.tries)
        raise Retry("not now")

    [event] = things(1)
    old_ms = int((now[0] - 4 * 86_400 + 300) * 1000) if late == "retention" else int(now[0] * 1000)
    receives = 1 if late == "retention" else worker.settings.backstop
    record = record_of(event, sent_ms=old_ms)._replace(receive_count=receives)
    assert outcomes(rig.deliver(record)) == [Outcome.REJECTED]
    assert len(rig.dead_letters) == 1
    assert outcomes(rig.deliver(record_of(event, sent_ms=int(now[0] * 1000)))) == [Outcome.RETRIED]
    assert tries == [1, 1]


def test_a_delay_is_within_what_sqs_takes(make_worker: MakeWorker) -> None:
    """GIVEN a handler that asks for 12 h, which is what SQS hides a message for in all WHEN the record has been hidden
    for a while THEN the delay is less by the visibility timeout."""
    worker = make_worker()

    @worker.handles(ThingHappened)
    def handle(event: ThingHappened, _: Context) -> None:
        raise Retry("tomorrow", after=43_200)

    rig = Rig(worker)
    rig.deliver(*things(1))

    assert rig.backoffs[0]["VisibilityTimeout"] == 43_200 - 180
