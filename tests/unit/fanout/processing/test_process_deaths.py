"""Processes that die: the record that killed them, and its mates."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections import Counter

import pytest

from fanout import Context, Outcome
from fanout.processing.timing import Pace, TimeUp
from fanout.testing import Death, Rig, record_of

from ..conftest import MakeWorker, ThingHappened, outcomes
from .support import POSITIONS, things


def test_in_lock_mode_a_redrive_of_what_died_is_handled(make_worker: MakeWorker) -> None:
    """GIVEN claim mode and a process that died WHEN the event comes again under a new message id THEN it waits for the
    lock, and is handled once."""
    now, effects = [1000.0], list[str]()
    worker = make_worker(idempotency={"mode": "claim"})
    rig = Rig(worker, clock=lambda: now[0])

    @worker.handles(ThingHappened)
    def handle(event: ThingHappened, _: Context) -> None:
        if not effects:
            effects.append("died")
            rig.die()
        effects.append("handled")

    [event] = things(1)
    with pytest.raises(Death):
        rig.deliver(event)
    assert outcomes(rig.deliver(event)) == [Outcome.RETRIED]
    now[0] += 40
    assert outcomes(rig.deliver(event)) == [Outcome.HANDLED]
    assert outcomes(rig.deliver(event)) == [Outcome.DUPLICATE]
    assert effects == ["died", "handled"]


@pytest.mark.parametrize("mode", ["strict", "claim"])
@pytest.mark.parametrize("position", POSITIONS)
def test_a_record_that_kills_the_process_takes_no_mate_to_the_dlq(
    make_worker: MakeWorker, mode: str, position: int
) -> None:
    """GIVEN a batch of ten with one that kills the process WHEN it comes until the queue is empty THEN nine are handled
    and one is in the DLQ with that cause, after as many deaths as it may have tries."""
    now, deaths, handled = [1000.0], Counter[int](), set[int]()
    worker = make_worker(idempotency={"mode": mode}, queue={"max_receives": 3})
    rig = Rig(worker, clock=lambda: now[0])

    @worker.handles(ThingHappened)
    def handle(event: ThingHappened, _: Context) -> None:
        if event.number == position:
            deaths[event.number] += 1
            rig.die()
        handled.add(event.number)

    queue = [record_of(event, sent_ms=1_000_000) for event in things(10)]
    for receive in range(1, 20):
        try:
            done = rig.deliver(*(record._replace(receive_count=receive) for record in queue))
        except Death:
            pass
        else:
            queue = [d.record for d in done if d.outcome in (Outcome.RETRIED, Outcome.POSTPONED)]
        now[0] += 180
        if not queue:
            break

    assert handled == set(range(10)) - {position}
    assert deaths[position] == 3
    [letter] = rig.dead_letters
    assert "the process died 3 times" in letter["MessageAttributes"]["error_message"]["StringValue"]


@pytest.mark.parametrize("mode", ["strict", "claim"])
def test_a_record_that_kills_the_process_does_not_begin_again_when_the_dlq_refuses_it(
    make_worker: MakeWorker, mode: str
) -> None:
    """GIVEN a record whose process died as often as it may be tried WHEN the DLQ does not take it THEN it does not
    begin again, and goes there as soon as it can."""
    now, deaths = [1000.0], list[int]()
    worker = make_worker(idempotency={"mode": mode}, queue={"max_receives": 2})
    rig = Rig(worker, clock=lambda: now[0])

    @worker.handles(ThingHappened)
    def handle(event: ThingHappened, _: Context) -> None:
        deaths.append(event.number)
        rig.die()

    [event] = things(1)
    rig.refuse.add("send_message_batch")
    for _ in range(5):
        with contextlib.suppress(Death):
            rig.deliver(record_of(event, sent_ms=1_000_000))
        now[0] += 180
    assert (deaths, rig.dead_letters) == ([0, 0], [])
    rig.refuse.clear()
    assert outcomes(rig.deliver(record_of(event, sent_ms=1_000_000))) == [Outcome.REJECTED]
    assert rig.dead_letters[0]["MessageAttributes"]["error_type"]["StringValue"] == "ProcessDied"


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, asyncio.CancelledError, GeneratorExit, StopIteration])
@pytest.mark.parametrize("shape", ["in place", "threads", "tasks"])
def test_whatever_a_handler_raises_is_its_own_outcome(
    make_worker: MakeWorker, error: type[BaseException], shape: str
) -> None:
    """GIVEN five records of which the third raises what would end a program WHEN they come THEN it alone is retried,
    and its mates have one effect each."""
    worker, effects = make_worker(batch={"concurrency": 1 if shape == "in place" else 2}), list[int]()

    def handle(event: ThingHappened, _: Context) -> None:
        if event.number == 2:
            raise error
        effects.append(event.number)

    async def handle_soon(event: ThingHappened, context: Context) -> None:
        handle(event, context)

    worker.handles(ThingHappened)(handle_soon if shape == "tasks" else handle)
    deliveries = Rig(worker).deliver(*things(5))

    assert [d.outcome is Outcome.HANDLED for d in deliveries] == [True, True, False, True, True]
    assert deliveries[2].outcome is Outcome.RETRIED
    assert sorted(effects) == [0, 1, 3, 4]


def test_sys_exit_in_a_batch_of_five(make_worker: MakeWorker) -> None:
    """GIVEN a record that calls sys.exit WHEN its batch comes five times THEN it is dead-lettered with its cause."""
    worker = make_worker()

    @worker.handles(ThingHappened)
    def handle(event: ThingHappened, _: Context) -> None:
        if event.number == 2:
            sys.exit(2)

    rig = Rig(worker)
    delivery = rig.deliver(*things(5))[2]
    while delivery.outcome is Outcome.RETRIED:
        delivery = rig.redeliver(delivery)

    assert delivery.outcome is Outcome.REJECTED
    assert rig.dead_letters[0]["MessageAttributes"]["error_type"]["StringValue"] == "SystemExit"
    assert rig.dead_letters[0]["MessageAttributes"]["attempts"]["StringValue"] == "5"


def test_a_task_that_ends_programs_harms_its_record_alone(make_worker: MakeWorker) -> None:
    """GIVEN a coroutine whose own task calls sys.exit WHEN it runs beside others THEN it alone is retried, be the task
    awaited or in a group, and the next batch is handled."""
    worker = make_worker(batch={"concurrency": 3})

    async def leaves() -> None:
        await asyncio.sleep(0)
        sys.exit(2)

    @worker.handles(ThingHappened)
    async def handle(event: ThingHappened, _: Context) -> None:
        await asyncio.sleep(0)
        if event.number == 1:
            await asyncio.create_task(leaves())
        if event.number == 3:
            async with asyncio.TaskGroup() as group:
                group.create_task(leaves())

    rig = Rig(worker)
    deliveries = rig.deliver(*things(5))

    handled, retried = Outcome.HANDLED, Outcome.RETRIED
    assert outcomes(deliveries) == [handled, retried, handled, retried, handled]
    assert all(isinstance(deliveries[at].cause, SystemExit) for at in (1, 3))
    assert outcomes(rig.deliver(*things(1))) == [handled]


class _RingsAtTheSecond(Pace):
    """The timer rings while the core asks whether the second record may begin."""

    def allows(self, remaining_s: float) -> bool:
        if not self.fresh:
            self.fresh = True
            raise TimeUp
        return super().allows(remaining_s)


def test_what_has_not_begun_when_the_loop_is_broken_off_is_not_handled(make_worker: MakeWorker) -> None:
    """GIVEN a timer that rings between two records WHEN the second waits for its turn THEN it is postponed: none is
    handled that has not run."""
    worker, seen = make_worker(), list[int]()

    @worker.handles(ThingHappened)
    async def handle(event: ThingHappened, _: Context) -> None:
        seen.append(event.number)

    rig = Rig(worker, pace=_RingsAtTheSecond())
    deliveries = rig.deliver(*things(2))

    assert (outcomes(deliveries), seen) == ([Outcome.HANDLED, Outcome.POSTPONED], [0])
    assert rig.redeliver(deliveries[1]).outcome is Outcome.HANDLED
    assert seen == [0, 1]


def test_a_handler_that_cancels_every_task_harms_no_batch(make_worker: MakeWorker) -> None:
    """GIVEN a coroutine that cancels all tasks but its own WHEN it runs beside others THEN none is handled that has not
    run to its end, the batch has its outcomes, and the next batch is handled."""
    worker, ended = make_worker(batch={"concurrency": 2}), list[int]()

    @worker.handles(ThingHappened)
    async def handle(event: ThingHappened, _: Context) -> None:
        await asyncio.sleep(0)
        if event.number == 1:
            for task in asyncio.all_tasks() - {asyncio.current_task()}:
                task.cancel()
        await asyncio.sleep(0)
        ended.append(event.number)

    rig = Rig(worker)
    deliveries = rig.deliver(*things(4))

    handled = [at for at, delivery in enumerate(deliveries) if delivery.outcome is Outcome.HANDLED]
    assert set(handled) <= set(ended)
    assert deliveries[3].outcome is Outcome.POSTPONED
    assert outcomes(rig.deliver(*things(1))) == [Outcome.HANDLED]
