"""Which time may be replayed to a worker, and what tells which of its events have been handled.

A replay ends at least :data:`ARCHIVED_S` ago, the time that an event may need into the archive
(https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-replay-archived-event.html).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from fanout_tools.operate.topology import WorkerPlace

__all__ = ["ARCHIVED_S", "FencedBy", "Span", "refusal"]

ARCHIVED_S = 600


@dataclass(frozen=True, slots=True)
class Span:
    """From when to when, in seconds since 1970."""

    begin: float
    end: float


class FencedBy(StrEnum):
    """What tells which events have been handled."""

    RECORDS = "records"
    """The worker's idempotency store, as far back as it remembers."""
    LOGS = "logs"
    """That, and the worker's log, as far back as it is kept."""


def refusal(
    worker: WorkerPlace, span: Span, now: float, *, beyond_fence: bool, fence: FencedBy = FencedBy.RECORDS
) -> str:
    """Why this span may not be replayed, or nothing."""
    if span.begin >= span.end:
        return "it begins after its end"
    if span.end > now - ARCHIVED_S:
        return f"it ends less than {ARCHIVED_S // 60} min ago: events need as long into the archive"
    if beyond_fence:
        return ""
    if fence is FencedBy.LOGS:
        return _unlogged(worker)
    if worker.records_table is None:
        return f"worker {worker.name} remembers nothing (idempotency: off): every event would have a second effect"
    remembered = now - worker.manifest.ttl_s
    if span.begin < remembered:
        return (
            f"worker {worker.name} remembers events since {_iso(remembered)} only: those before would have a second "
            "effect"
        )
    return ""


def _unlogged(worker: WorkerPlace) -> str:
    """Why the worker's log cannot say what it has handled, or nothing."""
    key = worker.manifest.idempotency.key
    if not key:
        return ""
    return (
        f"worker {worker.name} knows events by {', '.join(key)} (idempotency.key), and its log by their ids: another "
        "event with the same key would have a second effect"
    )


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
