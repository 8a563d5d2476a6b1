"""Events as CloudEvents 1.0 (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md), structured JSON.

type               <source>.<Name>
schemaversion      the contract's version
correlationid, causationid
traceparent, tracestate    the Distributed Tracing extension
expirytime         the Expiry Time extension
dataref            s3:// address of claimed data (the Dataref extension), with datarefsize and datarefsha256
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from fanout.errors import EventError
from fanout.events.envelope import MAX_NAME, MAX_SOURCE, WITHOUT_ENVELOPE, DataReference, Envelope, Metadata

__all__ = ["from_cloudevent", "to_cloudevent"]

_TEXTS = {
    "subject": "subject",
    "correlation_id": "correlationid",
    "causation_id": "causationid",
    "traceparent": "traceparent",
    "tracestate": "tracestate",
    "expires_at": "expirytime",
}
"""The metadata's fields that are attributes of other names."""
SHOWN = 100
"""Characters of an attribute in an error."""


def to_cloudevent(envelope: Envelope) -> dict[str, Any]:
    """The event in CloudEvents' JSON format. Metadata that are not set are left out, as are empty ones, which
    CloudEvents do not know."""
    metadata = envelope.metadata
    attributes = {
        "specversion": "1.0",
        "id": metadata.event_id,
        "source": envelope.source,
        "type": f"{envelope.source}.{envelope.name}",
        "time": metadata.published_at,
        "datacontenttype": "application/json",
        "schemaversion": metadata.schema_version,
        **{theirs: getattr(metadata, ours) for ours, theirs in _TEXTS.items()},
        **(_dataref(metadata.claim) if metadata.claim else {}),
    }
    return {**{name: value for name, value in attributes.items() if value not in (None, "")}, "data": envelope.data}


def from_cloudevent(event: object, *, now: datetime | None = None) -> Envelope:
    """The event in a CloudEvent, as JSON decodes it. Attributes unknown to fanout are left out; an event without a
    correlation starts one, one without a time has been published ``now``.

    :raises EventError: it is none, or its data are no JSON object.
    """
    if not isinstance(event, Mapping) or event.get("specversion") != "1.0":
        raise EventError('needs a CloudEvent: an object with "specversion": "1.0"')
    source, kind, identity = (_text(event, name, required=True) for name in ("source", "type", "id"))
    named = _name(source, kind)
    fields = {ours: text for ours, theirs in _TEXTS.items() if (text := _text(event, theirs))}
    claim = _claim(event)
    metadata = {
        "event_id": identity,
        "schema_version": event.get("schemaversion", 1),
        "published_at": _text(event, "time") or (now or datetime.now(UTC)).isoformat(timespec="milliseconds"),
        "correlation_id": identity,
        "claim": claim,
        **fields,
    }
    return Envelope(source=source, name=named, metadata=Metadata.from_json(metadata), data=_data(event))


def _name(source: str, kind: str) -> str:
    """The event's name, by what EventBridge takes from a publisher."""
    name = kind.removeprefix(f"{source}.")
    if source.startswith(WITHOUT_ENVELOPE):
        raise EventError(f"source: {source[:SHOWN]}: is AWS's, or a canary's: name your own")
    if len(source) > MAX_SOURCE or not 0 < len(name) <= MAX_NAME:
        raise EventError(
            f"source has {len(source):,} characters of at most {MAX_SOURCE}, the event's name in type {len(name):,} of "
            f"1 to {MAX_NAME}"
        )
    return name


def _text(event: Mapping[str, Any], name: str, *, required: bool = False) -> str:
    value = event.get(name)
    if value is None and not required:
        return ""
    if not isinstance(value, str) or not value:
        raise EventError(f"{name}: {repr(value)[:SHOWN]}: must be a text")
    return value


def _dataref(claim: DataReference) -> dict[str, Any]:
    return {
        "dataref": f"s3://{claim.bucket}/{claim.key}",
        "datarefsize": claim.size,
        "datarefsha256": claim.sha256,
    }


def _claim(event: Mapping[str, Any]) -> dict[str, Any] | None:
    reference = _text(event, "dataref")
    if not reference:
        return None
    bucket, _, key = reference.removeprefix("s3://").partition("/")
    if not (reference.startswith("s3://") and bucket and key):
        raise EventError(f"dataref: {reference[:SHOWN]}: must be s3://<bucket>/<key>")
    return {"bucket": bucket, "key": key, "size": event.get("datarefsize"), "sha256": event.get("datarefsha256")}


def _data(event: Mapping[str, Any]) -> Mapping[str, Any]:
    content = event.get("datacontenttype", "application/json")
    if not isinstance(content, str) or content.partition(";")[0].strip() != "application/json":
        raise EventError(f"datacontenttype: {str(content)[:SHOWN]}: must be application/json")
    data = event.get("data")
    if "data_base64" in event:
        try:
            data = orjson.loads(base64.b64decode(event["data_base64"], validate=True))
        except (TypeError, ValueError, binascii.Error) as error:
            raise EventError(f"data_base64: is no JSON in Base64: {error}") from error
    if not isinstance(data, Mapping):
        raise EventError("data: must be an object")
    return data
