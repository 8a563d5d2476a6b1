"""Which function of a worker handles which event."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from fanout.context import Context
from fanout.envelope import Envelope
from fanout.errors import EventError
from fanout.event import Event
from fanout.gather.state import Gathered, Part

__all__ = ["BatchHandler", "Gatherer", "Handlers"]

BatchHandler = Callable[[Sequence[Envelope]], None]


@dataclass(frozen=True)
class Gatherer:
    """What makes one event of the results of many parts, given the event that was scattered."""

    combine: Callable[[Any, Gathered], Event]
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
        """Hand the event to its handler and answer what that returns.

        :raises EventError: nobody handles such an event, or it breaks its contract.
        """
        event = self.read(envelope)
        _, handler = self.by_event[envelope.identifier]
        return handler(event, context)

    def read(self, envelope: Envelope) -> Event:
        """The event in the envelope.

        :raises EventError: nobody handles such an event, or it breaks its contract.
        """
        found = self.by_event.get(envelope.identifier)
        if found is None:
            raise EventError(f"{envelope.identifier}: the worker has no handler for it")
        contract, _ = found
        version = envelope.metadata.schema_version
        if version != contract.contract.version:
            raise EventError(f"{contract.contract}: cannot read version {version} of the event")
        return contract.from_data(envelope.data)

    def missing(self, subscribed: Sequence[str]) -> list[str]:
        """The subscribed events that no function handles."""
        return [] if self.batch else [event for event in subscribed if event not in self.by_event]
