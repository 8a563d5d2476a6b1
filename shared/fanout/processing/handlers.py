"""Which function of a worker handles which event."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from inspect import (
    isasyncgen,
    isasyncgenfunction,
    isawaitable,
    iscoroutinefunction,
    isgenerator,
    isgeneratorfunction,
    unwrap,
)
from typing import TYPE_CHECKING, Any, NamedTuple

from fanout.errors import DeclarationError, EventError
from fanout.events import upcasting
from fanout.events.envelope import Envelope
from fanout.events.event import Event
from fanout.processing.context import Context

if TYPE_CHECKING:
    from fanout.gather.state import AggregateResult, Part

__all__ = ["BatchHandler", "Gatherer", "Handlers", "is_coroutine", "not_run", "refuse_generator", "refuse_uncalled"]

BatchHandler = Callable[[Sequence[Envelope]], Any]
"""Called with a batch's envelopes; may be a coroutine function."""


def is_coroutine(handler: Callable[..., Any]) -> bool:
    """Whether a call returns a coroutine: of a function, of an object's ``__call__``, or of what a decorator that
    keeps ``__wrapped__`` stands around."""
    return any(iscoroutinefunction(each) for each in (handler, unwrap(handler), getattr(handler, "__call__", None)))  # noqa: B004


def refuse_generator(worker: str, handler: Callable[..., Any]) -> None:
    """
    :raises DeclarationError: the handler is a generator, whose body a call does not run.
    """
    for inner in (unwrap(handler), getattr(handler, "__call__", None)):  # noqa: B004
        if isgeneratorfunction(inner) or isasyncgenfunction(inner):
            name = getattr(inner, "__qualname__", repr(inner))
            raise DeclarationError(f"{worker}: {name}: is a generator, whose body would never run; remove its yield")


def refuse_uncalled(worker: str, function: Callable[..., Any]) -> None:
    """
    :raises DeclarationError: a call of the function, whose answer is returned as JSON, does not run its body.
    """
    refuse_generator(worker, function)
    if is_coroutine(function):
        name = getattr(function, "__qualname__", repr(function))
        raise DeclarationError(
            f"{worker}: {name}: is a coroutine function, and what is invoked directly is not awaited; make it a plain "
            "one that calls asyncio.run"
        )


def not_run(result: Any) -> TypeError | None:
    """The failure of a handler that returned code in place of running it: a decorator hides a generator function from
    :func:`refuse_generator`, and a coroutine function may forget an ``await``. None for any other result."""
    if not (isgenerator(result) or isasyncgen(result) or isawaitable(result)):
        return None
    name = getattr(result, "__qualname__", type(result).__qualname__)
    if close := getattr(result, "close", None):  # of a coroutine: else Python warns of it a second time
        close()
    kind = "awaitable, which nothing awaits; await it" if isawaitable(result) else "generator; remove its yield"
    return TypeError(f"the handler returned {name}, not run: it is {'an' if kind[0] == 'a' else 'a'} {kind}")


class Gatherer(NamedTuple):
    """What makes one event of the results of many parts, given the event that was scattered."""

    combine: Callable[[Any, AggregateResult], Event]
    on_failure: Callable[[Any, Part], Event | None] | None = None
    """Makes what undoes a part that succeeded, when others did not."""


@dataclass(eq=False, repr=False)
class Handlers:
    """A worker's handlers: one per event, or one for whole batches of any event."""

    by_event: dict[str, tuple[type[Event], Callable[[Any, Context], Any]]] = field(default_factory=dict)
    batch: BatchHandler | None = None
    parts: set[str] = field(default_factory=set)
    """The events whose handlers return the results of parts."""
    gatherers: dict[str, Gatherer] = field(default_factory=dict)
    """By the gathered event."""
    _coroutines: dict[int, bool] = field(default_factory=dict, init=False)
    """Whether each handler, by its id, is a coroutine function: too dear to find out for each batch."""

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
        return found is not None and self._is_coroutine(found[1])

    @property
    def asynchronous(self) -> bool:
        """Whether any handler is a coroutine function."""
        return any(self._is_coroutine(handler) for _, handler in self.by_event.values())

    def _is_coroutine(self, handler: Callable[..., Any]) -> bool:
        known = self._coroutines.get(id(handler))
        if known is None:
            known = self._coroutines[id(handler)] = is_coroutine(handler)
        return known

    def missing(self, subscribed: Sequence[str]) -> list[str]:
        """The subscribed events that no function handles."""
        return [] if self.batch else [event for event in subscribed if event not in self.by_event]
