"""What travels on the bus: an EventBridge event whose detail is ``{"metadata": ..., "data": ...}``.

The metadata's ``event_id`` is fanout's own: it is the same over retries, duplicates and replays, which EventBridge's
``id`` is not. Events of AWS services come without an envelope; theirs is made from what EventBridge tells."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from hashlib import blake2b
from typing import Any, Self

import orjson

from fanout.errors import EventError

__all__ = [
    "DataReference",
    "Envelope",
    "Metadata",
    "child_traceparent",
    "new_traceparent",
    "span_id",
    "trace_id",
]

# An id of zeros alone is none.
_TRACEPARENT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})")
_UUID = re.compile(r"(?!0{8}-0)[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def new_traceparent(event_id: str, correlation_id: str) -> str:
    """The context of an event that begins a trace, sampled. It follows from the two ids, so that an event that is
    published again is in the same trace, and whoever knows the ids can make its spans: the trace is the correlation's,
    its id the correlation's own where that is a UUID."""
    return f"00-{_trace_of(correlation_id)}-{span_id(event_id)}-01"


def child_traceparent(parent: str | None, event_id: str, correlation_id: str) -> str:
    """The context of a caused event in the parent's trace; as a new trace where the parent is none or malformed, as the
    standard demands."""
    found = _TRACEPARENT.fullmatch(parent or "")
    if found is None:
        return new_traceparent(event_id, correlation_id)
    return f"00-{found[1]}-{span_id(event_id)}-{found[2]}"


def span_id(what: str) -> str:
    """The id of the span that stands for something, as an event's publication: 64 bits of BLAKE2b, in hexadecimal."""
    return blake2b(what.encode(errors="replace"), digest_size=8).hexdigest()


def _trace_of(correlation_id: str) -> str:
    if _UUID.fullmatch(correlation_id):
        return correlation_id.replace("-", "")
    return blake2b(correlation_id.encode(errors="replace"), digest_size=16).hexdigest()


def trace_id(traceparent: str | None) -> str | None:
    """The id of the trace, 32 hexadecimal digits; None where there is none."""
    found = _TRACEPARENT.fullmatch(traceparent or "")
    return found[1] if found else None


MAX_EVENT_ID = 256
"""Characters: with the worker's name it has to fit a DynamoDB key, 2,048 bytes of UTF-8."""

LONGEST: Mapping[str, int] = {
    "event_id": MAX_EVENT_ID,
    "correlation_id": MAX_EVENT_ID,
    "causation_id": MAX_EVENT_ID,
    "subject": 256,
    "published_at": 40,
    "expires_at": 40,
    "gather": 512,
}
"""Characters of each text: an event carries its correlation on to all that follow from it, and has to leave room in
their messages for their data."""

LONGEST_OF_TRACE: Mapping[str, int] = {"traceparent": 55, "tracestate": 512}
"""Characters of what is left out when it is longer: a trace that is not understood begins anew
(https://www.w3.org/TR/trace-context/#tracestate-limits)."""

MAX_SOURCE, MAX_NAME = 256, 128
"""Characters of what EventBridge takes as source and detail-type
(https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEventsRequestEntry.html); what is in a queue may
have come another way."""

YEARS = range(1970, 9999)
"""Of a time: what a clock may show, and no conversion between time zones overflows."""

MAX_KEY_BYTES = 1_024
"""Of an object's key in UTF-8 (https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html); no bucket's
name is as long."""

MAX_DATA_BYTES = 16 * 1024 * 1024
"""Of data that a reference leads to, as JSON, uncompressed: a worker of 256 MB holds several at once."""


@dataclass(slots=True, kw_only=True)
class DataReference:
    """Where an event's data are, when they are too large for its way: see :mod:`fanout.payloads`."""

    bucket: str
    """In S3."""
    key: str
    """Of the object."""
    size: int
    """Bytes of the data as JSON, uncompressed."""
    sha256: str
    """Of the same bytes, in hexadecimal."""

    @classmethod
    def from_json(cls, fields: object) -> Self:
        """As an envelope carries it. Unknown fields are left out.

        :raises EventError: a field is missing, of the wrong type, or out of its bounds.
        """
        wanted = {"bucket": str, "key": str, "size": int, "sha256": str}
        if not isinstance(fields, Mapping):
            raise EventError(f"detail.metadata.claim: {_shown(fields)}: must be a mapping")
        for name, kind in wanted.items():
            if type(fields.get(name)) is not kind:
                raise EventError(f"detail.metadata.claim.{name}: {_shown(fields.get(name))}: must be a {kind.__name__}")
        if not 0 <= fields["size"] <= MAX_DATA_BYTES:
            raise EventError(
                f"detail.metadata.claim.size: {_shown(fields['size'])}: must be 0 to {MAX_DATA_BYTES:,} bytes"
            )
        for name in ("bucket", "key"):
            # S3 would refuse the call, or the client make none: the event would come again until the DLQ.
            if not 0 < len(fields[name].encode()) <= MAX_KEY_BYTES:
                raise EventError(
                    f"detail.metadata.claim.{name}: {_shown(fields[name])}: must have 1 to {MAX_KEY_BYTES:,} bytes"
                )
        return cls(**{name: fields[name] for name in wanted})


