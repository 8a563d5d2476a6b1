"""What a batch's metrics line tells of each record: :mod:`fanout.processing.accounts` writes it, this reads it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from fanout.events.envelope import new_traceparent, span_id, trace_id
from fanout.outcomes import Outcome

__all__ = ["Hop", "hops_of"]

_PLACES = 13
"""Of an account, the last two of which may be left out."""


class Hop(NamedTuple):
    """One record of one batch: a worker's try at an event, or why it was none."""

    worker: str
    event_id: str
    correlation_id: str
    event: str
    """``<source>/<Name>``."""
    subject: str | None
    sent_ms: int | None
    """When the message was put into the worker's queue, in milliseconds since 1970."""
    wait_ms: int | None
    """From then until its first receive."""
    begin_ms: int | None
    """When the handler began; None: it did not."""
    took_ms: float | None
    tries: int
    receives: int
    outcome: str
    """One of :class:`fanout.outcomes.Outcome`."""
    published: tuple[str, ...]
    """The ids of the events that the handler published."""
    traceparent: str
    """The event's W3C trace context."""
    version: str | None
    """Of the function."""
    logged_ms: int
    """When the batch was done."""

    @property
    def trace_id(self) -> str:
        """32 hexadecimal digits."""
        return trace_id(self.traceparent) or new_traceparent(self.event_id, self.correlation_id)[3:35]

    @property
    def producer_span_id(self) -> str:
        """The span of the event's publication."""
        return self.traceparent.split("-")[2] if trace_id(self.traceparent) else span_id(self.event_id)

    @property
    def sampled(self) -> bool:
        """Whether the trace is to be recorded (https://www.w3.org/TR/trace-context/#sampled-flag)."""
        return self.traceparent.endswith(("1", "3", "5", "7", "9", "b", "d", "f"))

    @property
    def span_id(self) -> str:
        """Of this try: it follows from worker, event and the number of the receive. A duplicate is another message,
        with receives of its own."""
        other = f"/{self.sent_ms}" if self.outcome == Outcome.DUPLICATE else ""
        return span_id(f"{self.worker}/{self.event_id}/{self.receives}{other}")

    @property
    def started_ms(self) -> int:
        """When the worker had the record, as far as it is known."""
        if self.begin_ms is not None:
            return self.begin_ms
        if self.sent_ms is not None and self.wait_ms is not None:
            return min(self.logged_ms, self.sent_ms + self.wait_ms)
        return self.logged_ms

    @property
    def ended_ms(self) -> float:
        return self.started_ms + (self.took_ms or 0.0)


def hops_of(line: Mapping[str, Any]) -> Iterator[Hop]:
    """The records of a metrics line that were events; none of any other line."""
    accounts, worker = line.get("spans"), line.get("worker")
    if not isinstance(accounts, list) or not isinstance(worker, str):
        return
    logged_ms, version = line.get("_aws", {}).get("Timestamp", 0), line.get("function_version")
    for account in accounts:
        if isinstance(account, list) and 11 <= len(account) <= _PLACES and account[0] is not None:
            yield _hop(worker, account, version, logged_ms)


def _hop(worker: str, account: Sequence[Any], version: str | None, logged_ms: int) -> Hop:
    event_id, correlation_id, event, subject, sent, wait, begin, took, tries, receives, outcome = account[:11]
    published = account[11] if len(account) > 11 else ()
    traceparent = account[12] if len(account) > 12 else None
    correlation_id = correlation_id or event_id
    return Hop(
        worker=worker,
        event_id=event_id,
        correlation_id=correlation_id,
        event=event or "",
        subject=subject,
        sent_ms=sent,
        wait_ms=wait,
        begin_ms=begin,
        took_ms=took,
        tries=tries or 0,
        receives=receives or 0,
        outcome=outcome or "",
        published=tuple(published),
        traceparent=traceparent or new_traceparent(event_id, correlation_id),
        version=version,
        logged_ms=logged_ms,
    )
