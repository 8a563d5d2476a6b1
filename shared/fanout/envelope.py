"""What travels on the bus: an EventBridge event whose detail is ``{"metadata": ..., "data": ...}``.

The metadata's ``event_id`` is fanout's own: it is the same over retries, duplicates and replays, which EventBridge's
``id`` is not. Events of AWS services come without an envelope; theirs is made from what EventBridge tells.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import orjson

from fanout.errors import EventError

__all__ = ["Envelope", "Metadata"]

MAX_EVENT_ID = 256
"""Characters: with the worker's name it has to fit a DynamoDB key, 2,048 bytes of UTF-8."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """What fanout knows of an event beside its data."""

    event_id: str
    """Stable over retries and replays: the key of idempotency."""
    schema_version: int
    """Of the contract that the data follows."""
    correlation_id: str
    """The same for all that came of one root event; a root's own is its ``event_id``."""
    published_at: str
    """UTC, ISO 8601."""
    causation_id: str | None = None
    """The ``event_id`` of the event whose handling published this one."""
    subject: str | None = None
    """The entity that the event is about; the message group of a FIFO queue."""
    traceparent: str | None = None
    """W3C Trace Context of the publisher's span."""
    tracestate: str | None = None
    expires_at: str | None = None
    """UTC, ISO 8601; a worker drops the event after it."""
    gather: str | None = None
    """``<gather_id>/<index>`` of the part that the event is: see :mod:`fanout.gather`."""

    def to_json(self) -> dict[str, Any]:
        """As the envelope carries it: fields that are not set are left out."""
        fields = {name: getattr(self, name) for name in self.__slots__}
        return {name: value for name, value in fields.items() if value is not None}

    @classmethod
    def from_json(cls, fields: object) -> Self:
        """
        :raises EventError: a field is missing or of the wrong type. Unknown fields are left out.
        """
        if not isinstance(fields, Mapping):
            raise EventError("detail.metadata: must be a mapping; is the publisher fanout's?")
        known = {name: fields[name] for name in cls.__slots__ if fields.get(name) is not None}
        version = known.get("schema_version")
        if type(version) is not int:
            raise EventError(f"detail.metadata.schema_version: {version!r}: must be a whole number")
        for name, value in known.items():
            if name != "schema_version" and not isinstance(value, str):
                raise EventError(f"detail.metadata.{name}: {value!r}: must be a text")
        if not 1 <= len(known.get("event_id", "?")) <= MAX_EVENT_ID:
            raise EventError(f"detail.metadata.event_id: must have 1 to {MAX_EVENT_ID} characters")
        try:
            return cls(**known)
        except TypeError as error:
            missing = {"event_id", "correlation_id", "published_at"} - known.keys()
            raise EventError(f"detail.metadata: {', '.join(sorted(missing))} missing") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """One event as a worker receives it."""

    source: str
    name: str
    metadata: Metadata
    data: Mapping[str, Any]

    @property
    def identifier(self) -> str:
        """``<source>/<Name>``."""
        return f"{self.source}/{self.name}"

    @classmethod
    def decode(cls, body: str | bytes) -> Self:
        """The event in a message as EventBridge, or SNS with raw delivery, puts it into a queue.

        :raises EventError: it is not such a message; the text says what is wrong with it.
        """
        try:
            event = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise EventError(f"the body is not JSON: {error}") from error
        if not isinstance(event, dict):
            raise EventError("the body is not a JSON object")
        source, name, detail = event.get("source"), event.get("detail-type"), event.get("detail")
        if not (isinstance(source, str) and isinstance(name, str) and isinstance(detail, dict)):
            raise EventError("the body is not an EventBridge event: source, detail-type or detail is missing")
        if source.startswith("aws."):
            return cls(source=source, name=name, metadata=_foreign_metadata(event), data=detail)
        data = detail.get("data")
        if not isinstance(data, dict):
            raise EventError("detail.data: must be a mapping; is the publisher fanout's?")
        return cls(source=source, name=name, metadata=Metadata.from_json(detail.get("metadata")), data=data)

    def detail(self) -> str:
        """EventBridge's ``Detail`` of this event."""
        return orjson.dumps({"metadata": self.metadata.to_json(), "data": self.data}).decode()


def _foreign_metadata(event: Mapping[str, Any]) -> Metadata:
    identity = event.get("id")
    if not isinstance(identity, str):
        raise EventError("the body is not an EventBridge event: id is missing")
    return Metadata(
        event_id=identity, schema_version=1, correlation_id=identity, published_at=str(event.get("time", ""))
    )
