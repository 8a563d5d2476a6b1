"""Records that take too long, and their mates."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import Counter
from collections.abc import Sequence

import pytest

from fanout import Context, DeclarationError, Envelope, Outcome
from fanout.publish import wrap
from fanout.testing import Rig, record_of

from ..conftest import MakeWorker, ThingHappened, outcomes
from .support import things


def test_a_hanging_record_is_interrupted_and_its_mates_are_recorded(make_worker: MakeWorker) -> None:
    """GIVEN a batch in the default mode whose last record hangs WHEN the time is up THEN it is retried, and a
    redelivery of its mates has no second effect."""
    worker, effects = make_worker(), Counter[int]()
    until = time.monotonic() + 1.2

    @worker.handles(ThingHappened)
    def handle(event: ThingHappened, _: Context) -> None:
        effects[event.number] += 1
        if event.number == 9:
            time.sleep(60)

    rig = Rig(worker)
    deliveries = rig.deliver(*things(10), remaining_s=lambda: until - time.monotonic())

    assert outcomes(deliveries) == [Outcome.HANDLED] * 9 + [Outcome.RETRIED]
    assert "not handled within" in str(deliveries[9].cause)
    assert outcomes(rig.deliver(*(d.record for d in deliveries[:9]))) == [Outcome.DUPLICATE] * 9
    assert set(effects.values()) == {1}


def test_a_coroutine_that_blocks_the_loop_is_interrupted(make_worker: MakeWorker) -> None:
    """GIVEN a coroutine that sleeps without awaiting WHEN the time is up THEN it is retried, and its mate handled."""
    worker = make_worker(batch={"concurrency": 2})
    until = time.monotonic() + 1.2

    @worker.handles(ThingHappened)
    async def handle(event: ThingHappened, _: Context) -> None:
        if event.number == 1:
            time.sleep(60)

    deliveries = Rig(worker).deliver(*things(2), remaining_s=lambda: until - time.monotonic())

    assert outcomes(deliveries) == [Outcome.HANDLED, Outcome.RETRIED]


def test_a_coroutine_that_ignores_its_cancellation_ends_with_its_batch(make_worker: MakeWorker) -> None:
    """GIVEN a coroutine that swallows its cancellation WHEN the time is up THEN the batch ends, its lock stays, and
    nothing of it runs in the next batch."""
    worker, ran = make_worker(batch={"record_timeout_s": 1}), list[str]()

    @worker.handles(ThingHappened)
    async def handle(event: ThingHappened, _: Context) -> None:
        if event.number == 1:
            while True:
                try:
                    await asyncio.sleep(3600)
                except asyncio.CancelledError:
                    ran.append("ignored")

    rig = Rig(worker)
    [slow] = rig.deliver(wrap(ThingHappened(number=1)))
    assert slow.outcome is Outcome.RETRIED
    assert slow.abandoned
    before = len(ran)
    assert outcomes(rig.deliver(wrap(ThingHappened(number=2)))) == [Outcome.HANDLED]
    assert len(ran) == before


def test_a_plain_handler_is_interrupted_at_its_own_limit(make_worker: MakeWorker) -> None:
    """GIVEN record_timeout_s and a plain handler WHEN it works for longer THEN it is interrupted: no second execution
    runs beside it."""
    worker, effects = make_worker(batch={"record_timeout_s": 1}, function={"timeout_s": 2}), list[str]()

    @worker.handles(ThingHappened)
    def handle(event: ThingHappened, _: Context) -> None:
        if not effects:
            effects.append("begun")
            time.sleep(60)
        effects.append("done")

    rig = Rig(worker)
    [slow] = rig.deliver(*things(1))
    assert slow.outcome is Outcome.RETRIED
    assert rig.redeliver(slow).outcome is Outcome.HANDLED
    assert effects == ["begun", "done"]


def test_a_limit_for_threads_is_refused_when_it_is_declared(make_worker: MakeWorker) -> None:
    """GIVEN record_timeout_s and concurrency 2 WHEN a plain handler is declared THEN it is refused: a thread cannot be
    stopped."""
    worker = make_worker(batch={"record_timeout_s": 1, "concurrency": 2})

    with pytest.raises(DeclarationError, match="cannot stop a thread"):
        worker.handles(ThingHappened)(lambda event, context: None)


def test_a_cancelled_coroutine_with_a_thread_keeps_its_lock(make_worker: MakeWorker) -> None:
    """GIVEN a coroutine that waits for a thread WHEN it is cancelled at its limit THEN a redelivery waits for the
    lock: the thread is still at work."""
    worker, release = make_worker(batch={"record_timeout_s": 1}), threading.Event()

    @worker.handles(ThingHappened)
    async def handle(event: ThingHappened, _: Context) -> None:
        await asyncio.to_thread(release.wait, 60)

    rig = Rig(worker)
    try:
        [slow] = rig.deliver(*things(1))
        again = rig.redeliver(slow)
    finally:
        release.set()

    assert slow.outcome is Outcome.RETRIED
    assert "another execution holds the event" in str(again.cause)


def test_what_was_cut_off_at_its_last_try_begins_anew_after_a_redrive(make_worker: MakeWorker) -> None:
    """GIVEN a coroutine that is cancelled at its limit in its last try WHEN its record comes back from the DLQ THEN it
    waits for the lock, and is handled: no process has died of it."""
    now, slow = [1_000_000.0], [True]
    worker = make_worker(batch={"record_timeout_s": 1}, queue={"max_receives": 1})

    @worker.handles(ThingHappened)
    async def handle(event: ThingHappened, _: Context) -> None:
        await asyncio.sleep(3600 if slow.pop() else 0)

    rig = Rig(worker, clock=lambda: now[0])
    [event] = things(1)
    assert outcomes(rig.deliver(record_of(event, sent_ms=1_000_000_000))) == [Outcome.REJECTED]
    [redriven] = rig.deliver(record_of(event, sent_ms=1_000_000_000))
    assert "another execution holds the event" in str(redriven.cause)

    now[0] += 60
    slow.append(False)
    assert rig.redeliver(redriven).outcome is Outcome.HANDLED


def test_a_cancelled_batch_handler_with_a_thread_keeps_its_locks(make_worker: MakeWorker) -> None:
    """GIVEN a batch handler that waits for a thread WHEN it is cancelled at its limit THEN its records say so, and a
    redelivery waits for their locks: the thread is still at work."""
    worker, release = make_worker(batch={"record_timeout_s": 1}), threading.Event()

    @worker.handles_batch
    async def handle(_: Sequence[Envelope]) -> None:
        await asyncio.to_thread(release.wait, 60)

    rig = Rig(worker)
    try:
        slow = rig.deliver(*things(2))
        again = rig.redeliver(slow[0])
    finally:
        release.set()

    assert outcomes(slow) == [Outcome.RETRIED] * 2
    assert "not handled within 1.0 s" in str(slow[0].cause)
    assert "another execution holds the event" in str(again.cause)


@pytest.mark.parametrize("how", ["blocks the loop", "fails"])
def test_a_record_whose_thread_outlasts_the_batch_keeps_its_lock(make_worker: MakeWorker, how: str) -> None:
    """GIVEN a coroutine that starts a thread and blocks the loop, or fails WHEN the batch's time is up before the
    thread has ended THEN a redelivery waits for the lock."""
    worker, release = make_worker(), threading.Event()
    until, tasks = time.monotonic() + 1.2, set()

    @worker.handles(ThingHappened)
    async def handle(event: ThingHappened, _: Context) -> None:
        tasks.add(asyncio.create_task(asyncio.to_thread(release.wait, 60)))
        await asyncio.sleep(0.01)
        if how == "fails":
            raise ValueError(how)
        time.sleep(60)

    rig = Rig(worker)
    try:
        [failed] = rig.deliver(*things(1), remaining_s=lambda: until - time.monotonic())
        again = rig.redeliver(failed)
    finally:
        release.set()

    assert failed.outcome is Outcome.RETRIED
    assert "another execution holds the event" in str(again.cause)


def test_a_task_left_running_is_awaited_and_named(make_worker: MakeWorker, caplog: pytest.LogCaptureFixture) -> None:
    """GIVEN a handler that leaves a task running WHEN it returns THEN the task has ended before the batch has, and a
    warning names it."""
    worker, ended = make_worker(), list[str]()
    tasks = set()

    async def tell_the_world() -> None:
        await asyncio.sleep(0.01)
        ended.append("told")

    @worker.handles(ThingHappened)
    async def handle(event: ThingHappened, _: Context) -> None:
        tasks.add(asyncio.create_task(tell_the_world()))

    with caplog.at_level(logging.WARNING):
        assert outcomes(Rig(worker).deliver(*things(1))) == [Outcome.HANDLED]

    assert ended == ["told"]
    assert "tell_the_world running; it was awaited" in caplog.text
