"""What a handler is given beside its event."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from fanout.delivery import Delivery
from fanout.envelope import Envelope, Metadata
from fanout.event import Event
from fanout.publish import seal
from fanout.trace import child_traceparent

__all__ = ["Context"]

_NAMESPACE = UUID("6f7a2f0c-55c0-5d53-9b7a-0e1f8c6d2f3a")


@dataclass(frozen=True, slots=True)
class Context:
    """The record being handled, for the handler of its event."""

    worker: str
    delivery: Delivery
    metadata: Metadata
    remaining_s: Callable[[], float]
    """Seconds until Lambda ends the invocation."""

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
        """
        arguments = self._caused(str(len(self.delivery.published)), subject, expires_at)
        self.delivery.published.append((event, arguments))
        return str(arguments["event_id"])

    def seal(self, event: Event, *, subject: str | None = None, expires_at: datetime | None = None) -> Envelope:
        """The envelope of an event that this one caused, for a handler that sends it by itself, through
        :func:`fanout.outbox.put` for instance. A handler that runs again seals the same ids."""
        arguments = self._caused(f"sealed/{self.delivery.sealed}", subject, expires_at)
        self.delivery.sealed += 1
        return seal(event, **arguments)

    def _caused(self, number: str, subject: str | None, expires_at: datetime | None) -> dict[str, Any]:
        """The arguments of :func:`fanout.publish.seal` for an event that this one caused."""
        return {
            "event_id": str(uuid5(_NAMESPACE, f"{self.metadata.event_id}/{self.worker}/{number}")),
            "subject": subject,
            "correlation_id": self.metadata.correlation_id,
            "causation_id": self.metadata.event_id,
            "traceparent": child_traceparent(self.metadata.traceparent),
            "expires_at": expires_at,
        }
