"""Hops as OpenTelemetry's spans, in the JSON of OTLP/HTTP
(https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding).

Every id follows from the ids of events: the PRODUCER span of an event is the one that its ``traceparent`` names, and a
worker's try is a CONSUMER span beneath it, whoever makes the spans and when. So what is sent twice is the same span,
and back ends that draw no links draw the tree. Names and attributes are those of the semantic conventions for
messaging (https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/).
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import orjson

from fanout.errors import FanoutError
from fanout.events.envelope import span_id
from fanout.idempotency.client import Credentials, signed_headers
from fanout.outcomes import Outcome
from fanout.tracing.hops import Hop

__all__ = ["ExportError", "consumer_span", "export", "producer_span", "published_spans", "request_of"]

PRODUCER, CONSUMER = 4, 5
ERROR = 2
FAILED = frozenset({Outcome.RETRIED.value, Outcome.REJECTED.value})

XRAY = re.compile(r"xray\.(?P<region>[a-z0-9-]+)\.(amazonaws\.com(\.cn)?|api\.aws)")
"""The host that takes spans for X-Ray, in a partition."""

Span = dict[str, Any]


class ExportError(FanoutError):
    """The collector did not take the spans.

    :ivar may_pass: whether the specification says to try again.
    """

    def __init__(self, text: str, *, may_pass: bool) -> None:
        super().__init__(text)
        self.may_pass = may_pass


def consumer_span(hop: Hop) -> Span:
    """A worker's try at an event."""
    failed = hop.outcome in FAILED
    return {
        "traceId": hop.trace_id,
        "spanId": hop.span_id,
        "parentSpanId": hop.producer_span_id,
        "name": f"process {hop.event}",
        "kind": CONSUMER,
        "startTimeUnixNano": _nanoseconds(hop.started_ms),
        "endTimeUnixNano": _nanoseconds(hop.ended_ms),
        "attributes": _attributes(
            {
                **_of_message(hop.event, hop.event_id, hop.correlation_id),
                "messaging.operation.type": "process",
                "fanout.outcome": hop.outcome,
                "fanout.tries": hop.tries,
                "fanout.receives": hop.receives,
                "fanout.wait_ms": hop.wait_ms,
                "faas.version": hop.version,
            }
        ),
        "status": {"code": ERROR, "message": hop.outcome} if failed else {},
    }


def producer_span(
    event: str, event_id: str, correlation_id: str, *, trace: str, span: str, parent: str | None, at_ms: float
) -> Span:
    """An event's publication.

    :param event: ``<source>/<Name>``; empty where it is not known.
    :param parent: the span of the try that published it; None for a root.
    :param at_ms: when, in milliseconds since 1970.
    """
    return {
        "traceId": trace,
        "spanId": span,
        **({"parentSpanId": parent} if parent else {}),
        "name": f"send {event}".strip(),
        "kind": PRODUCER,
        "startTimeUnixNano": _nanoseconds(at_ms),
        "endTimeUnixNano": _nanoseconds(at_ms),
        "attributes": _attributes({**_of_message(event, event_id, correlation_id), "messaging.operation.type": "send"}),
        "status": {},
    }


def published_spans(hop: Hop) -> list[Span]:
    """The publications of what the try published. A try that is told as a duplicate has published again, under the
    same ids, what the first one had: its spans are the first one's."""
    if hop.outcome != Outcome.HANDLED:
        return []
    return [
        producer_span(
            "",
            event_id,
            hop.correlation_id,
            trace=hop.trace_id,
            span=span_id(event_id),
            parent=hop.span_id,
            at_ms=hop.ended_ms,
        )
        for event_id in hop.published
    ]


