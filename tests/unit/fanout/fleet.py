"""Several workers on one queue and one store, in virtual time, with a fault wherever the test wants one.

Every call that leaves a worker has a point before and a point after it took effect, and so has its handler's effect.
At each point the execution may crash, stall beyond its lock while another execution works, or see the call fail.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from typing import Any, TypeVar, cast

from botocore.exceptions import EndpointConnectionError

from fanout import Context, Outcome, Reject, Worker
from fanout.events.envelope import Envelope
from fanout.idempotency import Completion, Lock, LockState, Release, Request
from fanout.idempotency.memory import MemoryStore
from fanout.processing.delivery import FAILED, Delivery, Record
from fanout.publish import Publisher, Receipt
from fanout.testing import Rig, record_of

from .conftest import ThingFollowed, ThingHappened

__all__ = ["Crash", "Fault", "Fleet", "Message"]

TIMEOUT_S = 30.0
VISIBILITY_S = 6 * TIMEOUT_S
T = TypeVar("T")


class Crash(BaseException):
    """The process dies here."""


class Fault(Enum):
    """What may happen at a point."""

    CRASH = auto()
    STALL = auto()
    """Time passes beyond lock and visibility timeout, and another execution takes a batch."""
    OVERLAP = auto()
    """Another execution takes a batch, at the same time."""
    FAIL = auto()
    """The call fails: before its point without effect, after it with its effect but without its answer."""


@dataclass(eq=False)
class Message:
    """One message in the fake queue."""

    record: Record
    number: int
    """Of its event."""
    visible_at: float
    receives: int = 0
    excused: bool = False
    """Its last execution could not tell the queue or the DLQ what became of it."""

    @property
    def receipt(self) -> str:
        return f"{self.record.message_id}/{self.receives}"


@dataclass
class Execution:
    """One batch under way."""

    faults: Mapping[int, Fault]
    messages: Sequence[Message]
    points: int = 0
    begun: set[int] = field(default_factory=set)
    effected: set[int] = field(default_factory=set)
    dead: bool = False


class Fleet:
    """
    :param how: the handler's effect is by ``commit``, ``conditional`` or ``plain``.
    :param worker: one without handlers; the fleet gives it its own.
    :param workers: how many there are of it.
    """

    def __init__(self, how: str, worker: Worker, workers: int = 3) -> None:
        self.now = 1_000_000.0
        self.how = how
        self.settings = worker.settings
        self.store = MemoryStore(one_write=worker.settings.idempotency == "claim", clock=lambda: self.now)
        self.queue: list[Message] = []
        self.dlq: list[dict[str, Any]] = []
        """SendMessageBatch entries that the DLQ took; those that SQS moved have no attributes."""
        self.bus: list[Envelope] = []
        self.effects: Counter[int] = Counter()
        self.repeatable: set[int] = set()
        """Events hit by a fault after their effect: a non-idempotent side effect of theirs may be repeated."""
        self.poisoned: set[int] = set()
        self.failures: Counter[int] = Counter()
        """How often the handler of each event is still to fail."""
        self.tries: Counter[int] = Counter()
        """How often the handler of each event has begun, or may count as begun: a fault hit the batch before it did."""
        self._under_way: list[Execution] = []
        worker.handles(ThingHappened)(self._handle)
        self._idle = [self._rig(worker) for _ in range(workers)]

    def _rig(self, worker: Worker) -> Rig:
        rig = Rig(worker, store=cast("Any", _Store(self)), clock=lambda: self.now)
        settlement = replace(rig.processor.settlement, sqs=lambda: cast("Any", _SQS(self)))
        publisher = cast("Publisher", _Bus(self))
        rig.processor = replace(rig.processor, settlement=settlement, publisher=lambda: publisher)
        return rig

    # The world around the workers.

    def send(self, number: int, envelope: Envelope) -> None:
        """One more message with the event."""
        self.queue.append(Message(record_of(envelope), number, self.now))

    def work(self, worker: int, most: int, faults: Mapping[int, Fault]) -> None:
        """A batch of what is visible, by one of the workers that are idle."""
        batch = self._receive(most)
        if not batch:
            return
        execution = Execution(faults, batch)
        records = [m.record._replace(receive_count=m.receives, receipt_handle=m.receipt) for m in batch]
        deadline = self.now + TIMEOUT_S
        receipts = {message.record.message_id: message.receipt for message in batch}
        self._under_way.append(execution)
        rig = self._idle.pop(worker % len(self._idle))  # a process has one batch at a time
        try:
            with suppress(Crash):
                deliveries = rig.deliver(*records, remaining_s=lambda: deadline - self.now)
                for delivery in [] if execution.dead else deliveries:
                    self._acknowledge(delivery, receipts[delivery.record.message_id])
        finally:
            self._under_way.pop()
            self._idle.append(rig)

    def _receive(self, most: int) -> list[Message]:
        received: list[Message] = []
        for message in [m for m in self.queue if m.visible_at <= self.now]:
            if message.receives >= self.settings.backstop:
                assert message.excused, "SQS moved a record whose last execution was neither hit nor told of it"
                self.queue.remove(message)
                self.dlq.append({"MessageBody": message.record.body})
            elif len(received) < most:
                message.receives += 1
                message.visible_at, message.excused = self.now + VISIBILITY_S, False
                received.append(message)
        return received

    def _acknowledge(self, delivery: Delivery, receipt: str) -> None:
        """As Lambda's poller does with the answer; what has been received again since is another's."""
        message = next((m for m in self.queue if m.receipt == receipt), None)
        if delivery.outcome in FAILED or message is None:
            return
        self.queue.remove(message)
        if delivery.outcome is Outcome.REJECTED:
            assert any(
                entry["MessageAttributes"]["message_id"]["StringValue"] == message.record.message_id
                for entry in self.dlq
                if "MessageAttributes" in entry
            ), "a rejected record was acknowledged before the DLQ had it"
        else:
            assert delivery.outcome in (Outcome.HANDLED, Outcome.DUPLICATE)
            assert self.effects[message.number], "acknowledged without its effect"

    @property
    def dead(self) -> set[int]:
        """The events in the DLQ."""
        return {json.loads(entry["MessageBody"])["detail"]["data"]["number"] for entry in self.dlq}

    # The points.

    def point(self) -> bool:
        """Whether the call at this point is to fail.

        :raises Crash: the process dies here.
        """
        execution = self._under_way[-1]
        if execution.dead:
            raise Crash  # whatever the core makes of a handler's crash, nothing of it leaves the process
        fault = execution.faults.get(execution.points)
        execution.points += 1
        if fault is None:
            return False
        if fault is Fault.OVERLAP:
            self._work_beside()
            return False
        self.repeatable |= execution.effected
        for message in execution.messages:
            message.excused = True
            if message.number not in execution.begun:
                execution.begun.add(message.number)
                self.tries[message.number] += 1
        if fault is Fault.CRASH:
            execution.dead = True
            raise Crash
        if fault is Fault.STALL:
            self.repeatable |= {message.number for message in execution.messages}
            self.now += VISIBILITY_S + 1
            self._work_beside()
        return fault is Fault.FAIL

    def _work_beside(self) -> None:
        if self._idle:
            self.work(0, 10, {})

    def call(self, take_effect: Callable[[], T], fail: Callable[[], T]) -> T:
        """A call with a point before and after it took effect."""
        if self.point():
            return fail()
        answer = take_effect()
        return fail() if self.point() else answer

    # The handler.

    def _handle(self, event: ThingHappened, context: Context) -> None:
        self._under_way[-1].begun.add(event.number)
        self.tries[event.number] += 1
        if event.number in self.poisoned:
            raise Reject("poison")
        if self.failures[event.number]:
            self.failures[event.number] -= 1
            raise ZeroDivisionError
        context.publish(ThingFollowed(number=event.number))
        if self.how == "commit":
            effect: Any = lambda: self._effect(event.number)  # noqa: E731 - stands for a DynamoDB item
            context.commit([effect])
        else:
            self.call(lambda: self._effect(event.number), _no_answer)

    def _effect(self, number: int) -> None:
        if self.how != "conditional" or not self.effects[number]:
            self.effects[number] += 1
        self._under_way[-1].effected.add(number)


def _no_answer() -> Any:
    raise EndpointConnectionError(endpoint_url="https://aws.example")


def _unavailable(requests: Sequence[Request]) -> list[Lock]:
    return [Lock(key=r.key, owner=r.owner, state=LockState.UNAVAILABLE, reason="no answer") for r in requests]


class _Store:
    """The fleet's store, as one execution reaches it."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet, self._store = fleet, fleet.store

    def acquire(self, requests: Sequence[Request]) -> list[Lock]:
        return self._fleet.call(lambda: self._store.acquire(requests), lambda: _unavailable(requests))

    def take_over(self, requests: Sequence[Request], known: Sequence[Lock], *, company: bool = False) -> list[Lock]:
        return self._fleet.call(
            lambda: self._store.take_over(requests, known, company=company), lambda: _unavailable(requests)
        )

    def complete(self, completions: Sequence[Completion], *, whole: str = "", until: float = 0.0) -> list[str | None]:
        return self._fleet.call(
            lambda: self._store.complete(completions, whole=whole), lambda: ["no answer"] * len(completions)
        )

    def release(self, releases: Sequence[Release], *, until: float = 0.0) -> None:
        self._fleet.call(lambda: self._store.release(releases), lambda: None)

    def commit(self, items: Sequence[Any], completion: Completion, pending: Sequence[Mapping[str, Any]]) -> None:
        def transaction() -> None:
            self._store.commit([], completion, pending)
            for take_effect in items:
                take_effect()

        self._fleet.call(transaction, _no_answer)

    def forget_pending(self, keys: Sequence[str]) -> None:
        self._fleet.call(lambda: self._store.forget_pending(keys), lambda: None)


