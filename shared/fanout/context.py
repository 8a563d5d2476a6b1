"""What a handler is given beside its event."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID, uuid5

from fanout.delivery import Delivery
from fanout.envelope import Metadata
from fanout.errors import DeclarationError
from fanout.event import Event
from fanout.trace import child_traceparent

if TYPE_CHECKING:
    from fanout.gather.engine import Gathers

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
    gathers: Gathers | None = None
    """None: ``worker.yaml`` does not say ``gathers: true``."""

    @property
    def event_id(self) -> str:
        return self.metadata.event_id

    @property
    def receive_count(self) -> int:
        """How often the queue has handed the record out, this time included."""
        return self.delivery.record.receive_count

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
        """Publish an event that this one caused, once the handler has returned; answers its event_id.

        Its correlation is this event's, its cause this event, and its event_id follows from this event's, the worker
        and how many it published before: a handler that runs again publishes the same ids, which its subscribers
        suppress. Should the bus not take it, the record is handled again.

        :param event_id: an id of one's own, which must be the same whenever the handler runs again.
        :param causation_id: the cause, where it is not this event.
        :param gather: see :class:`fanout.envelope.Metadata`; :meth:`scatter` sets it.
        """
        identity = event_id or self.identity(str(len(self.delivery.published)))
        envelope = {
            "event_id": identity,
            "subject": subject,
            "correlation_id": self.metadata.correlation_id,
            "causation_id": causation_id or self.metadata.event_id,
            "traceparent": child_traceparent(self.metadata.traceparent),
            "expires_at": expires_at,
            "gather": gather,
        }
        self.delivery.published.append((event, envelope))
        return identity

    def scatter(self, parts: Iterable[Event], *, into: type[Event], deadline: timedelta) -> str:
        """Publish the parts of this event, once the handler has returned, and gather what their handlers return into
        one event; answers the gather's id. See docs/gather.md.

        :param into: the contract of the gathered event; a function declared with ``worker.gathers`` makes it.
        :param deadline: from now; what has not come by then is missing from the gathered event. At most 7 days.
        :raises Reject: more than 1,000 parts.
        :raises DeclarationError: ``worker.yaml`` does not say ``gathers: true``, or nothing gathers ``into``.
        """
        if self.gathers is None:
            raise DeclarationError(f"{self.worker}: scatters into {into.contract}; write gathers: true in worker.yaml")
        return self.gathers.scatter(self, parts, into=into, deadline=deadline)

    def identity(self, what: str) -> str:
        """An id for what this event causes in this worker: the same whenever the handler runs again."""
        return str(uuid5(_NAMESPACE, f"{self.metadata.event_id}/{self.worker}/{what}"))