def request_of(spans: Iterable[tuple[str, Span]], namespace: str) -> dict[str, Any]:
    """The body of ``POST /v1/traces``.

    :param spans: each with the service that it is of: a worker's name.
    :param namespace: the deployment's.
    """
    by_service = groupby(sorted(spans, key=lambda each: each[0]), key=lambda each: each[0])
    return {
        "resourceSpans": [
            {
                "resource": {"attributes": _attributes({"service.name": name, "service.namespace": namespace})},
                "scopeSpans": [{"scope": {"name": "fanout"}, "spans": [span for _, span in group]}],
            }
            for name, group in by_service
        ]
    }


RETRYABLE = frozenset({429, 502, 503, 504})
"""https://opentelemetry.io/docs/specs/otlp/#failures-1"""


def export(
    url: str, body: Mapping[str, Any], *, headers: Mapping[str, str] | None = None, timeout_s: float = 10.0
) -> int:
    """Send the spans; returns how many the collector refused of those.

    :param url: of the collector; ``/v1/traces`` is added to one without a path. X-Ray's,
        ``https://xray.<region>.amazonaws.com``, gets a signature of the process's own credentials.
    :raises ExportError: it did not take them.
    """
    fields = {"content-type": "application/json", "content-encoding": "gzip", **(headers or {})}
    content = gzip.compress(orjson.dumps(body))
    request = Request(endpoint(url), content, _signed(endpoint(url), fields, content))
    try:
        with urlopen(request, timeout=timeout_s) as response:
            answer = response.read()
    except HTTPError as error:
        with error:  # it is the response too
            text = error.read(500).decode(errors="replace")
        raise ExportError(f"{url}: {error.code}: {text}", may_pass=error.code in RETRYABLE) from error
    except (URLError, TimeoutError, OSError) as error:
        raise ExportError(f"{url}: {getattr(error, 'reason', error)}", may_pass=True) from error
    return _refused(answer)


def endpoint(url: str) -> str:
    """Where traces go: as an exporter's general endpoint is read, unless the URL has a path
    (https://opentelemetry.io/docs/specs/otel/protocol/exporter/#endpoint-urls-for-otlphttp).

    :raises ExportError: it is no URL of HTTP.
    """
    if not url.startswith(("http://", "https://")):
        raise ExportError(f"{url}: must begin with http:// or https://", may_pass=False)
    scheme, _, rest = url.partition("://")
    host, _, path = rest.partition("/")
    return url if path else f"{scheme}://{host}/v1/traces"


def _signed(url: str, fields: Mapping[str, str], content: bytes) -> Mapping[str, str]:
    """The header fields as X-Ray wants them, and no other collector
    (https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch-OTLPEndpoint.html)."""
    parts = urlsplit(url)
    found = XRAY.fullmatch(parts.netloc)
    if found is None:
        return fields
    return signed_headers(
        _credentials(url),
        service="xray",
        region=found["region"],
        host=parts.netloc,
        headers=fields,
        body=content,
        path=parts.path,
    )


def _credentials(url: str) -> Credentials:
    found = Credentials.found()
    if found is None:
        raise ExportError(f"{url}: is signed for, and there are no AWS credentials", may_pass=False)
    return found


def _refused(answer: bytes) -> int:
    try:
        said = orjson.loads(answer or b"{}")
        return int((said.get("partialSuccess") or {}).get("rejectedSpans") or 0)
    except (ValueError, AttributeError):
        return 0


def _of_message(event: str, event_id: str, correlation_id: str) -> dict[str, Any]:
    return {
        "messaging.system": "aws_eventbridge",
        "messaging.destination.name": event or None,
        "messaging.message.id": event_id,
        "messaging.message.conversation_id": correlation_id,
    }


def _attributes(values: Mapping[str, str | int | None]) -> Sequence[Mapping[str, Any]]:
    return [
        {"key": key, "value": {"stringValue": value} if isinstance(value, str) else {"intValue": str(value)}}
        for key, value in values.items()
        if value is not None
    ]


def _nanoseconds(ms: float) -> str:
    """As OTLP's JSON writes 64-bit numbers: in a text."""
    return str(int(ms * 1_000) * 1_000)
