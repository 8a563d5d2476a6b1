"""Handlers one after the other, in threads, and as tasks."""

import asyncio
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from fanout import Context, Outcome, Reject, Retry
from fanout.publish import wrap
from fanout.testing import Rig, record_of

from ..conftest import MakeWorker, ThingFollowed, ThingHappened


class Gauge:
    """How many are inside at once, and how many were at most."""

    def __init__(self) -> None:
        self.inside: dict[object, int] = defaultdict(int)
        self.most: dict[object, int] = defaultdict(int)
        self._lock = threading.Lock()

    @contextmanager
    def enter(self, key: object = None) -> Iterator[None]:
        with self._lock:
            self.inside[key] += 1
            self.most[key] = max(self.most[key], self.inside[key])
        try:
            yield
        finally:
            with self._lock:
                self.inside[key] -= 1


def test_coroutines_run_at_once_up_to_the_limit(make_worker: MakeWorker) -> None:
    """GIVEN concurrency 3 WHEN ten coroutines wait for each other THEN three run at once, and all are handled."""
    worker, gauge = make_worker(batch={"concurrency": 3}), Gauge()
    barrier = asyncio.Barrier(3)

    @worker.handles(ThingHappened)
    async def handle(event: ThingHappened, _: Context) -> None:
        with gauge.enter():
            await barrier.wait()

    deliveries = Rig(worker).deliver(*(ThingHappened(number=n) for n in range(9)))

    assert [d.outcome for d in deliveries] == [Outcome.HANDLED] * 9
    assert gauge.most[None] == 3


def test_functions_run_in_threads_up_to_the_limit(make_worker: MakeWorker) -> None:
    """GIVEN concurrency 3 WHEN plain functions wait for each other THEN three run at once, and all are handled."""
    worker, gauge, barrier = make_worker(batch={"concurrency": 3}), Gauge(), threading.Barrier(3)

    @worker.handles(ThingHappened)
    def handle(event: ThingHappened, _: Context) -> None:
        with gauge.enter():
            barrier.wait(timeout=60)

    deliveries = Rig(worker).deliver(*(ThingHappened(number=n) for n in range(9)))

    assert [d.outcome for d in deliveries] == [Outcome.HANDLED] * 9
    assert gauge.most[None] == 3


def test_the_event_loop_outlives_the_batch(make_worker: MakeWorker) -> None:
    """GIVEN coroutines WHEN two batches come THEN both run on the same loop, so that a client made in one serves the
    other."""
    worker, loops = make_worker(), []

    @worker.handles(ThingHappened)
    async def handle(event: ThingHappened, _: Context) -> None:
        loops.append(asyncio.get_running_loop())

    rig = Rig(worker)
    rig.deliver(ThingHappened(number=1))
    rig.deliver(ThingHappened(number=2))

    assert loops[0] is loops[1]


@pytest.mark.parametrize("asynchronous", [True, False], ids=["tasks", "threads"])
def test_outcomes_are_the_same_however_it_runs(make_worker: MakeWorker, asynchronous: bool) -> None:
    """GIVEN records that return, retry, reject and crash WHEN they run at once THEN each has its outcome and result."""
    worker = make_worker(batch={"concurrency": 4})

    def decide(event: ThingHappened) -> int:
        match event.number:
            case 1:
                raise Retry("later", after=7)
            case 2:
                raise Reject("never")
            case 3:
                raise ZeroDivisionError
        return event.number

    if asynchronous:

        @worker.handles(ThingHappened)
        async def handle_soon(event: ThingHappened, context: Context) -> int:
            context.publish(ThingFollowed(number=event.number))
            return decide(event)
    else:

        @worker.handles(ThingHappened)
        def handle(event: ThingHappened, context: Context) -> int:
            context.publish(ThingFollowed(number=event.number))
            return decide(event)

    rig = Rig(worker)
    deliveries = rig.deliver(*(ThingHappened(number=n) for n in range(4)))

    assert [d.outcome for d in deliveries] == [Outcome.HANDLED, Outcome.RETRIED, Outcome.REJECTED, Outcome.RETRIED]
    assert deliveries[0].result == 0
    assert rig.backoffs[0]["VisibilityTimeout"] == 7
    assert [envelope.data["number"] for envelope in rig.published] == [0]


