"""Which event it is, for one worker: the key of its idempotency record, and the ids of what it causes.

CloudEvents ids, like EventBridge's, are unique within their source only, so that a key names worker, source, name and
id. Its first three parts hold no ``#`` that is not escaped, and the fourth tells ids from keys of the data: no id can
imitate another event's key.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any
from uuid import UUID, uuid5

from fanout.errors import EventError
from fanout.events.envelope import Envelope
from fanout.idempotency.store import fingerprint

__all__ = ["FieldPath", "derived_id", "event_key", "key_values"]

FieldPath = tuple[str, ...]
"""The keys that lead to a field of an event's data."""

_NAMESPACE = UUID("6f7a2f0c-55c0-5d53-9b7a-0e1f8c6d2f3a")

_MISSING = object()


def event_key(worker: str, envelope: Envelope, paths: Sequence[FieldPath] = ()) -> str:
    """The event's key in a worker's idempotency store.

    :param paths: ``idempotency.key`` of the worker: the fields that tell events apart in place of their ids. An event
        that has none of them is told by its id.
    :raises EventError: the event has some of the fields only, or a value that cannot be written as JSON.
    """
    scope = _scope(worker, envelope.source, envelope.name)
    values = key_values(envelope.data, paths) if paths else None
    if values is None:
        return f"{scope}#id#{envelope.metadata.event_id}"
    return f"{scope}#key#{fingerprint(values)}"


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
