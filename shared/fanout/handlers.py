"""Which function of a worker handles which event."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from inspect import iscoroutinefunction
from typing import Any

from fanout import upcasting
from fanout.context import Context
from fanout.envelope import Envelope
from fanout.errors import EventError
from fanout.event import Event
from fanout.gather.state import AggregateResult, Part

__all__ = ["BatchHandler", "Gatherer", "Handlers"]

BatchHandler = Callable[[Sequence[Envelope]], None]


@dataclass(frozen=True)
class Gatherer:
    """What makes one event of the results of many parts, given the event that was scattered."""

    combine: Callable[[Any, AggregateResult], Event]
    on_failure: Callable[[Any, Part], Event | None] | None = None
    """Makes what undoes a part that succeeded, when others did not."""


@dataclass
class Handlers:
    """A worker's handlers: one per event, or one for whole batches of any event."""

    by_event: dict[str, tuple[type[Event], Callable[[Any, Context], Any]]] = field(default_factory=dict)
    batch: BatchHandler | None = None
    gatherers: dict[str, Gatherer] = field(default_factory=dict)
    """By the gathered event."""

    def call(self, envelope: Envelope, context: Context) -> Any:
        """Hand the event to its handler and answer what that returns; a coroutine, if it is asynchronous.

        :raises EventError: nobody handles such an event, its version cannot be read, or it breaks its contract.
        """
        found = self.by_event.get(envelope.identifier)
        if found is None:
            raise EventError(f"{envelope.identifier}: worker {context.worker} has no handler for it")
        contract, handler = found
        return handler(upcasting.read(contract, envelope.data, envelope.metadata.schema_version), context)

    def read(self, envelope: Envelope) -> Event:
        """The event in an envelope of which :meth:`call` once found the handler.

        :raises EventError: its version cannot be read any more, or it breaks its contract.
        """
        contract, _ = self.by_event[envelope.identifier]
        return upcasting.read(contract, envelope.data, envelope.metadata.schema_version)

    def is_asynchronous(self, envelope: Envelope) -> bool:
        """Whether the event's handler is a coroutine function."""
        found = self.by_event.get(envelope.identifier)
        return found is not None and iscoroutinefunction(found[1])

    @property
    def asynchronous(self) -> bool:
        """Whether any handler is a coroutine function."""
        return any(iscoroutinefunction(handler) for _, handler in self.by_event.values())

    def missing(self, subscribed: Sequence[str]) -> list[str]:
        """The subscribed events that no function handles."""
        return [] if self.batch else [event for event in subscribed if event not in self.by_event]
