"""Results that cannot be kept, and exceptions of every kind."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import pytest

from fanout import Context, Outcome, Reject, Retry, retry
from fanout.idempotency import Completion, Lock, LockState, Request
from fanout.idempotency.memory import MemoryStore
from fanout.testing import Death, Rig, record_of

from ..conftest import MakeWorker, ThingFollowed, ThingHappened, outcomes
from .support import things


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
    def __init__(self, why: type[BaseException]) -> None:
        self.why = why

    def __str__(self) -> str:
        raise self.why("not even this")


@pytest.mark.parametrize("why", [RuntimeError, SystemExit])
def test_an_exception_without_a_text_is_its_records_failure_alone(
    make_worker: MakeWorker, why: type[BaseException]
) -> None:
    """GIVEN an exception whose text fails WHEN it is the last try THEN the record is in the DLQ with "no message", and
    its mate is handled."""
    worker = make_worker(queue={"max_receives": 1})

    @worker.handles(ThingHappened)
    def handle(event: ThingHappened, _: Context) -> None:
        if event.number == 0:
            raise UnspeakableError(why)

    rig = Rig(worker)
    assert outcomes(rig.deliver(*things(2))) == [Outcome.REJECTED, Outcome.HANDLED]
    assert rig.dead_letters[0]["MessageAttributes"]["error_message"]["StringValue"] == "no message"


class NotYet(Retry):
    """Does not call its base's ``__init__``, which Python does not ask for."""

    def __init__(self, carrier: str) -> None:
        self.carrier = carrier


@pytest.mark.parametrize("error", [NotYet("a"), ExceptionGroup("g", [NotYet("a"), NotYet("b")])], ids=repr)
def test_a_retry_of_ones_own_without_a_delay_has_the_backoff(make_worker: MakeWorker, error: Exception) -> None:
    """GIVEN a subclass of Retry that sets no delay WHEN it is raised THEN the record has the worker's backoff, and its
    mate is handled."""
    worker = make_worker(retry={"base_s": 5})

    @worker.handles(ThingHappened)
    def handle(event: ThingHappened, _: Context) -> None:
        if event.number == 0:
            raise error

    rig = Rig(worker)
    assert outcomes(rig.deliver(*things(2))) == [Outcome.RETRIED, Outcome.HANDLED]
    assert [backoff["VisibilityTimeout"] for backoff in rig.backoffs] == [5]


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
    """Makes locks and take-overs, and loses the answers; they cannot be told from those that were not made."""

    lost = 6

    def acquire(self, requests: Sequence[Request]) -> list[Lock]:
        return self._lose(super().acquire(requests))

    def take_over(self, requests: Sequence[Request], known: Sequence[Lock], *, company: bool = False) -> list[Lock]:
        return self._lose(super().take_over(requests, known, company=company))

    def _lose(self, locks: list[Lock]) -> list[Lock]:
        made = [lock.state is LockState.ACQUIRED for lock in locks]
        if not any(made) or not self.lost:
            return locks
        self.lost -= 1
        return [Lock(key=c.key, owner=c.owner, state=LockState.UNAVAILABLE, reason="no answer") for c in locks]


def test_locks_that_were_not_answered_are_no_tries(make_worker: MakeWorker) -> None:
    """GIVEN a store whose answers to locks are lost six times WHEN a record with three tries comes again THEN
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
