"""What a handler is given beside its event."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from fanout.aws import client
from fanout.errors import DeclarationError
from fanout.events.envelope import Envelope, Metadata, child_traceparent
from fanout.events.event import Event
from fanout.idempotency import Completion, Store, storable
from fanout.idempotency.store import derived_id
from fanout.processing.delivery import Delivery
from fanout.publish import wrap

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

    from fanout.gather.parts import Gathering

__all__ = ["Context"]

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Context:
    """The record being handled, for the handler of its event."""

    worker: str
    """The worker's name."""
    delivery: Delivery
    """The record and what has become of it; for the core."""
    metadata: Metadata
    """Of the event: ids, subject, when it was published."""
    remaining_s: Callable[[], float]
    """Seconds until Lambda ends the invocation."""
    store: Store | None = None
    """None: the worker's idempotency is off."""
    gathers: Gathering | None = None
    """None: the worker neither gathers nor handles parts."""
    reports: bool = False
    """Whether a gather waits for what the handler returns."""
    max_receives: int = 1
    """After so many tries that failed the record goes to the DLQ."""
    publishes: frozenset[str] = frozenset()
    """``<source>/<Name>`` of the events that ``worker.yaml`` names."""

    @property
    def event_id(self) -> str:
        """The event's id, the same over retries, duplicates and replays."""
        return self.metadata.event_id

    @property
    def receive_count(self) -> int:
        """How often the queue has handed the record out, this time included."""
        return self.delivery.record.receive_count

    @property
    def tries(self) -> int:
        """How often a handler of this event has begun, this time included; with ``idempotency: off``, how often the
        queue has handed the record out."""
        return self.delivery.tries

    @property
    def is_last_try(self) -> bool:
        """Whether the record goes to the DLQ if this try fails."""
        return self.delivery.exhausted(self.max_receives)

    def get_remaining_time_in_millis(self) -> int:
        """As Lambda's context, so that Powertools' idempotency can be told of this one:
        ``config.register_lambda_context(context)``."""
        return int(self.remaining_s() * 1000)

    def publish(
        self,
        event: Event,
        *,
        subject: str | None = None,
        expires_at: datetime | None = None,
        event_id: str | None = None,
        causation_id: str | None = None,
        gather: str | None = None,
    ) -> str:
        """Publish an event that this one caused, once the handler has returned; returns its event_id.

        Its correlation is this event's, its cause this event, and its event_id follows from this event's, the worker
        and how many it published before: a handler that runs again publishes the same ids, which its subscribers
        suppress. Should the bus not take it, the record is handled again.

        :param event_id: an id of one's own, which must be the same whenever the handler runs again.
        :param causation_id: the cause, where it is not this event.
        :param gather: see :class:`fanout.events.envelope.Metadata`; :meth:`scatter` sets it.
        :raises DeclarationError: the record has been committed.
        """
        if self.delivery.committed:
            raise DeclarationError("publish before commit: the events are part of the transaction")
        number = str(len(self.delivery.published))
        envelope = self._caused(
            event, number, subject, expires_at, event_id=event_id, causation_id=causation_id, gather=gather
        )
        self.delivery.published.append(envelope)
        return envelope.metadata.event_id

    def wrap(self, event: Event, *, subject: str | None = None, expires_at: datetime | None = None) -> Envelope:
        """The envelope of an event that this one caused, for a handler that sends it by itself, through
        :func:`fanout.outbox.put` for instance. A handler that runs again wraps the same ids."""
        envelope = self._caused(event, f"sealed/{self.delivery.wrapped}", subject, expires_at)
        self.delivery.wrapped += 1
        return envelope

    def identity(self, what: str) -> str:
        """An id for what this event causes in this worker: the same whenever the handler runs again."""
        return derived_id(self.delivery.key, what)

    def scatter(self, parts: Iterable[Event], *, into: type[Event], deadline: timedelta) -> str:
        """Publish the parts of this event, once the handler has returned, and gather what their handlers return into
        one event; returns the gather's id.

        :param into: the contract of the gathered event; a function declared with ``worker.gathers`` makes it.
        :param deadline: from now; what has not come by then is missing from the gathered event. At most 7 days.
        :raises Reject: more than 1,000 parts.
        :raises DeclarationError: ``worker.yaml`` does not say ``gathers: true``, nothing gathers ``into``, or the
            record has been committed.
        """
        if self.gathers is None:
            raise DeclarationError(f"{self.worker}: scatters into {into.contract}; write gathers: true in worker.yaml")
        return self.gathers.scatter(self, parts, into=into, deadline=deadline)

    def commit(self, items: Sequence[TransactWriteItemTypeDef], *, result: Any = None) -> None:
        """Write these DynamoDB items and the event's completion in one transaction: the effect is there exactly once,
        whatever dies when. What was published before is part of it, and reaches the bus even if this process dies
        right after. Once per record, as its last effect; ``result`` is what the handler would return.

        DynamoDB takes 100 items in a transaction, and this takes one of them.

        :raises Retry: another execution has taken the event over; nothing was written. Let it pass.
        :raises TransactionCanceledException: DynamoDB's: a condition of the handler's own items does not hold, or
            another transaction was at them; nothing was written.
        :raises DeclarationError: the record was committed before; an event that was published is not under
            ``publishes`` of ``worker.yaml``; or a gather waits for the record, whose report would be lost if this
            process died right after.
        """
        if self.reports:
            raise DeclarationError("a part cannot be committed: make its effect conditional and return its result")
        if self.delivery.committed:
            raise DeclarationError("a record is committed once; put all its items into one commit")
        if self.store is None or self.delivery.lock is None:
            client("dynamodb").transact_write_items(TransactItems=items)
        else:
            problem = storable(result)
            if problem is not None:
                log.warning("the result of the commit is not kept: %s", problem)
                result = None
            completion = Completion(lock=self.delivery.lock, result=result)
            self.store.commit(
                items, completion, [self._declared(envelope).pack() for envelope in self.delivery.published]
            )
        self.delivery.committed, self.delivery.result = True, result

    def _declared(self, envelope: Envelope) -> Envelope:
        """
        :raises DeclarationError: the worker would refuse to publish the event from its record.
        """
        if envelope.identifier not in self.publishes:
            raise DeclarationError(
                f"{self.worker}: commits to publish {envelope.identifier}; name it under publishes of worker.yaml"
            )
        return envelope

    def _caused(
        self,
        event: Event,
        number: str,
        subject: str | None,
        expires_at: datetime | None,
        *,
        event_id: str | None = None,
        causation_id: str | None = None,
        gather: str | None = None,
    ) -> Envelope:
        identity, correlation_id = event_id or self.identity(number), self.metadata.correlation_id
        return wrap(
            event,
            event_id=identity,
            subject=subject,
            correlation_id=correlation_id,
            causation_id=causation_id or self.metadata.event_id,
            traceparent=child_traceparent(self.metadata.traceparent, identity, correlation_id),
            expires_at=expires_at,
            gather=gather,
        )
