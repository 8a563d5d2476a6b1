"""A gather under any fault: duplicates, late parts, failures, deaths between any two steps, the deadline.

The queue and the bus are the test's; all between them is the real worker core, in virtual time. A death ends the
process before or after any step that leaves it, and the message comes again.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Any, cast

from botocore.exceptions import ConnectionError as LostResponseError
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from fanout import Context, Envelope, Outcome, Reject
from fanout.gather.engine import Aggregator
from fanout.gather.memory import MemoryGatherStore
from fanout.gather.parts import Gathering
from fanout.gather.timers import PartWasLate, WokenUp
from fanout.idempotency.memory import MemoryStore
from fanout.processing.delivery import Record
from fanout.testing import Death, Rig, record_of

from .conftest import DEADLINE, Mortal, SquareRequested, SumRequested, make_worker

OURS = {"SumRequested", "SquareRequested", WokenUp.contract.name, PartWasLate.contract.name}
INVOCATION_S = 30.0


class Fate(Enum):
    """What happens to a part."""

    SUCCEEDS = 1
    FAILS = 2
    IS_LATE = 3
    IS_LOST = 4
    """Its process dies as often as the queue allows, and SQS moves it to the DLQ."""


@dataclass
class Message:
    record: Record
    visible_at: float


class Scattering(RuleBasedStateMachine):
    """One request; its parts and timers in the queue."""

    @initialize(
        parts=st.integers(0, 4), undo=st.booleans(), fates=st.lists(st.sampled_from(Fate), min_size=4, max_size=4)
    )
    def scatter(self, parts: int, undo: bool, fates: list[Fate]) -> None:
        self.now = 1_700_000_000.0
        self.parts, self.undo = parts, undo
        self.steps_left: int | None = None
        self.fates = fates
        self.succeeded: set[int] = set()
        self.failed: set[int] = set()
        self.expired = False
        """Whether a part came again after the deadline, to be dropped: the response to its count may have been lost."""
        self.directory = tempfile.TemporaryDirectory()
        self.store = MemoryGatherStore()
        worker = make_worker(Path(self.directory.name), self._square, undo=undo, max_receives=400)
        self.rig = rig = Rig(
            worker,
            store=cast("Any", Mortal(MemoryStore(clock=lambda: self.now), self._step)),
            gather_store=cast("Any", Mortal(self.store, self._gather_step)),
            clock=lambda: self.now,
        )
        publisher = Mortal(rig.processor.publisher(), self._step)
        timers = cast("Any", Mortal(_Timers(rig), self._gather_step))
        gathers = Aggregator(
            cast("Any", Mortal(self.store, self._gather_step)),
            timers,
            worker.handlers,
            queue_url="queue",
            clock=lambda: self.now,
        )
        rig.processor = replace(rig.processor, publisher=lambda: cast("Any", publisher))
        rig.processor.execution.handlers.by_event.update(gathers.event_handlers())
        rig.processor.execution.gathers = Gathering(worker.settings.worker, gathers, timers)
        self.queue = [Message(record_of(SumRequested(parts=parts)), self.now)]
        self.outcome: list[Envelope] = []

    def _square(self, event: SquareRequested, _: Context) -> int:
        if self.fates[event.number] is Fate.FAILS:
            self.failed.add(event.number)
            raise Reject("no square")
        self.succeeded.add(event.number)
        return event.number**2

    loses = False
    """Whether a call of the gather loses its response, rather than the process dying at any call."""

    def _step(self) -> None:
        if self.loses or self.steps_left is None:
            return
        self.steps_left -= 1
        if self.steps_left < 0:
            raise Death

    def _gather_step(self) -> None:
        if not self.loses or self.steps_left is None:
            self._step()
            return
        self.steps_left -= 1
        if self.steps_left < 0:
            self.steps_left = None
            raise LostResponseError(error=TimeoutError("read"))

    # What can happen.

    @rule(pick=st.integers(0, 50), dies_after=st.none() | st.integers(0, 20))
    @precondition(lambda self: self.queue)
    def deliver(self, pick: int, dies_after: int | None) -> None:
        visible = self._visible()
        self._deliver([visible[pick % len(visible)]], dies_after)

    @rule(pick=st.integers(0, 50), after=st.integers(0, 8))
    @precondition(lambda self: self.queue)
    def lose_a_response(self, pick: int, after: int) -> None:
        """One call of the gather is refused, or runs and its response is lost; the process lives on."""
        visible = self._visible()
        self.loses = True
        self._deliver([visible[pick % len(visible)]], after)
        self.loses = False

    @rule(dies_after=st.none() | st.integers(0, 40))
    @precondition(lambda self: self.queue)
    def deliver_a_batch(self, dies_after: int | None) -> None:
        self._deliver(self._visible()[:10], dies_after)

    def _visible(self) -> list[Message]:
        """What the queue hands out next, be it after a while."""
        self.now = max(self.now, min(message.visible_at for message in self.queue))
        return [message for message in self.queue if message.visible_at <= self.now]

    @rule(pick=st.integers(0, 50))
    @precondition(lambda self: self.queue)
    def duplicate(self, pick: int) -> None:
        """SNS or SQS delivers once more: another message of the same event."""
        message = self.queue[pick % len(self.queue)]
        envelope = Envelope.decode(message.record.body)
        self.queue.append(Message(record_of(envelope), message.visible_at))

    @rule(seconds=st.sampled_from([1.0, INVOCATION_S + 2, 600.0, 1_900.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    def _deliver(self, messages: list[Message], dies_after: int | None = None) -> None:
        self.steps_left = dies_after
        try:
            deliveries = self.rig.deliver(*[message.record for message in messages], remaining_s=INVOCATION_S)
        except Death:
            for message in messages:
                message.record = message.record._replace(receive_count=message.record.receive_count + 1)
                message.visible_at = self.now + INVOCATION_S + 2
        else:
            for message, delivery in zip(messages, deliveries, strict=True):
                message.record = message.record._replace(receive_count=message.record.receive_count + 1)
                self.expired |= delivery.outcome is Outcome.EXPIRED
                if delivery.outcome in {Outcome.RETRIED, Outcome.POSTPONED}:
                    message.visible_at = self.now + (delivery.delay_s or 0)
                else:
                    self.queue.remove(message)
        self.steps_left = None
        self._carry()

    def _carry(self) -> None:
        """The bus and the delayed messages."""
        for envelope in self.rig.published:
            if envelope.name in OURS:
                fate = self.fates[envelope.data["number"]] if envelope.name == "SquareRequested" else None
                if fate is not Fate.IS_LOST:
                    delay_s = 2 * DEADLINE.total_seconds() if fate is Fate.IS_LATE else 0
                    self.queue.append(Message(record_of(envelope), self.now + delay_s))
            else:
                self.outcome.append(envelope)
        self.queue += [Message(record_of(timer), self.now + delay_s) for delay_s, timer in self.rig.timers]
        self.rig.published.clear()
        self.rig.timers.clear()

    # What must hold.

    @invariant()
    def there_is_at_most_one_gathered_event(self) -> None:
        if not hasattr(self, "outcome"):
            return
        sums = {e.metadata.event_id: e.data for e in self.outcome if e.name == "SumCounted"}
        assert len(sums) <= 1
        for envelope in self.outcome:
            if envelope.name == "SumCounted":
                assert envelope.data == sums[envelope.metadata.event_id], "a copy that differs"

    def teardown(self) -> None:
        if hasattr(self, "queue"):
            try:
                self._drain()
                self._check()
            finally:
                self.directory.cleanup()

    def _drain(self) -> None:
        """Everything is delivered in the end; the timers last, so that a full gather must have ended without them."""
        timers = [m for m in self.queue if _is_timer(m)]
        self.queue = [m for m in self.queue if not _is_timer(m)]
        while self.queue:
            self._deliver(self._visible()[:1])
            timers += [m for m in self.queue if _is_timer(m)]
            self.queue = [m for m in self.queue if not _is_timer(m)]
        [gather] = self.store.gathers.values()
        if gather.filled and gather.closed_by is None and not self.expired:
            raise AssertionError("a full gather waits for its deadline")
        self.queue = timers
        for _ in range(200):
            if not self.queue:
                return
            self._deliver(self._visible()[:1])
        raise AssertionError(f"the queue never empties: {self.queue}")

    def _check(self) -> None:
        [gather] = self.store.gathers.values()
        sums = {e.metadata.event_id: e.data for e in self.outcome if e.name == "SumCounted"}
        [told] = sums.values()
        assert sorted(told["succeeded"] + told["failed"] + told["missing"]) == list(range(self.parts))
        assert set(told["succeeded"]) <= self.succeeded
        assert set(told["failed"]) <= self.failed
        assert told["sum"] == sum(n**2 for n in told["succeeded"])
        assert told["asked"] == self.parts
        assert set(told["succeeded"]) | set(told["failed"]) == gather.done
        undone = {e.metadata.event_id: e.data["number"] for e in self.outcome if e.name == "SquareUndone"}
        kept = {i for i, part in self.store.parts(gather.gather_id).items() if part.error is None}
        complete = len(told["succeeded"]) == self.parts
        assert sorted(undone.values()) == ([] if complete or not self.undo else sorted(kept))
        if self.undo:
            assert self.succeeded - kept <= self.failed, "an effect that is neither counted nor undone"


def _is_timer(message: Message) -> bool:
    event = Envelope.decode(message.record.body)
    return event.name == "WokenUp" and event.data["turn"] >= 0


class _Timers:
    def __init__(self, rig: Rig) -> None:
        self._rig = rig

    def send(self, queue_url: str, timer: Envelope, delay_s: int) -> None:
        assert 0 <= delay_s <= 900
        self._rig.timers.append((delay_s, timer))


TestScattering = Scattering.TestCase
TestScattering.settings = settings(
    max_examples=100, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
