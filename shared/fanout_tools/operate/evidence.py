"""What is known of an event, wherever it was read: the views' input, and nothing but data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from fanout.events.envelope import Envelope
from fanout.tracing.hops import Hop

__all__ = [
    "Evidence",
    "Execution",
    "Failure",
    "GatherState",
    "QueueState",
    "Record",
    "RecordState",
    "Written",
    "as_delivered",
    "seconds",
]


class RecordState(StrEnum):
    """What a worker's idempotency store says of an event."""

    COMPLETED = "completed"
    HELD = "held"
    """An execution has it, until the lock expires."""
    DIED = "died"
    """The lock has expired, and nobody said what became of the event."""
    RELEASED = "released"
    """Given back after a try that failed; with no tries: after its message went to the DLQ."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One event in one worker's idempotency store. Times are seconds since 1970."""

    worker: str
    event: str
    """``<source>/<Name>``."""
    event_id: str
    key: str
    state: RecordState
    tries: int = 1
    owner: str = ""
    locked_until: float = 0.0
    completed_at: float | None = None
    """To the second: when it is forgotten, less how long it is remembered."""
    pending: tuple[Envelope, ...] = ()
    """Committed with it, and perhaps not yet on the bus."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A message that was given up: in a worker's DLQ, or that of a hop before it; or a try that failed."""

    event_id: str
    cause: str
    place: str | None = None
    """File and line in the worker's code."""
    attempts: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueState:
    """A worker's queue as it is now."""

    messages: int
    """Waiting, in flight and delayed; approximate, and up to a minute old."""
    oldest_s: float | None = None
    """Age of the oldest message; None: not known."""
    paused: bool = False
    """Nothing is taken from the queue: its event source mapping is disabled."""
    paused_by: str = ""
    """Since when, by whom and why, as the journal has it."""
    deployed_at: float | None = None
    """When its newest version was made; None: not known."""
    created_at: float | None = None
    dead: int | None = None
    """Messages in its DLQ."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GatherState:
    """What a worker scattered, and how far it is."""

    gather_id: str
    into: str
    total: int
    done: int
    due_at: float
    closed: bool
    compensates: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """An event's execution of a workflow."""

    workflow: str
    status: str
    started_at: float
    ended_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """An event in the outbox."""

    envelope: Envelope
    relayed: bool
    refused: str | None = None


@dataclass(slots=True, kw_only=True)
class Evidence:
    """All that was found. Grows while it is looked for; a view reads it only."""

    now: float
    records: dict[str, dict[str, Record]] = field(default_factory=dict)
    """By event id and worker."""
    logs_read: bool = False
    """Whether the workers' logs were searched, so that what they do not tell did not happen then."""
    envelopes: dict[str, Envelope] = field(default_factory=dict)
    """Of events whose data are at hand, by event id."""
    dead: dict[tuple[str, str], Failure] = field(default_factory=dict)
    """By worker and event id."""
    failures: dict[tuple[str, str], Failure] = field(default_factory=dict)
    """The last one that its log tells of, by worker and event id."""
    dead_read: frozenset[str] = frozenset()
    """The workers whose DLQ was read to its end."""
    undelivered: dict[tuple[str, str], Failure] = field(default_factory=dict)
    """What did not reach a worker's queue, by worker and event id."""
    queues: dict[str, QueueState] = field(default_factory=dict)
    gathers: dict[str, GatherState] = field(default_factory=dict)
    outbox: dict[str, Written] = field(default_factory=dict)
    """By event id."""
    executions: dict[str, list[Execution]] = field(default_factory=dict)
    """By event id."""
    names: dict[str, str] = field(default_factory=dict)
    """``<source>/<Name>`` of an event, by its id."""

    _publishers: dict[str, Hop] = field(default_factory=dict)
    _of_event: dict[str, list[Hop]] = field(default_factory=dict)

    def add_record(self, record: Record) -> None:
        """What a worker's store told."""
        self.records.setdefault(record.event_id, {})[record.worker] = record
        self.names.setdefault(record.event_id, record.event)

    def add_hops(self, hops: Iterable[Hop]) -> None:
        """What log lines told, each once."""
        for hop in hops:
            known = self._of_event.setdefault(hop.event_id, [])
            if hop in known:
                continue
            known.append(hop)
            self._publishers |= dict.fromkeys(hop.published, hop)
            if hop.event:
                self.names.setdefault(hop.event_id, hop.event)

    @property
    def hops(self) -> list[Hop]:
        """All of them."""
        return [hop for hops in self._of_event.values() for hop in hops]

    def hops_of(self, event_id: str) -> Sequence[Hop]:
        """Of one event, in order."""
        return sorted(self._of_event.get(event_id, ()), key=lambda hop: (hop.started_ms, hop.receives))

    def tries(self, worker: str, event_id: str) -> Sequence[Hop]:
        """The worker's at the event, in order."""
        return [hop for hop in self.hops_of(event_id) if hop.worker == worker]

    def record(self, worker: str, event_id: str) -> Record | None:
        """The worker's of the event."""
        return self.records.get(event_id, {}).get(worker)

    def holders(self, event_id: str) -> set[str]:
        """The workers that are known to have had the event."""
        return {*self.records.get(event_id, {}), *(hop.worker for hop in self._of_event.get(event_id, ()))}

    def caused(self, event_id: str) -> bool:
        """Whether a worker's try is known to have published the event."""
        return event_id in self._publishers

    def known(self, event_id: str) -> bool:
        """Whether anything tells that there was such an event."""
        return event_id in self.names

    def published_at(self, event_id: str) -> float | None:
        """When the event was published, in seconds since 1970: as its envelope says, or at the latest by what else is
        known; None where nothing is."""
        envelope = self.envelopes.get(event_id)
        if envelope is not None and (moment := seconds(envelope.metadata.published_at)) is not None:
            return moment
        times = [hop.sent_ms / 1000 for hop in self._of_event.get(event_id, ()) if hop.sent_ms]
        times += [self._publishers[event_id].ended_ms / 1000] if event_id in self._publishers else []
        if not times:
            times = [each.completed_at for each in self.records.get(event_id, {}).values() if each.completed_at]
        return min(times, default=None)


def seconds(iso: str) -> float | None:
    """Since 1970; None of what is no time."""
    try:
        moment = datetime.fromisoformat(iso)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def as_delivered(envelope: Envelope) -> Mapping[str, object]:
    """The event as EventBridge's patterns see it."""
    native = envelope.source.startswith("aws.")
    detail = envelope.data if native else {"metadata": envelope.metadata.to_json(), "data": dict(envelope.data)}
    return {"version": "0", "source": envelope.source, "detail-type": envelope.name, "detail": detail}
