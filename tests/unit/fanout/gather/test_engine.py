"""A gather from its scattering to its one gathered event, through the worker core."""

import logging
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from fanout import Context, DeclarationError, Envelope, Outcome, Reject, Worker, reject
from fanout.gather.engine import Aggregator
from fanout.gather.memory import MemoryGatherStore
from fanout.gather.parts import Gathering
from fanout.publish import wrap
from fanout.testing import Death, Rig, record_of
from tests.unit.fanout.conftest import MakeWorker, ThingFollowed, ThingHappened

from .conftest import DEADLINE, Mortal, SquareRequested, SumCounted, SumRequested, make_worker

START = 1_700_000_000.0


class Run:
    """A rig in virtual time."""

    def __init__(self, worker: Worker, parts: int = 3) -> None:
        self.now = START
        self.store = MemoryGatherStore()
        self.rig = Rig(worker, gather_store=self.store, clock=lambda: self.now)
        self.request = wrap(SumRequested(parts=parts))
        [self.scattered] = self.rig.deliver(self.request)
        self.parts = [e for e in self.rig.published if e.name == "SquareRequested"]

    def mortal(self, folder: Path, steps: int) -> Rig:
        """Another process on the same gathers, which dies before the step after so many."""
        left = iter(range(steps))

        def step() -> None:
            if next(left, None) is None:
                rig.die()

        rig = Rig(make_worker(folder, undo=True), gather_store=self.store, clock=lambda: self.now)
        timers = cast("Any", Mortal(_Timers(rig), step))
        gathers = Aggregator(
            cast("Any", Mortal(self.store, step)),
            timers,
            rig.processor.execution.handlers,
            queue_url="queue",
            clock=lambda: self.now,
        )
        rig.processor.execution.handlers.by_event.update(gathers.event_handlers())
        rig.processor.execution.gathers = Gathering("sums", gathers, timers)
        return rig

    def timers(self) -> list[Envelope]:
        """Those sent since the last look."""
        sent = [timer for _, timer in self.rig.timers]
        self.rig.timers.clear()
        return sent

    def published(self, name: str) -> list[Envelope]:
        return [envelope for envelope in self.rig.published if envelope.name == name]

    def sums(self) -> list[SumCounted]:
        return [SumCounted.from_data(envelope.data) for envelope in self.published("SumCounted")]


class _Timers:
    def __init__(self, rig: Rig) -> None:
        self._rig = rig

    def send(self, queue_url: str, timer: Envelope, delay_s: int) -> None:
        self._rig.timers.append((delay_s, timer))


def test_all_parts_make_one_event(folder: Path) -> None:
    """GIVEN three parts WHEN all have been handled THEN one event tells of all of them, caused by the request."""
    run = Run(make_worker(folder))
    assert [part.data["number"] for part in run.parts] == [0, 1, 2]
    [(delay_s, _)] = run.rig.timers
    assert delay_s == 900
    run.timers()

    run.rig.deliver(*run.parts)
    [full] = run.timers()
    run.rig.deliver(full)

    assert run.sums() == [SumCounted(sum=5, asked=3, succeeded=[0, 1, 2], failed=[], missing=[])]
    [told] = run.published("SumCounted")
    assert told.metadata.causation_id == run.request.metadata.event_id
    assert told.metadata.correlation_id == run.request.metadata.correlation_id


def test_no_parts_make_an_event_too(folder: Path) -> None:
    """GIVEN an empty request WHEN it is scattered THEN its gather ends at once."""
    run = Run(make_worker(folder), parts=0)
    run.rig.deliver(*run.timers())

    assert run.sums() == [SumCounted(sum=0, asked=0, succeeded=[], failed=[], missing=[])]


def test_a_duplicate_counts_once(folder: Path) -> None:
    """GIVEN the same part in two messages, and no idempotency to suppress one WHEN both report THEN it counts once."""
    run = Run(make_worker(folder))
    run.timers()
    run.rig.deliver(run.parts[1])
    second = Rig(make_worker(folder), gather_store=run.store, clock=lambda: run.now)
    [delivery] = second.deliver(run.parts[1])

    assert delivery.outcome is Outcome.HANDLED
    [gather] = run.store.gathers.values()
    assert gather.done == {1}


