"""An event becomes what travels: its envelope."""

from collections.abc import Mapping
from datetime import UTC, datetime
from math import isfinite
from typing import Any
from uuid import uuid4

import orjson

from fanout.errors import EventError
from fanout.events.envelope import Envelope, Metadata, new_traceparent
from fanout.events.event import Event

__all__ = ["non_finite", "wrap"]


def wrap(
    event: Event,
    *,
    event_id: str | None = None,
    subject: str | None = None,
    correlation_id: str | None = None,
    causation_id: str | None = None,
    traceparent: str | None = None,
    expires_at: datetime | None = None,
    gather: str | None = None,
    now: datetime | None = None,
) -> Envelope:
    """Put an event into its envelope. Without a ``correlation_id`` it is the root of a correlation, without an
    ``event_id`` it gets a random one.

    :param event_id: stable over retries: the same event has the same id however often it is published.
    :param subject: the entity that the event is about; the order of an outbox's events is by it.
    :param correlation_id: the same for all that came of one root event.
    :param causation_id: the ``event_id`` of the event that this one follows from.
    :param traceparent: W3C Trace Context of the publisher's span; the correlation's own trace unless given.
    :param expires_at: a worker drops the event after it.
    :param gather: see :class:`fanout.events.envelope.Metadata`.
    :param now: when it is published; the time now unless given.
    :raises EventError: a number of its data is NaN or infinite, which JSON has no word for; or an id is longer than a
        worker reads.
    """
    contract = event.contract
    identity = event_id or str(uuid4())
    correlation = correlation_id or identity
    metadata = Metadata(
        event_id=identity,
        schema_version=contract.version,
        correlation_id=correlation,
        causation_id=causation_id,
        subject=subject,
        traceparent=traceparent or new_traceparent(identity, correlation),
        published_at=_iso(now or datetime.now(UTC)),
        expires_at=_iso(expires_at) if expires_at else None,
        gather=gather,
    )
    metadata.refuse_unbounded()
    data = event.to_data()
    if wrong := _non_finite_of(event, data):
        raise EventError(f"{contract}: {wrong}")
    return Envelope(source=contract.source, name=contract.name, metadata=metadata, data=data)


def non_finite(data: Any, path: str = "") -> str | None:
    """Where the data hold NaN or an infinite number, and which; None where they do not."""
    if isinstance(data, float):
        return None if isfinite(data) else f"{path}: {data}: JSON has no such number"
    if isinstance(data, Mapping):
        found = (non_finite(value, f"{path}.{name}" if path else str(name)) for name, value in data.items())
    elif isinstance(data, list | tuple):
        found = (non_finite(value, f"{path}[{index}]") for index, value in enumerate(data))
    else:
        return None
    return next(filter(None, found), None)


def _non_finite_of(event: Event, data: Mapping[str, Any]) -> str | None:
    try:  # null is written for them: what has none need not be walked through
        if b"null" not in orjson.dumps(data):
            return None
    except TypeError:  # not JSON values: the publisher says so
        pass
    # Of a field of any type pydantic has written null already.
    return non_finite(data) or non_finite(event.model_dump(mode="python"))


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
