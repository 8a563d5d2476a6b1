"""What an idempotency store promises, and the key that it knows an event by.

CloudEvents ids, like EventBridge's, are unique within their source only, so that a key names worker, source, name and
id. Its first three parts hold no ``#`` that is not escaped, and the fourth tells ids from keys of the data: no id can
imitate another event's key.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from functools import lru_cache
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol
from uuid import UUID, uuid5

import orjson

from fanout.errors import EventError
from fanout.events.envelope import Envelope

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

__all__ = [
    "Completion",
    "FieldPath",
    "Lock",
    "LockState",
    "Release",
    "Request",
    "Store",
    "derived_id",
    "event_key",
    "fingerprint",
    "id_key",
    "key_values",
    "storable",
]

LOCK_LOST = "the lock expired, and another execution has taken the event over"

MAX_RESULT_BYTES = 350_000
"""Of a result as JSON: DynamoDB's 400 KB of an item less the other attributes
(https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html)."""
FieldPath = tuple[str, ...]
"""The keys that lead to a field of an event's data."""
_NAMESPACE = UUID("6f7a2f0c-55c0-5d53-9b7a-0e1f8c6d2f3a")
_MISSING = object()


class LockState(StrEnum):
    """What a store returns for a lock."""

    __hash__ = str.__hash__  # as of fanout.outcomes.Outcome

    ACQUIRED = "acquired"
    """The caller alone may handle the event, until its lock expires."""
    RELEASED = "released"
    """The event has been tried before and given back; :meth:`Store.take_over` locks it."""
    DIED = "died"
    """An execution held the lock until it expired, and has not said what became of the event; likewise."""
    COMPLETED = "completed"
    """The event has been handled; ``result`` is what its handler returned."""
    IN_PROGRESS = "in progress"
    """Another execution holds the lock, until ``locked_until``."""
    CONFLICT = "conflict"
    """The same key came before with other data."""
    UNAVAILABLE = "unavailable"
    """The store could not say; ``reason`` tells why. Nothing was locked."""


class Request(NamedTuple):
    """The wish to handle one event."""

    key: str
    """See :func:`fanout.idempotency.store.event_key`."""
    owner: str
    """Who asks: unique to this delivery in this execution, so that a repeated call is known as one's own."""
    fingerprint: str
    """Of the event's data: see :func:`fingerprint`."""
    lock_until: float
    """When an unfinished lock may be taken over by others, in seconds since 1970."""


class Lock(NamedTuple):
    """What a store returned for a :class:`Request`."""

    key: str
    """Of the event in the store."""
    owner: str
    """The execution that holds it, or held it."""
    state: LockState
    """Whether it was locked for this execution, and if not, why."""
    result: Any = None
    """What the handler returned, of a completed event."""
    pending: Sequence[Mapping[str, Any]] = ()
    """Of a completed event: the packed envelopes that were committed with it and may not be published yet."""
    locked_until: float = 0.0
    """When the lock expires, in seconds since 1970."""
    reason: str = ""
    """Why the store could not say."""
    tries: int = 1
    """How often the event's handler has begun: of a locked event with this time, of others without."""
    shared: int = 0
    """How many of the earlier tries are in doubt: the process died while it held several events, of which each may
    have been the one that was being handled."""
    alone: bool = True
    """Whether the lock (of one that is not locked: the last one before) was made for this event alone."""
    batch: str = ""
    """What the events that were locked by one call have in common; empty when it was one event."""
    item: Mapping[str, Any] | None = None
    """The store's own: what a take-over compares with."""


class Completion(NamedTuple):
    """A lock whose event has been handled, with what the handler returned (JSON values)."""

    lock: Lock
    """As :meth:`Store.acquire` or :meth:`Store.take_over` returned it."""
    result: Any = None
    """What duplicates are told; JSON values."""


class Release(NamedTuple):
    """A lock that is given back."""

    lock: Lock
    """As :meth:`Store.acquire` or :meth:`Store.take_over` returned it."""
    tries: int
    """How many tries the event has had; 0 lets it begin anew, as after a move to the DLQ."""
    held: bool = False
    """Whether only the tries are written, and the lock stays until it expires."""


