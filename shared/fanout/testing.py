"""Run a worker's handlers in a unit test, through the whole worker core, without AWS::

    rig = Rig(worker)
    [delivery] = rig.deliver(OrderPlaced(...))
    assert delivery.outcome is Outcome.HANDLED
    assert rig.published[0].name == "InvoiceIssued"

What a handler itself calls (DynamoDB, S3 ...) is the test's to provide, by moto for instance.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import count
from typing import Any, NoReturn, cast
from uuid import uuid4

from fanout.events.envelope import Envelope
from fanout.events.event import Event
from fanout.gather.engine import Aggregator
from fanout.gather.memory import MemoryGatherStore
from fanout.gather.parts import Gathering
from fanout.gather.senders import Senders
from fanout.gather.store import GatherStore
from fanout.gather.timers import SqsTimers
from fanout.idempotency import Store
from fanout.idempotency.memory import MemoryStore
from fanout.payloads import ClaimCheck
from fanout.processing.batch import Processor
from fanout.processing.delivery import Delivery, Invocation, Record
from fanout.processing.execution import Execution
from fanout.processing.locks import Locks
from fanout.processing.settlement import Settlement
from fanout.processing.timing import Pace
from fanout.publish import Publisher, Receipt, wrap
from fanout.worker import Worker

__all__ = ["Death", "Rig", "eventbridge_event", "record", "record_of"]

_NAMESPACE = "fanout-test"
"""Of the deployment that a rig's worker is in: its functions are ``fanout-test-<worker>``."""

_numbers = count(1)


def eventbridge_event(envelope: Envelope) -> dict[str, Any]:
    """The event as EventBridge delivers it to a target."""
    detail = envelope.data if envelope.source.startswith("aws.") else json.loads(envelope.detail())
    return {
        "version": "0",
        "id": str(uuid4()),
        "detail-type": envelope.name,
        "source": envelope.source,
        "account": "123456789012",
        "time": envelope.metadata.published_at,
        "region": "eu-central-1",
        "resources": [],
        "detail": detail,
    }


def record(
    body: str,
    *,
    receive_count: int = 1,
    group: str | None = None,
    sent_ms: int | None = None,
    sender_id: str | None = None,
) -> Record:
    """A message with that body, as a queue hands it out."""
    number = next(_numbers)
    sent_ms = int(time.time() * 1000) if sent_ms is None else sent_ms
    return Record(
        message_id=f"message-{number}",
        receipt_handle=f"receipt-{number}",
        body=body,
        receive_count=receive_count,
        first_received_ms=sent_ms,
        group=group,
        sent_ms=sent_ms,
        sequence_number=None if group is None else str(number),
        sender_id=sender_id,
    )


def record_of(
    event: Event | Envelope, *, receive_count: int = 1, group: str | None = None, sent_ms: int | None = None
) -> Record:
    """A message with the event in it."""
    envelope = event if isinstance(event, Envelope) else wrap(event)
    body = json.dumps(eventbridge_event(envelope))
    return record(body, receive_count=receive_count, group=group, sent_ms=sent_ms)


class Death(BaseException):
    """The process is dead: nothing that it still does has an effect."""


class _Mortal:
    """Something outside of the process, which a dead process does not reach."""

    def __init__(self, rig: Rig, reached: object) -> None:
        self._rig = rig
        self._reached = reached

    def __getattr__(self, name: str) -> Any:
        self._rig.check_alive()
        return getattr(self._reached, name)