@dataclass(slots=True, kw_only=True)
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
    """Of the same context."""
    expires_at: str | None = None
    """UTC, ISO 8601; a worker drops the event after it."""
    gather: str | None = None
    """``<gathering worker>/<gather_id>/<index>`` of the part that the event is: see :mod:`fanout.gather`."""
    claim: DataReference | None = None
    """Where the data are; the event itself then carries only those that subscriptions filter by."""

    def to_json(self) -> dict[str, Any]:
        """As the envelope carries it: fields that are not set are left out."""
        fields = {name: value for name in self.__slots__ if (value := getattr(self, name)) is not None}
        if self.claim is not None:
            fields["claim"] = asdict(self.claim)
        return fields

    @classmethod
    def from_json(cls, fields: object) -> Self:
        """What :meth:`to_json` made. Unknown fields are left out.

        :raises EventError: a field is missing, of the wrong type, or out of its bounds.
        """
        if not isinstance(fields, dict):
            raise EventError("detail.metadata: must be a mapping; is the publisher fanout's?")
        known: dict[str, Any] = {}
        for name, value in fields.items():
            wanted = _TYPES.get(name)
            if type(value) is wanted:
                if wanted is str and len(value) > _MOST[name] and _left_out(name, value):  # type: ignore[arg-type]
                    continue
                known[name] = value
            elif value is not None and wanted is DataReference:
                known[name] = DataReference.from_json(value)
            elif value is not None and wanted is not None:
                text = "a whole number" if wanted is int else "a text"
                raise EventError(f"detail.metadata.{name}: {_shown(value)}: must be {text}")
        try:
            metadata = cls(**known)
        except TypeError as error:
            missing = [name for name in _REQUIRED if name not in known]
            raise EventError(f"detail.metadata: {', '.join(missing)} missing") from error
        if not (metadata.event_id and metadata.correlation_id):
            raise EventError(_empty(metadata))
        for moment in (metadata.published_at, metadata.expires_at):
            if moment is not None and not _is_time(moment):
                raise EventError(_no_time(metadata, moment))
        return metadata

    def refuse_unbounded(self) -> None:
        """What :meth:`from_json` would refuse of an event is not to be published.

        :raises EventError: a text is too long, or an id empty.
        """
        if not (self.event_id and self.correlation_id):
            raise EventError(_empty(self))
        for name, most in LONGEST.items():
            if len(getattr(self, name) or "") > most:
                raise EventError(_too_long(name, getattr(self, name)))


_MOST = {**LONGEST, **LONGEST_OF_TRACE}


def _left_out(name: str, value: str) -> bool:
    """What becomes of a text that is too long: that of a trace is left out.

    :raises EventError: it is another's.
    """
    if name not in LONGEST_OF_TRACE:
        raise EventError(_too_long(name, value))
    return True


def _too_long(name: str, value: str) -> str:
    return f"detail.metadata.{name}: {len(value):,} characters; must have at most {LONGEST[name]}"


def _empty(metadata: Metadata) -> str:
    name = "correlation_id" if metadata.event_id else "event_id"
    return f"detail.metadata.{name}: must have 1 to {MAX_EVENT_ID} characters"


def _is_time(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).year in YEARS
    except ValueError:
        return False


def _no_time(metadata: Metadata, text: str) -> str:
    name = "published_at" if text is metadata.published_at else "expires_at"
    return f"detail.metadata.{name}: {text!r}: must be an ISO 8601 time of the years {YEARS.start} to {YEARS.stop - 1}"


def _shown(value: object) -> str:
    return repr(value)[:100]


_TYPES: Mapping[str, type] = {
    **dict.fromkeys(Metadata.__slots__, str),
    "schema_version": int,
    "claim": DataReference,
}
_REQUIRED = ("correlation_id", "event_id", "published_at", "schema_version")