def test_the_deadline_ends_what_is_not_complete(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    """GIVEN a part that never reports WHEN the deadline's timers come THEN each waits for the next until it is due,
    and the event tells what is missing; WHEN the part reports at last THEN that is logged, and changes nothing."""
    run = Run(make_worker(folder))
    run.rig.deliver(run.parts[0], run.parts[2])

    delays = []
    for _ in range(2):
        [(delay_s, timer)] = run.rig.timers
        run.rig.timers.clear()
        delays.append(delay_s)
        run.now += delay_s
        run.rig.deliver(timer)

    assert delays == [900, 900]
    assert run.now == START + DEADLINE.total_seconds()
    assert run.sums() == [SumCounted(sum=4, asked=3, succeeded=[0, 2], failed=[], missing=[1])]

    late = Rig(make_worker(folder), gather_store=run.store, clock=lambda: START)
    with caplog.at_level(logging.WARNING):
        late.deliver(run.parts[1])
    assert "the result of a part is late" in caplog.messages
    assert late.timers == []
    [gather] = run.store.gathers.values()
    assert gather.done == {0, 2}


def test_a_part_that_nobody_waits_for_is_not_begun(folder: Path) -> None:
    """GIVEN a passed deadline and nothing to undo WHEN a part comes THEN it has expired."""
    run = Run(make_worker(folder))
    run.now += DEADLINE.total_seconds() + 1

    [delivery] = run.rig.deliver(run.parts[0])
    assert delivery.outcome is Outcome.EXPIRED


def test_a_rejected_part_is_a_failure(folder: Path) -> None:
    """GIVEN a part whose handler rejects it WHEN the others succeed THEN the gather ends with a failure, at once."""

    def handler(event: SquareRequested, _: Context) -> int:
        if event.number == 1:
            raise Reject("no square")
        return event.number**2

    run = Run(make_worker(folder, handler))
    run.timers()
    assert [d.outcome for d in run.rig.deliver(*run.parts)] == [Outcome.HANDLED, Outcome.REJECTED, Outcome.HANDLED]
    run.rig.deliver(*run.timers())

    assert run.sums() == [SumCounted(sum=4, asked=3, succeeded=[0, 2], failed=[1], missing=[])]
    [gather_id] = run.store.gathers
    assert run.store.parts(gather_id)[1].error == "Reject: no square"


def test_a_part_fails_with_its_last_delivery(folder: Path) -> None:
    """GIVEN a part whose handler breaks WHEN it has been delivered as often as the queue allows THEN it has failed,
    and not before."""

    def handler(event: SquareRequested, _: Context) -> int:
        raise ZeroDivisionError("broken")

    run = Run(make_worker(folder, handler, max_receives=3), parts=1)
    run.timers()
    [delivery] = run.rig.deliver(run.parts[0])
    delivery = run.rig.redeliver(delivery)
    assert run.timers() == []
    delivery = run.rig.redeliver(delivery)

    assert delivery.outcome is Outcome.REJECTED
    run.rig.deliver(*run.timers())
    assert run.sums() == [SumCounted(sum=0, asked=1, succeeded=[], failed=[0], missing=[])]


def test_a_policy_of_rejection_is_a_failure_too(folder: Path) -> None:
    """GIVEN an exception that the worker's policy rejects WHEN a part raises it THEN the part has failed at once."""

    def handler(event: SquareRequested, _: Context) -> int:
        raise ZeroDivisionError("broken")

    worker = make_worker(folder, handler)
    worker.on(ZeroDivisionError, reject())
    run = Run(worker, parts=1)
    run.timers()
    run.rig.deliver(run.parts[0])
    run.rig.deliver(*run.timers())

    assert run.sums() == [SumCounted(sum=0, asked=1, succeeded=[], failed=[0], missing=[])]


def test_an_asynchronous_handler_reports_as_well(folder: Path) -> None:
    """GIVEN a coroutine that handles parts WHEN it returns or rejects THEN its gather hears of it."""

    async def handler(event: SquareRequested, _: Context) -> int:
        if event.number == 1:
            raise Reject("no square")
        return event.number**2

    run = Run(make_worker(folder, cast("Any", handler)))
    run.timers()
    run.rig.deliver(*run.parts)
    run.rig.deliver(*run.timers())

    assert run.sums() == [SumCounted(sum=4, asked=3, succeeded=[0, 2], failed=[1], missing=[])]


def test_a_part_cannot_be_committed(folder: Path) -> None:
    """GIVEN a part whose handler commits WHEN it is handled THEN that is refused, because a death right after would
    lose the part's report."""

    def handler(event: SquareRequested, context: Context) -> int:
        context.commit([])
        return 0

    run = Run(make_worker(folder, handler), parts=1)
    [delivery] = run.rig.deliver(run.parts[0])
    assert "a part cannot be committed" in str(delivery.cause)


def test_a_failure_undoes_what_succeeded(folder: Path) -> None:
    """GIVEN a gather that compensates WHEN a part fails THEN what undoes each of the others is published; WHEN one
    succeeds after the deadline THEN it is undone too."""

    def handler(event: SquareRequested, _: Context) -> int:
        if event.number == 0:
            raise Reject("no square")
        return event.number**2

    run = Run(make_worker(folder, handler, undo=True), parts=4)
    [first] = run.timers()
    run.rig.deliver(*run.parts[:3])
    run.now += DEADLINE.total_seconds()
    run.rig.deliver(first)
    assert [undone.data["number"] for undone in run.published("SquareUndone")] == [1, 2]

    [delivery] = run.rig.deliver(run.parts[3])
    assert delivery.outcome is Outcome.HANDLED, "a part that may have to be undone never expires"
    run.rig.deliver(*run.timers())
    assert [undone.data["number"] for undone in run.published("SquareUndone")] == [1, 2, 3]
    assert run.sums() == [SumCounted(sum=5, asked=4, succeeded=[1, 2], failed=[0], missing=[3])]


def test_success_undoes_nothing(folder: Path) -> None:
    """GIVEN a gather that compensates WHEN all parts succeed THEN nothing is undone."""
    run = Run(make_worker(folder, undo=True))
    run.rig.deliver(*run.parts)
    run.rig.deliver(*run.timers())

    assert [s.sum for s in run.sums()] == [5]
    assert run.published("SquareUndone") == []


def test_only_the_alarm_that_closed_publishes(folder: Path) -> None:
    """GIVEN a gather that is full WHEN two timers come THEN the first publishes; WHEN the bus refused the event THEN
    the same timer publishes it again, under the same id."""
    run = Run(make_worker(folder))
    [timer] = run.timers()
    run.rig.deliver(*run.parts)
    [full] = run.timers()

    run.rig.bus_error = "ThrottlingException: later"
    [delivery] = run.rig.deliver(full)
    assert delivery.outcome is Outcome.RETRIED
    run.rig.bus_error = None
    run.now += DEADLINE.total_seconds()
    assert [d.outcome for d in run.rig.deliver(timer)] == [Outcome.HANDLED]
    assert run.sums() == []
    run.rig.redeliver(delivery)

    assert [s.sum for s in run.sums()] == [5]


@pytest.mark.parametrize("steps", range(9))
@pytest.mark.parametrize("returns", [True, False])
def test_a_death_in_the_last_part_delays_at_most(folder: Path, steps: int, returns: bool) -> None:
    """GIVEN a process that dies before or after any step of the last part's report WHEN the part comes again THEN the
    gather ends without its deadline; WHEN it never does THEN it ends at its deadline, with what was kept."""
    run = Run(make_worker(folder, undo=True), parts=2)
    [timer] = run.timers()
    run.rig.deliver(run.parts[0])
    mortal = run.mortal(folder, steps)
    try:
        mortal.deliver(run.parts[1])
    except Death:
        pass
    else:
        assert steps == 8, "the steps are read, keep, settle, send, each with a before and an after"
    timers = [timer for _, timer in mortal.timers]
    if returns:
        second = Rig(make_worker(folder, undo=True), gather_store=run.store, clock=lambda: run.now)
        second.deliver(run.parts[1])
        timers += [timer for _, timer in second.timers]
    else:
        run.now += DEADLINE.total_seconds()
        timers.append(timer)
    run.rig.deliver(*timers)

    [told] = run.sums()
    assert told.succeeded == [0, 1] if returns or steps >= 6 else [0]
    assert told.asked == 2


def test_a_part_that_was_not_scattered_is_handled(folder: Path) -> None:
    """GIVEN an event like a part's that somebody published by itself WHEN it is handled THEN its result is the
    record's."""
    rig = Rig(make_worker(folder))
    [delivery] = rig.deliver(SquareRequested(number=3))

    assert (delivery.outcome, delivery.result) == (Outcome.HANDLED, 9)


def test_a_forgotten_gather_harms_nobody(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    """GIVEN a gather whose items have expired WHEN a part and a timer come THEN both are handled, and logged."""
    run = Run(make_worker(folder))
    other = Rig(make_worker(folder), clock=lambda: START)
    deliveries = other.deliver(run.parts[0], *run.timers())

    assert [d.outcome for d in deliveries] == [Outcome.HANDLED, Outcome.HANDLED]
    assert "a timer of a gather that is forgotten" in caplog.messages


def test_too_many_parts_are_rejected(folder: Path) -> None:
    """GIVEN over 1,000 parts WHEN they are scattered THEN the request is rejected with the fix, and nothing else."""
    run = Run(make_worker(folder), parts=1_001)

    assert run.scattered.outcome is Outcome.REJECTED
    assert "let each part scatter its own" in str(run.scattered.cause)
    assert run.store.gathers == {}
    assert run.rig.published == []


@pytest.mark.parametrize("deadline", [timedelta(0), timedelta(days=7, seconds=1)])
def test_a_deadline_has_bounds(folder: Path, deadline: timedelta) -> None:
    """GIVEN a deadline that no gather can keep WHEN something is scattered THEN the record fails with the bounds."""
    worker = make_worker(folder)

    def split(event: SumRequested, context: Context) -> None:
        context.scatter([], into=SumCounted, deadline=deadline)

    worker.handlers.by_event[SumRequested.contract.identifier] = (SumRequested, split)
    [delivery] = Rig(worker).deliver(SumRequested(parts=0))
    assert "at most 7 days" in str(delivery.cause)


def test_a_redelivered_request_scatters_the_same(folder: Path) -> None:
    """GIVEN a request whose parts the bus did not take WHEN it comes again, later THEN gather, ids and deadline are the
    same."""
    run = Run(make_worker(folder))
    again = Rig(make_worker(folder), gather_store=run.store, clock=lambda: START + 60)
    again.deliver(record_of(run.request))

    assert len(run.store.gathers) == 1
    assert [(e.metadata.event_id, e.metadata.expires_at, e.metadata.gather) for e in again.published] == [
        (e.metadata.event_id, e.metadata.expires_at, e.metadata.gather) for e in run.parts
    ]
    assert again.timers[0][1].metadata.event_id == run.rig.timers[0][1].metadata.event_id


def test_gathers_must_be_declared(make_worker: MakeWorker, folder: Path) -> None:
    """GIVEN a worker.yaml without ``gathers: true`` WHEN parts, a gatherer or a scatter are declared THEN the error
    names the key."""
    worker = make_worker()
    with pytest.raises(DeclarationError, match=r"probe: handles parts.*write gathers: true in worker\.yaml"):
        worker.handles_part(ThingHappened)
    with pytest.raises(DeclarationError, match=r"probe: gathers test\.things/ThingFollowed; write gathers: true"):
        worker.gathers(ThingFollowed)

    @worker.handles(ThingHappened)
    def split(event: ThingHappened, context: Context) -> None:
        context.scatter([], into=ThingFollowed, deadline=DEADLINE)

    [delivery] = Rig(worker).deliver(ThingHappened(number=1))
    assert "write gathers: true" in str(delivery.cause)


def test_what_is_scattered_needs_a_gatherer(folder: Path) -> None:
    """GIVEN no function for the gathered event WHEN something is scattered into it THEN the error names it; WHEN there
    would be two THEN that is refused as well."""
    worker = make_worker(folder)
    with pytest.raises(DeclarationError, match=r"SumCounted is gathered by two functions"):
        worker.gathers(SumCounted)
    worker.handlers.gatherers.clear()
    [delivery] = Rig(worker).deliver(SumRequested(parts=1))
    assert "test.sums/SumCounted: nothing gathers it" in str(delivery.cause)
