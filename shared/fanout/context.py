"""What a handler is given beside its event."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid5

from fanout.aws import client
from fanout.delivery import Delivery
from fanout.envelope import Envelope, Metadata
from fanout.errors import DeclarationError
from fanout.event import Event
from fanout.idempotency import Completion, Store
from fanout.publish import seal
from fanout.trace import child_traceparent

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

__all__ = ["Context"]

_NAMESPACE = UUID("6f7a2f0c-55c0-5d53-9b7a-0e1f8c6d2f3a")


@dataclass(slots=True)
class Context:
    """The record being handled, for the handler of its event."""

    worker: str
    delivery: Delivery
    metadata: Metadata
    remaining_s: Callable[[], float]
    """Seconds until Lambda ends the invocation."""
    store: Store | None = None
    """None: the worker's idempotency is off."""

    @property
    def event_id(self) -> str:
        return self.metadata.event_id

    @property
    def receive_count(self) -> int:
        """How often the queue has handed the record out, this time included."""
        return self.delivery.record.receive_count

    def publish(self, event: Event, *, subject: str | None = None, expires_at: datetime | None = None) -> str:
        """Publish an event that this one caused, once the handler has returned; answers its event_id.

        Its correlation is this event's, its cause this event, and its event_id follows from this event's, the worker
        and how many it published before: a handler that runs again publishes the same ids, which its subscribers
        suppress. Should the bus not take it, the record is handled again.

        :raises DeclarationError: the record has been committed.
        """
        if self.delivery.committed:
            raise DeclarationError("publish before commit: the events are part of the transaction")
        envelope = self._caused(event, str(len(self.delivery.published)), subject, expires_at)
        self.delivery.published.append(envelope)
        return envelope.metadata.event_id

    def seal(self, event: Event, *, subject: str | None = None, expires_at: datetime | None = None) -> Envelope:
        """The envelope of an event that this one caused, for a handler that sends it by itself, through
        :func:`fanout.outbox.put` for instance. A handler that runs again seals the same ids."""
        envelope = self._caused(event, f"sealed/{self.delivery.sealed}", subject, expires_at)
        self.delivery.sealed += 1
        return envelope

    def commit(self, items: Sequence[TransactWriteItemTypeDef], *, result: Any = None) -> None:
        """Write these DynamoDB items and the event's completion in one transaction: the effect is there exactly once,
        whatever dies when. What was published before is part of it, and reaches the bus even if this process dies
        right after. Once per record, as its last effect; ``result`` is what the handler would return.

        DynamoDB takes 100 items in a transaction, and this takes one of them.

        :raises Retry: another execution has taken the event over; nothing was written. Let it pass.
        :raises TransactionCanceledException: DynamoDB's: a condition of the handler's own items does not hold, or
            another transaction was at them; nothing was written.
        :raises DeclarationError: the record was committed before.
        """
        if self.delivery.committed:
            raise DeclarationError("a record is committed once; put all its items into one commit")
        if self.store is None or self.delivery.claim is None:
            client("dynamodb").transact_write_items(TransactItems=items)
        else:
            completion = Completion(claim=self.delivery.claim, result=result)
            self.store.commit(items, completion, [envelope.pack() for envelope in self.delivery.published])
        self.delivery.committed, self.delivery.result = True, result

    def _caused(self, event: Event, number: str, subject: str | None, expires_at: datetime | None) -> Envelope:
        return seal(
            event,
            event_id=str(uuid5(_NAMESPACE, f"{self.metadata.event_id}/{self.worker}/{number}")),
            subject=subject,
            correlation_id=self.metadata.correlation_id,
            causation_id=self.metadata.event_id,
            traceparent=child_traceparent(self.metadata.traceparent),
            expires_at=expires_at,
        )