class _FakeSQS:
    """Takes what a settlement sends; ``refuse`` names the operations it answers with a failure for each entry."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig

    def send_message_batch(self, *, QueueUrl: str, Entries: Sequence[Any]) -> dict[str, Any]:  # noqa: N803, ARG002
        return self._answer("send_message_batch", self._rig.dead_letters, Entries)

    def change_message_visibility_batch(self, *, QueueUrl: str, Entries: Sequence[Any]) -> dict[str, Any]:  # noqa: N803, ARG002
        return self._answer("change_message_visibility_batch", self._rig.backoffs, Entries)

    def delete_message_batch(self, *, QueueUrl: str, Entries: Sequence[Any]) -> dict[str, Any]:  # noqa: N803, ARG002
        return self._answer("delete_message_batch", self._rig.deleted, Entries)

    def _answer(self, operation: str, kept: list[dict[str, Any]], entries: Sequence[Any]) -> dict[str, Any]:
        self._rig.sqs_calls.append(operation)
        if operation in self._rig.refuse:
            return {"Failed": [{"Id": e["Id"], "Code": "InternalError", "SenderFault": False} for e in entries]}
        kept.extend(entries)
        return {"Successful": [{"Id": entry["Id"]} for entry in entries]}


class _FakePublisher:
    def __init__(self, rig: Rig) -> None:
        self._rig = rig

    def publish_all(self, events: Iterable[Event | Envelope]) -> Iterator[Receipt]:
        for event in events:
            envelope = event if isinstance(event, Envelope) else wrap(event)
            error = self._rig.bus_error
            if error is None:
                self._rig.published.append(envelope)
            yield Receipt(envelope=envelope, attempts=1, error=error, permanent=self._rig.bus_refuses)


class _FakeTimers:
    def __init__(self, rig: Rig) -> None:
        self._rig = rig

    def send(self, queue_url: str, timer: Envelope, delay_s: int) -> None:
        if queue_url == "queue":
            self._rig.timers.append((delay_s, timer))
        else:
            self._rig.part_reports.append((queue_url, timer))


def _no_payloads() -> NoReturn:
    raise LookupError("the event refers to data in S3; give the Rig a claim check")


class Rig:
    """A worker with a store, a DLQ and a bus in memory.

    :param store: to share between rigs, or to look into.
    :param gather_store: likewise, of a worker that scatters or gathers.
    :param claim_check: where the data are of the events that only refer to theirs, if there are any.
    :param clock: seconds since 1970.
    """

    def __init__(
        self,
        worker: Worker,
        *,
        store: Store | None = None,
        gather_store: GatherStore | None = None,
        claim_check: ClaimCheck | None = None,
        clock: Callable[[], float] = time.time,
        pace: Pace | None = None,
    ) -> None:
        self.published: list[Envelope] = []
        """What the handlers published, and the bus took."""
        self.dead_letters: list[dict[str, Any]] = []
        """The SendMessageBatch entries that the DLQ took."""
        self.backoffs: list[dict[str, Any]] = []
        """The ChangeMessageVisibilityBatch entries that the queue took."""
        self.deleted: list[dict[str, Any]] = []
        """The DeleteMessageBatch entries that the queue took."""
        self.sqs_calls: list[str] = []
        """The SQS operations that the worker called, in their order."""
        self.refuse: set[str] = set()
        """SQS operations that fail: send_message_batch, change_message_visibility_batch, delete_message_batch."""
        self.bus_error: str | None = None
        """What the bus answers to every event, if it takes none."""
        self.bus_refuses = False
        """Whether no repetition changes that."""
        self.timers: list[tuple[int, Envelope]] = []
        """What a gather put into the worker's own queue, each after its delay in seconds; to be delivered like any
        event."""
        self.part_reports: list[tuple[str, Envelope]] = []
        """The results of parts that other workers gather, each after that worker's name; to be delivered to it."""
        self.store = store or MemoryStore(one_write=worker.settings.idempotency == "claim", clock=clock)
        self._dead = False
        sqs: Any = _Mortal(self, _FakeSQS(self))
        publisher = cast("Publisher", _Mortal(self, _FakePublisher(self)))
        store = None if worker.settings.idempotency == "off" else cast("Store", _Mortal(self, self.store))
        self.gather_store = gather_store or MemoryGatherStore()
        settlement = Settlement(
            sqs=lambda: sqs,
            settings=worker.settings,
            queue_url=lambda: "queue",
            dlq_url=lambda: "dlq",
            uniform=lambda _, most: most,
            clock=clock,
        )
        gathers = self._gathers(worker, clock)
        self.processor = Processor(
            locks=Locks(worker.settings, store, clock) if store else None,
            execution=Execution(
                worker.settings,
                worker.handlers,
                worker.policies,
                store,
                pace or Pace(),
                gathers,
                out_of_the_way=settlement.out_of_the_way,
                clock=clock,
            ),
            settlement=settlement,
            publisher=lambda: publisher,
            claim_check=claim_check or ClaimCheck(_no_payloads, lambda: "claims"),
            clock=clock,
            senders=Senders(_NAMESPACE, worker.settings.worker) if worker.settings.gathers else None,
        )
        """The core that the deployed worker runs, with all of AWS replaced."""

    def _gathers(self, worker: Worker, clock: Callable[[], float]) -> Gathering:
        timers = cast("SqsTimers", _FakeTimers(self))
        aggregator = None
        if worker.settings.gathers:
            aggregator = Aggregator(self.gather_store, timers, worker.handlers, queue_url="queue", clock=clock)
            worker.handlers.by_event.update(aggregator.event_handlers())
        return Gathering(worker.settings.worker, aggregator, timers, {name: name for name in worker.settings.parts_of})

    def deliver(
        self, *messages: Event | Envelope | Record, remaining_s: float | Callable[[], float] = 30.0
    ) -> list[Delivery]:
        """One batch, with ``remaining_s`` seconds until the deadline; returns every record with its outcome.

        :raises Death: a handler has called :meth:`die`.
        """
        records = [m if isinstance(m, Record) else record_of(m) for m in messages]
        remaining = remaining_s if callable(remaining_s) else lambda: remaining_s
        self._dead = False
        deliveries = self.processor.process(records, Invocation(str(uuid4()), remaining))
        self.check_alive()
        return deliveries

    def die(self) -> NoReturn:
        """For a handler: its process is killed here. What it would do next, be it the core, has no effect."""
        self._dead = True
        raise Death

    def check_alive(self) -> None:
        """
        :raises Death: the process is dead.
        """
        if self._dead:
            raise Death

    def redeliver(self, delivery: Delivery) -> Delivery:
        """Hand the same message out once more."""
        again = delivery.record._replace(receive_count=delivery.record.receive_count + 1)
        return self.deliver(again)[0]