class Store(Protocol):
    """Locks, completions and releases, each for a whole batch at once.

    The keys within one call are distinct. No method but ``commit`` raises for what AWS does: what is returned for a
    record tells. Each may be repeated, by a client whose call was not answered, and changes nothing the second time.
    """

    def acquire(self, requests: Sequence[Request]) -> list[Lock]:
        """A lock for each request, in order. Events that are RELEASED or DIED are not locked yet."""

    def take_over(self, requests: Sequence[Request], known: Sequence[Lock], *, company: bool = False) -> list[Lock]:
        """Lock events that :meth:`acquire` found RELEASED or DIED.

        :param known: what it returned for each.
        :param company: whether events that are locked already are handled together with these, so that the process
            may die over one of them.
        """

    def complete(self, completions: Sequence[Completion], *, whole: str = "", until: float = 0.0) -> list[str | None]:
        """Record handled events; for each, in order, why it could not be recorded, or None.

        :param whole: the batch of which these are all locks, without exception: a store may then record the batch
            in place of its events.
        :param until: how long to try again what was throttled or not answered, in seconds since 1970.
        """

    def release(self, releases: Sequence[Release], *, until: float = 0.0) -> None:
        """Give locks back, so that a redelivery may be handled at once. A lock that cannot be given back expires."""

    def commit(
        self,
        items: Sequence[TransactWriteItemTypeDef],
        completion: Completion,
        pending: Sequence[Mapping[str, Any]],
    ) -> None:
        """Write a handler's own items and the completion of its lock in one transaction, with the packed envelopes
        that are to be published after it.

        :raises Retry: the lock was lost to another execution, whose effect counts; nothing was written.
        :raises TransactionCanceledException: DynamoDB's, for the handler's own items; nothing was written.
        """

    def forget_pending(self, keys: Sequence[str]) -> None:
        """The events committed with these completions have been published. What cannot be forgotten is published
        again with the next duplicate, under the same event_id."""


def fingerprint(data: Any) -> str:
    """The same for equal data, however its keys are ordered: 128 bits of BLAKE2b over its sorted JSON.

    :raises EventError: the data nest deeper than JSON is written here, though not deeper than it is read.
    """
    try:
        written = orjson.dumps(data, option=orjson.OPT_SORT_KEYS)
    except TypeError as error:
        raise EventError(f"detail.data: cannot be written as JSON: {error}") from error
    return blake2b(written, digest_size=16).hexdigest()


def storable(result: Any) -> str | None:
    """Why a handler's result cannot be kept with its event's completion, or None."""
    if result is None:
        return None
    try:
        written = orjson.dumps(result)
    except TypeError as error:
        return f"it is not JSON values: {error}"
    if len(written) > MAX_RESULT_BYTES:
        return f"it has {len(written):,} bytes, over {MAX_RESULT_BYTES:,}; keep it in S3 and return its key"
    return None


def event_key(worker: str, envelope: Envelope, paths: Sequence[FieldPath] = ()) -> str:
    """The event's key in a worker's idempotency store.

    :param paths: ``idempotency.key`` of the worker: the fields that tell events apart in place of their ids. An event
        that has none of them is told by its id.
    :raises EventError: the event has some of the fields only, or a value that cannot be written as JSON.
    """
    values = key_values(envelope.data, paths) if paths else None
    if values is None:
        return id_key(worker, envelope.source, envelope.name, envelope.metadata.event_id)
    return f"{_scope(worker, envelope.source, envelope.name)}#key#{fingerprint(values)}"


def id_key(worker: str, source: str, name: str, event_id: str) -> str:
    """The key of an event that is told from others by its id."""
    return f"{_scope(worker, source, name)}#id#{event_id}"


def key_values(data: Mapping[str, Any], paths: Sequence[FieldPath]) -> list[Any] | None:
    """The values of the key fields, in their order; None when the event has none of them.

    :raises EventError: it has some of them only; the text names the first that is missing.
    """
    values = [_value(data, path) for path in paths]
    missing = [".".join(path) for path, value in zip(paths, values, strict=True) if value is _MISSING]
    if len(missing) == len(paths):
        return None
    if missing:
        raise EventError(f"detail.data.{missing[0]}: missing; idempotency.key of worker.yaml names it")
    return values


def derived_id(key: str, what: str) -> str:
    """An id of something that the event caused in this worker: the same whenever its handler runs again."""
    return str(uuid5(_NAMESPACE, f"{key}#{_escaped(what)}"))


@lru_cache(maxsize=256)
def _scope(worker: str, source: str, name: str) -> str:
    return f"{worker}#{_escaped(source)}#{_escaped(name)}"


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("#", "%23")


def _value(data: Any, path: FieldPath) -> Any:
    for name in path:
        if not isinstance(data, Mapping) or name not in data:
            return _MISSING
        data = data[name]
    return data
