"""Ordinary faults of handlers, clients and stores, each seen in the field: what becomes of the record and its mates."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from decimal import Decimal
from typing import Any

import pytest

from fanout import Context, DeclarationError, Envelope, Outcome, Reject, Retry, retry
from fanout.idempotency import Claim, ClaimState, Completion, Request
from fanout.idempotency.memory import MemoryStore
from fanout.publish import seal
from fanout.testing import Death, Rig, record_of

from .conftest import MakeWorker, ThingFollowed, ThingHappened, outcomes

BOTH = {"subscribes": [{"event": "test.things/ThingHappened"}, {"event": "test.things/ThingFollowed"}]}
POSITIONS = range(10)


def things(count: int) -> list[Envelope]:
    """So many events, numbered from 0."""
    return [seal(ThingHappened(number=number)) for number in range(count)]


# Handlers that are not plain functions.


def test_a_coroutine_function_may_handle_batches(make_worker: MakeWorker) -> None:
    """GIVEN an async batch handler WHEN a batch comes THEN it is awaited to its end."""
    worker, seen = make_worker(), list[int]()

    @worker.handles_batch
    async def handle(envelopes: Sequence[Envelope]) -> None:
        await asyncio.sleep(0)
        seen.extend(envelope.data["number"] for envelope in envelopes)

    assert outcomes(Rig(worker).deliver(*things(3))) == [Outcome.HANDLED] * 3
    assert seen == [0, 1, 2]


def test_a_generator_is_refused_when_it_is_declared(make_worker: MakeWorker) -> None:
    """GIVEN a generator function WHEN it is declared a handler THEN the error names it."""
    worker = make_worker()

    def handle_all(envelopes: Sequence[Envelope]) -> Iterator[int]:
        yield 1

    async def handle_one(event: ThingHappened, context: Context) -> AsyncIterator[int]:
        yield 1

    with pytest.raises(DeclarationError, match="handle_all: is a generator"):
        worker.handles_batch(handle_all)
    with pytest.raises(DeclarationError, match="handle_one: is a generator"):
        worker.handles(ThingHappened)(handle_one)


class _Callable:
    def __init__(self) -> None:
        self.seen: list[int] = []

    async def __call__(self, event: ThingHappened, _: Context) -> None:
        await asyncio.sleep(0)
        self.seen.append(event.number)


def test_a_callable_object_and_a_decorated_coroutine_are_awaited(make_worker: MakeWorker) -> None:
    """GIVEN an object with an async __call__, and a plain decorator around a coroutine function WHEN records come THEN
    both are awaited."""
    worker, handler = make_worker(), _Callable()
    worker.handles(ThingHappened)(handler)
    assert outcomes(Rig(worker).deliver(*things(2))) == [Outcome.HANDLED] * 2
    assert handler.seen == [0, 1]

    for concurrency in (1, 2):
        other, seen = make_worker(batch={"concurrency": concurrency}), list[int]()

        async def handle(event: ThingHappened, _: Context, seen: list[int] = seen) -> None:
            await asyncio.sleep(0)
            seen.append(event.number)

        def decorated(event: ThingHappened, context: Context, handle: Callable[..., Any] = handle) -> Any:
            return handle(event, context)

        other.handles(ThingHappened)(decorated)
        assert outcomes(Rig(other).deliver(*things(2))) == [Outcome.HANDLED] * 2
        assert sorted(seen) == [0, 1]


# Which event it is.


def test_equal_ids_of_two_events_are_two_events(make_worker: MakeWorker) -> None:
    """GIVEN two events of other names with one event_id WHEN they come, in one batch or in two, THEN both are handled,
    and what they cause has ids of its own."""
    for together in (True, False):
        worker, seen = make_worker(**BOTH), list[str]()

        @worker.handles(ThingHappened)
        def on_happened(event: ThingHappened, context: Context, seen: list[str] = seen) -> None:
            seen.append(context.identity("x"))

        @worker.handles(ThingFollowed)
        def on_followed(event: ThingFollowed, context: Context, seen: list[str] = seen) -> None:
            seen.append(context.identity("x"))

        rig = Rig(worker)
        events = [seal(ThingHappened(number=1), event_id="4711"), seal(ThingFollowed(number=1), event_id="4711")]
        for batch in [events] if together else [[event] for event in events]:
            assert set(outcomes(rig.deliver(*batch))) == {Outcome.HANDLED}
        assert len(set(seen)) == 2


def test_other_data_under_one_id_are_rejected_within_a_batch(make_worker: MakeWorker) -> None:
    """GIVEN two records of one id with other data WHEN they come in one batch THEN the second is rejected, as it is
    when they come in two."""
    worker = make_worker()
    worker.handles(ThingHappened)(lambda event, context: None)

    first, second = Rig(worker).deliver(*(seal(ThingHappened(number=n), event_id="e") for n in (1, 2)))

    assert (first.outcome, second.outcome) == (Outcome.HANDLED, Outcome.REJECTED)
    assert "other data" in str(second.cause)


def test_a_key_of_the_data_tells_a_source_that_tells_twice(make_worker: MakeWorker) -> None:
    """GIVEN idempotency.key WHEN one thing is told twice under two ids, the second time with more data THEN it is
    handled once; an event with some of the fields only is rejected, naming the other."""
    worker, seen = make_worker(idempotency={"key": ["number"]}), []
    worker.handles(ThingHappened)(lambda event, context: seen.append(event.number))
    rig = Rig(worker)
    first = seal(ThingHappened(number=1))
    second = Envelope(
        source=first.source, name=first.name, metadata=seal(ThingHappened(number=1)).metadata,
        data={"number": 1, "sequencer": "9"},
    )  # fmt: skip

    assert outcomes(rig.deliver(first) + rig.deliver(second)) == [Outcome.HANDLED, Outcome.DUPLICATE]

    strict = make_worker(idempotency={"key": ["number", "place.room"]})
    strict.handles(ThingHappened)(lambda event, context: None)
    [delivery] = Rig(strict).deliver(ThingHappened(number=1))
    assert delivery.outcome is Outcome.REJECTED
    assert "place.room" in str(delivery.cause)


# Processes that die.


def test_in_claim_mode_a_redrive_of_what_died_is_handled(make_worker: MakeWorker) -> None:
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


# Records that take too long.


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
    [slow] = rig.deliver(seal(ThingHappened(number=1)))
    assert slow.outcome is Outcome.RETRIED
    assert slow.abandoned
    before = len(ran)
    assert outcomes(rig.deliver(seal(ThingHappened(number=2)))) == [Outcome.HANDLED]
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


# Tries.


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
    """Takes no claim until a time."""

    until = 0.0

    def claim(self, requests: Sequence[Request]) -> list[Claim]:
        if self._clock() >= self.until:
            return super().claim(requests)
        return [Claim(key=r.key, owner=r.owner, state=ClaimState.UNAVAILABLE, reason="Throttled") for r in requests]


def test_a_store_that_throttles_for_ten_minutes_dead_letters_nothing(make_worker: MakeWorker) -> None:
    """GIVEN a store that takes no claim for ten minutes WHEN a record comes again after each delay THEN it is handled
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


