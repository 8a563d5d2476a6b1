"""What log lines tell of each record: a compact account in the batch's metrics line, and the cause of a failure.

An account is ``[event_id, correlation_id, source/Name, subject, sent_ms, first_wait_ms, begin_ms, took_ms, tries,
receives, outcome, [published event ids], traceparent]``: the correlation id is null where it equals the event's id,
times are in milliseconds, since 1970 but for the two durations, and what is not known is null. The last two are left
out where nothing was published, and where the event's trace follows from its ids.
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Iterator, Sequence
from typing import Any

from fanout.events.envelope import Metadata, new_traceparent, trace_id
from fanout.processing.delivery import Delivery

__all__ = ["MAX_SPANS", "failure_fields", "place_of", "span_lines"]

MAX_SPANS = 200
"""Of one log line, which CloudWatch takes up to 256 KB of
(https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html)."""


def span_lines(deliveries: Sequence[Delivery]) -> Iterator[list[list[Any]]]:
    """The spans of a batch, as many as go into each of its lines."""
    for start in range(0, len(deliveries), MAX_SPANS):
        yield [_span(delivery) for delivery in deliveries[start : start + MAX_SPANS]]


def _span(delivery: Delivery) -> list[Any]:
    record, envelope = delivery.record, delivery.envelope
    event_id = correlation_id = subject = identifier = None
    if envelope is not None:
        metadata = envelope.metadata
        event_id, identifier, subject = metadata.event_id, envelope.identifier, metadata.subject
        correlation_id = metadata.correlation_id if metadata.correlation_id != event_id else None
    sent_ms, first_ms = record.sent_ms, record.first_received_ms
    span: list[Any] = [
        event_id,
        correlation_id,
        identifier,
        subject,
        sent_ms or None,
        first_ms - sent_ms if sent_ms and first_ms else None,
        int(delivery.began_at * 1000) or None,
        int(delivery.took_s * 10_000) / 10 if delivery.begun else None,
        record.receive_count if delivery.lock is None else delivery.lock.tries,
        record.receive_count,
        None if delivery.outcome is None else delivery.outcome._value_,
    ]
    published = [published.metadata.event_id for published in delivery.published]
    traceparent = None if envelope is None else _foreign_trace(envelope.metadata)
    if published or traceparent:
        span.append(published)
    if traceparent:
        span.append(traceparent)
    return span


def _foreign_trace(metadata: Metadata) -> str | None:
    """The event's context, where its trace is not the correlation's own. That is told by the trace alone, without the
    hash of the event's id: each record passes here."""
    traceparent = metadata.traceparent
    if traceparent is None or traceparent[3:35] == metadata.correlation_id.replace("-", ""):
        return None
    return None if traceparent == new_traceparent(metadata.event_id, metadata.correlation_id) else traceparent


_LIBRARIES = (
    f"{os.path.dirname(os.path.dirname(__file__))}/",
    "/site-packages/",
    "/lib/python3.",
    "/opt/python/",
    "/var/runtime/",
)


def failure_fields(delivery: Delivery) -> dict[str, Any]:
    """outcome, error_type, error_at (file:line in the worker's own code) and trace_id, as far as they are known."""
    envelope = delivery.envelope
    fields = {
        "outcome": delivery.outcome,
        "tries": delivery.tries,
        "error_type": None if delivery.cause is None else type(delivery.cause).__name__,
        "error_at": None if delivery.cause is None else place_of(delivery.cause),
        "trace_id": trace_id(envelope.metadata.traceparent) if envelope is not None else None,
    }
    return {name: value for name, value in fields.items() if value is not None}


def place_of(error: BaseException) -> str | None:
    """The innermost line of the worker's own code in the traceback; of any code, where none is the worker's."""
    frames = list(traceback.walk_tb(error.__traceback__))
    if not frames:
        return None
    own = [frame for frame in frames if not any(part in frame[0].f_code.co_filename for part in _LIBRARIES)]
    frame, line = (own or frames)[-1]
    return f"{'/'.join(frame.f_code.co_filename.split('/')[-2:])}:{line}"
