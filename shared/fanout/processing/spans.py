"""The compact account of each record in a batch's metrics line, by which the way of any event can be followed.

``[event_id, correlation_id, source/Name, subject, sent_ms, first_wait_ms, begin_ms, took_ms, tries, receives, outcome,
[published event ids]]``: the correlation id is null where it equals the event's id, times are in milliseconds, since
1970 but for the two durations, and what is not known is null. Trailing lists that would be empty are left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from fanout.processing.delivery import Delivery

__all__ = ["MAX_SPANS", "span_lines"]

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
        record.receive_count if delivery.claim is None else delivery.claim.tries,
        record.receive_count,
        None if delivery.outcome is None else delivery.outcome._value_,
    ]
    if delivery.published:
        span.append([published.metadata.event_id for published in delivery.published])
    return span