# FIFO.

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


# Results and exceptions.


@pytest.mark.parametrize(
    "result", [Decimal("1.5"), {1, 2}, b"x", {1: "a"}, 2**70, "x" * 420_000], ids=lambda r: type(r).__name__
)
def test_a_result_that_cannot_be_kept_costs_no_second_effect(
    make_worker: MakeWorker, result: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """GIVEN a result that is not JSON, or too large WHEN the handler returns it THEN the record is handled, the result
    is kept as null, and a warning says why."""
    worker, effects = make_worker(), list[int]()

    @worker.handles(ThingHappened)
    def handle(event: ThingHappened, _: Context) -> Any:
        effects.append(event.number)
        return result

    rig = Rig(worker)
    [event] = things(1)
    with caplog.at_level(logging.WARNING):
        assert outcomes(rig.deliver(event)) == [Outcome.HANDLED]
    [second] = rig.deliver(event)

    assert (second.outcome, second.result) == (Outcome.DUPLICATE, None)
    assert effects == [0]
    assert "result is not kept" in caplog.text


class _LosesCompletions(MemoryStore):
    def complete(self, completions: Sequence[Completion], *, whole: str = "", until: float = 0.0) -> list[str | None]:
        return ["Throttled: all the time"] * len(completions)


def test_what_cannot_be_recorded_is_not_handled_again(
    make_worker: MakeWorker, caplog: pytest.LogCaptureFixture
) -> None:
    """GIVEN a store that takes no completion WHEN a record has been handled THEN it is acknowledged, and the log says
    that a duplicate may be handled."""
    worker = make_worker()
    worker.handles(ThingHappened)(lambda event, context: None)

    with caplog.at_level(logging.ERROR):
        assert outcomes(Rig(worker, store=_LosesCompletions()).deliver(*things(1))) == [Outcome.HANDLED]

    assert "could not be recorded" in caplog.text


def test_an_event_that_the_bus_will_never_take_is_rejected_at_once(make_worker: MakeWorker) -> None:
    """GIVEN a handler with an effect that publishes what the bus refuses for good WHEN its record comes THEN the
    handler runs once, and the record is in the DLQ with that cause."""
    worker, effects = make_worker(), list[int]()

    @worker.handles(ThingHappened)
    def handle(event: ThingHappened, context: Context) -> None:
        effects.append(event.number)
        context.publish(ThingFollowed(number=1))

    rig = Rig(worker)
    rig.bus_error, rig.bus_refuses = "TooLarge: 2,000,000 bytes", True

    assert outcomes(rig.deliver(*things(1))) == [Outcome.REJECTED]
    assert "TooLarge" in rig.dead_letters[0]["MessageAttributes"]["error_message"]["StringValue"]
    assert effects == [0]


class CarrierDownError(Exception):
    """Of the test's own."""


@pytest.mark.parametrize(
    ("error", "outcome", "delay_s"),
    [
        (lambda: Reject("never"), Outcome.REJECTED, None),
        (lambda: Retry("later", after=600), Outcome.RETRIED, 600),
        (lambda: CarrierDownError("down"), Outcome.RETRIED, 77),
        (lambda: ExceptionGroup("deeper", [Reject("never"), Reject("ever")]), Outcome.REJECTED, None),
    ],
)
def test_a_task_groups_exception_is_what_its_task_raised(
    make_worker: MakeWorker, error: Callable[[], Exception], outcome: Outcome, delay_s: int | None
) -> None:
    """GIVEN an exception raised inside asyncio.TaskGroup WHEN it comes as a group THEN it counts as the exception
    itself, for policies too."""
    worker = make_worker()
    worker.on(CarrierDownError, retry(base=77, cap=77))

    async def fail() -> None:
        raise error()

    @worker.handles(ThingHappened)
    async def handle(event: ThingHappened, _: Context) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(fail())

    rig = Rig(worker)
    assert outcomes(rig.deliver(*things(1))) == [outcome]
    assert [b["VisibilityTimeout"] for b in rig.backoffs] == ([] if delay_s is None else [delay_s])


class UnspeakableError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("not even this")


def test_an_exception_without_a_text_is_its_records_failure_alone(make_worker: MakeWorker) -> None:
    """GIVEN an exception whose text fails WHEN it is the last try THEN the record is in the DLQ with "no message", and
    its mate is handled."""
    worker = make_worker(queue={"max_receives": 1})

    @worker.handles(ThingHappened)
    def handle(event: ThingHappened, _: Context) -> None:
        if event.number == 0:
            raise UnspeakableError

    rig = Rig(worker)
    assert outcomes(rig.deliver(*things(2))) == [Outcome.REJECTED, Outcome.HANDLED]
    assert rig.dead_letters[0]["MessageAttributes"]["error_message"]["StringValue"] == "no message"


def test_the_fence_outlasts_queue_and_dlq(make_worker: MakeWorker) -> None:
    """GIVEN the defaults: four days in the queue, fourteen in the DLQ WHEN a handled event comes again after 17 days
    THEN it is a duplicate."""
    now, effects = [1000.0], list[int]()
    worker = make_worker()
    worker.handles(ThingHappened)(lambda event, context: effects.append(event.number))
    store = MemoryStore(ttl_s=worker.settings.ttl_s, clock=lambda: now[0])
    rig = Rig(worker, store=store, clock=lambda: now[0])
    [event] = things(1)
    rig.deliver(record_of(event, sent_ms=1_000_000))
    now[0] += 17 * 86_400

    assert outcomes(rig.deliver(record_of(event, sent_ms=int(now[0] * 1000)))) == [Outcome.DUPLICATE]
    assert effects == [0]


class _Unanswered(MemoryStore):
    """Makes claims and take-overs, and loses the answers; they cannot be told from those that were not made."""

    lost = 6

    def claim(self, requests: Sequence[Request]) -> list[Claim]:
        return self._lose(super().claim(requests))

    def take_over(self, requests: Sequence[Request], known: Sequence[Claim], *, company: bool = False) -> list[Claim]:
        return self._lose(super().take_over(requests, known, company=company))

    def _lose(self, claims: list[Claim]) -> list[Claim]:
        made = [claim.state is ClaimState.CLAIMED for claim in claims]
        if not any(made) or not self.lost:
            return claims
        self.lost -= 1
        return [Claim(key=c.key, owner=c.owner, state=ClaimState.UNAVAILABLE, reason="no answer") for c in claims]


def test_claims_that_were_not_answered_are_no_tries(make_worker: MakeWorker) -> None:
    """GIVEN a store whose answers to claims are lost six times WHEN a record with three tries comes again THEN
    it is handled at last: its handler never began before."""
    now, effects = [1000.0], list[int]()
    worker = make_worker(queue={"max_receives": 3})
    worker.handles(ThingHappened)(lambda event, context: effects.append(event.number))
    rig = Rig(worker, store=_Unanswered(clock=lambda: now[0]), clock=lambda: now[0])
    [delivery] = rig.deliver(record_of(ThingHappened(number=1), sent_ms=1_000_000))
    while delivery.outcome is Outcome.RETRIED:
        now[0] += 60
        delivery = rig.redeliver(delivery)

    assert delivery.outcome is Outcome.HANDLED
    assert effects == [1]
    assert rig.dead_letters == []


@pytest.mark.parametrize("fifo", [False, True])
@pytest.mark.parametrize("mode", ["strict", "claim"])
def test_records_that_kill_the_process_do_not_make_each_other_begin_anew(
    make_worker: MakeWorker, mode: str, fifo: bool
) -> None:
    """GIVEN a batch with three records that kill the process WHEN it comes until the queue is empty THEN none
    has killed it more often than it may, and each is in the DLQ once."""
    now, deaths, handled = [1000.0], Counter[int](), set[int]()
    queue_section = {"max_receives": 3, "fifo": fifo}
    worker = make_worker(idempotency={"mode": mode}, queue=queue_section, via="bus")
    rig = Rig(worker, clock=lambda: now[0])

    @worker.handles(ThingHappened)
    def handle(event: ThingHappened, _: Context) -> None:
        if event.number in (1, 3, 4):
            deaths[event.number] += 1
            rig.die()
        handled.add(event.number)

    queue = [record_of(event, sent_ms=1_000_000, group="g" if fifo else None) for event in things(6)]
    for receive in range(1, 30):
        with contextlib.suppress(Death):
            done = rig.deliver(*(record._replace(receive_count=receive) for record in queue))
            queue = [d.record for d in done if d.outcome in (Outcome.RETRIED, Outcome.POSTPONED)]
        gone = {entry["ReceiptHandle"] for entry in rig.deleted}
        queue = [record for record in queue if record.receipt_handle not in gone]
        now[0] += 180

    assert (queue, handled) == ([], {0, 2, 5})
    assert deaths.keys() == {1, 3, 4}
    assert max(deaths.values()) == 3
    assert len(rig.dead_letters) == 3