@dataclass(slots=True, kw_only=True)
class Envelope:
    """One event as a worker receives it."""

    source: str
    """The domain: EventBridge's source."""
    name: str
    """EventBridge's detail-type."""
    metadata: Metadata
    """What fanout knows of the event; of AWS's own events, what follows from EventBridge's fields."""
    data: Mapping[str, Any]
    """JSON values, as they were published: of the version that the metadata name."""
    identifier: str = field(init=False)
    """``<source>/<Name>``."""

    def __post_init__(self) -> None:
        self.identifier = f"{self.source}/{self.name}"

    @classmethod
    def decode(cls, body: str | bytes) -> Self:
        """The event in a message as EventBridge, or SNS with raw delivery, puts it into a queue.

        :raises EventError: it is not such a message; the text says what is wrong with it.
        :raises CanaryError: it is a canary: see :mod:`fanout.events.canary`.
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
        if len(source) > MAX_SOURCE or len(name) > MAX_NAME:
            raise EventError(f"source has {len(source):,}, detail-type {len(name):,} characters: too many")
        if source.startswith(WITHOUT_ENVELOPE):
            _refuse_canary(event)
            return cls(source=source, name=name, metadata=_aws_native_metadata(event), data=detail)
        data = detail.get("data")
        if not isinstance(data, dict):
            raise EventError(
                f"detail.data: must be a mapping, not {type(data).__name__}; is the publisher fanout's? Of an external "
                "queue's message, they are its body, which has to be a JSON object"
            )
        return cls(source=source, name=name, metadata=Metadata.from_json(detail.get("metadata")), data=data)

    def pack(self) -> dict[str, Any]:
        """As JSON values, to be kept; :meth:`unpack` is the inverse."""
        return {
            "source": self.source,
            "name": self.name,
            "metadata": self.metadata.to_json(),
            "data": dict(self.data),
        }

    @classmethod
    def unpack(cls, packed: Mapping[str, Any]) -> Self:
        """What :meth:`pack` made of an envelope.

        :raises EventError: it is none.
        """
        match packed:
            case {"source": str(source), "name": str(name), "metadata": metadata, "data": dict(data)}:
                return cls(source=source, name=name, metadata=Metadata.from_json(metadata), data=data)
        raise EventError("an event that was kept to be published is none: source, name, metadata or data is missing")

    def detail(self) -> str:
        """EventBridge's ``Detail`` of this event.

        :raises TypeError: some of its data cannot be written as JSON.
        """
        return orjson.dumps({"metadata": self.metadata.to_json(), "data": self.data}).decode()

    def to_cloudevent(self) -> dict[str, Any]:
        """As a CloudEvent: see :mod:`fanout.events.cloudevents`."""
        from fanout.events.cloudevents import to_cloudevent

        return to_cloudevent(self)

    @classmethod
    def from_cloudevent(cls, event: object) -> Envelope:
        """The event in a CloudEvent.

        :raises EventError: it is none, or lacks what fanout needs.
        """
        from fanout.events.cloudevents import from_cloudevent

        return from_cloudevent(event)


WITHOUT_ENVELOPE = ("aws.", "canary.")
"""How sources begin whose events fanout has not wrapped."""


def _refuse_canary(event: Mapping[str, Any]) -> None:
    """
    :raises EventError: it is a canary, or has a canary's source without being one.
    """
    from fanout.events.canary import SOURCE_PREFIX, canary_in  # most workers never see a source that is not wrapped

    if (canary := canary_in(event)) is not None:
        raise canary
    if event["source"].startswith(SOURCE_PREFIX):
        raise EventError(f"source {event['source']!r}: {SOURCE_PREFIX}* is for canaries alone; publish under another")


def _aws_native_metadata(event: Mapping[str, Any]) -> Metadata:
    """
    :raises EventError: there is no id, or what there is is out of its bounds.
    """
    identity, moment = event.get("id"), event.get("time") or "1970-01-01T00:00Z"
    if not isinstance(identity, str):
        raise EventError("the body is not an EventBridge event: id is missing")
    if not 0 < len(identity) <= MAX_EVENT_ID:
        raise EventError(f"id: {len(identity):,} characters; must have 1 to {MAX_EVENT_ID}")
    if not (isinstance(moment, str) and len(moment) <= LONGEST["published_at"] and _is_time(moment)):
        raise EventError(f"time: {_shown(moment)}: must be an ISO 8601 time")
    return Metadata(event_id=identity, schema_version=1, correlation_id=identity, published_at=moment)