def test_a_coroutine_whose_time_is_up_is_cancelled(make_worker: MakeWorker) -> None:
    """GIVEN a limit of 1 s WHEN one coroutine never ends THEN it is cancelled, its lock kept, and its neighbour
    handled."""
    worker = make_worker(batch={"concurrency": 2, "record_timeout_s": 1})
    cancelled: list[int] = []

    @worker.handles(ThingHappened)
    async def handle(event: ThingHappened, _: Context) -> None:
        if event.number == 1 and not cancelled:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                cancelled.append(event.number)
                raise

    rig = Rig(worker)
    slow, quick = rig.deliver(ThingHappened(number=1), ThingHappened(number=2))

    assert cancelled == [1]
    assert slow.outcome is Outcome.RETRIED
    assert "not handled within 1.0 s" in str(slow.cause)
    assert quick.outcome is Outcome.HANDLED
    assert "another execution holds the event" in str(rig.redeliver(slow).cause)


def test_a_handlers_own_time_out_is_its_own(make_worker: MakeWorker) -> None:
    """GIVEN a coroutine that raises TimeoutError itself WHEN it runs THEN that is the cause, not the limit."""
    worker = make_worker()

    @worker.handles(ThingHappened)
    async def handle(event: ThingHappened, _: Context) -> None:
        raise TimeoutError("the carrier did not answer")

    [delivery] = Rig(worker).deliver(ThingHappened(number=1))

    assert str(delivery.cause) == "the carrier did not answer"


def test_a_thread_whose_time_is_up_keeps_its_lock(make_worker: MakeWorker) -> None:
    """GIVEN plain functions in threads, one of which outlives the batch WHEN its record comes again before the lock
    expires THEN it is not handled a second time beside the first; its mate is handled."""
    worker, release = make_worker(batch={"concurrency": 2}), threading.Event()
    ends = time.monotonic() + 1.2

    @worker.handles(ThingHappened)
    def handle(event: ThingHappened, _: Context) -> None:
        if event.number == 1:
            release.wait(timeout=60)

    rig = Rig(worker)
    slow, quick = rig.deliver(
        ThingHappened(number=1), ThingHappened(number=2), remaining_s=lambda: ends - time.monotonic()
    )
    try:
        assert slow.outcome is Outcome.RETRIED
        assert slow.abandoned
        assert quick.outcome is Outcome.HANDLED
    finally:
        release.set()


def test_the_deadline_ends_what_still_runs(make_worker: MakeWorker) -> None:
    """GIVEN a second until the invocation's end WHEN a coroutine never ends THEN it is cancelled in time for the batch
    to be settled."""
    worker, ends = make_worker(), time.monotonic() + 1.0

    @worker.handles(ThingHappened)
    async def handle(event: ThingHappened, _: Context) -> None:
        await asyncio.Event().wait()

    [delivery] = Rig(worker).deliver(ThingHappened(number=1), remaining_s=lambda: ends - time.monotonic())

    assert delivery.outcome is Outcome.RETRIED


def test_never_two_records_of_a_group_at_once(make_worker: MakeWorker) -> None:
    """GIVEN a FIFO queue and room for four WHEN records of two groups come THEN the groups run beside each other, each
    in its order, and a failure stops its own."""
    worker = make_worker(batch={"concurrency": 4}, queue={"fifo": True}, via="bus")
    gauge, both, seen = Gauge(), asyncio.Barrier(2), defaultdict(list)

    @worker.handles(ThingHappened)
    async def handle(event: ThingHappened, context: Context) -> None:
        group = context.delivery.record.group
        with gauge.enter(group):
            if event.number < 2:
                await both.wait()  # the first of each group: they are under way together
            await asyncio.sleep(0)
        seen[group].append(event.number)
        if event.number == 3:
            raise ZeroDivisionError

    deliveries = Rig(worker).deliver(*(record_of(ThingHappened(number=n), group="ab"[n % 2]) for n in range(8)))

    assert dict(seen) == {"a": [0, 2, 4, 6], "b": [1, 3]}
    assert set(gauge.most.values()) == {1}
    assert [d.outcome for d in deliveries[5::2]] == [Outcome.RETRIED] * 2


def test_log_fields_belong_to_their_record(make_worker: MakeWorker, capsys: pytest.CaptureFixture[str]) -> None:
    """GIVEN records that run at once WHEN each logs THEN its line has its own event_id."""
    import json
    import logging

    from fanout import telemetry

    root, level = list(logging.getLogger().handlers), logging.getLogger().level
    worker = make_worker(batch={"concurrency": 3})
    barrier = threading.Barrier(3)

    @worker.handles(ThingHappened)
    def handle(event: ThingHappened, _: Context) -> None:
        barrier.wait(timeout=60)
        logging.getLogger("probe").info("number %s", event.number)

    telemetry.configure()
    try:
        Rig(worker).deliver(*(wrap(ThingHappened(number=n), event_id=f"e{n}") for n in range(3)))
    finally:
        logging.getLogger().handlers[:] = root
        logging.getLogger().setLevel(level)

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {line["message"]: line["event_id"] for line in lines} == {f"number {n}": f"e{n}" for n in range(3)}
