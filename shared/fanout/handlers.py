"""Which function of a worker handles which event."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from inspect import iscoroutinefunction
from typing import Any

from fanout import upcasting
from fanout.context import Context
from fanout.envelope import Envelope
from fanout.errors import EventError
from fanout.event import Event

__all__ = ["BatchHandler", "Handlers"]

BatchHandler = Callable[[Sequence[Envelope]], None]


@dataclass
class Handlers:
    """A worker's handlers: one per event, or one for whole batches of any event."""

    by_event: dict[str, tuple[type[Event], Callable[[Any, Context], Any]]] = field(default_factory=dict)
    batch: BatchHandler | None = None

    def call(self, envelope: Envelope, context: Context) -> Any:
        """Hand the event to its handler and answer what that returns; a coroutine, if it is asynchronous.

        :raises EventError: nobody handles such an event, its version cannot be read, or it breaks its contract.
        """
        found = self.by_event.get(envelope.identifier)
        if found is None:
            raise EventError(f"{envelope.identifier}: worker {context.worker} has no handler for it")
        contract, handler = found
        return handler(upcasting.read(contract, envelope.data, envelope.metadata.schema_version), context)

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