class _Bus:
    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet

    def publish_all(self, envelopes: Iterable[Envelope]) -> Iterator[Receipt]:
        for envelope in envelopes:
            yield self._fleet.call(
                lambda envelope=envelope: self._take(envelope),  # type: ignore[misc]
                lambda envelope=envelope: Receipt(envelope=envelope, attempts=4, error="InternalFailure: no"),  # type: ignore[misc]
            )

    def _take(self, envelope: Envelope) -> Receipt:
        self._fleet.bus.append(envelope)
        return Receipt(envelope=envelope, attempts=1, error=None)


class _SQS:
    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet

    def send_message_batch(self, *, QueueUrl: str, Entries: Sequence[Any]) -> dict[str, Any]:  # noqa: N803
        refused = {"Failed": [{"Id": e["Id"], "Code": "InternalError", "SenderFault": False} for e in Entries]}
        if self._fleet.point():
            return refused
        self._fleet.dlq.extend(Entries)
        return cast("dict[str, Any]", _no_answer() if self._fleet.point() else {})

    def delete_message_batch(self, *, QueueUrl: str, Entries: Sequence[Any]) -> dict[str, Any]:  # noqa: N803
        def delete() -> dict[str, Any]:
            receipts = {entry["ReceiptHandle"] for entry in Entries}
            self._fleet.queue[:] = [m for m in self._fleet.queue if m.receipt not in receipts]
            return {}

        return self._fleet.call(delete, _no_answer)

    def change_message_visibility_batch(self, *, QueueUrl: str, Entries: Sequence[Any]) -> dict[str, Any]:  # noqa: N803
        def hide() -> dict[str, Any]:
            timeouts = {entry["ReceiptHandle"]: entry["VisibilityTimeout"] for entry in Entries}
            for message in self._fleet.queue:
                if message.receipt in timeouts:
                    message.visible_at = self._fleet.now + timeouts[message.receipt]
            return {}

        return self._fleet.call(hide, _no_answer)
