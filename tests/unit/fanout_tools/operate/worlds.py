"""A bus on paper: events that workers handle, publish by, miss and lose, and the records and lines that this leaves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from fanout.events.envelope import Envelope, Metadata
from fanout.idempotency.store import derived_id, event_key
from fanout_tools.declarations.naming import Names
from fanout_tools.declarations.worker import Manifest
from fanout_tools.operate.dead_letters import DeadLetter
from fanout_tools.operate.evidence import Execution, GatherState, QueueState, Record, RecordState, Written
from fanout_tools.operate.sources.records import Probe
from fanout_tools.operate.topology import Place, Topology, WorkerPlace
from fanout_tools.operate.views.why import Fate

NOW = 1_800_000_000.0


def manifest(*events: str, publishes: Sequence[str] = (), **more: Any) -> Manifest:
    """A worker that takes these events."""
    subscribes = [{"event": event} for event in events]
    return Manifest.parse(
        {"description": "d", "subscribes": subscribes, "publishes": list(publishes), **more}, file="worker.yaml"
    )


def topology(manifests: Mapping[str, Manifest]) -> Topology:
    return Topology.made(
        manifests, Names("fanout-test"), Place("000000000000", "us-east-1", endpoint="http://emulator")
    )


def envelope(event: str, event_id: str, correlation_id: str, at: float = NOW - 3600, **data: Any) -> Envelope:
    source, _, name = event.partition("/")
    published = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
    metadata = Metadata(event_id=event_id, schema_version=1, correlation_id=correlation_id, published_at=published)
    return Envelope(source=source, name=name, metadata=metadata, data=data)


@dataclass
class Bus:
    """Delivers events to workers, and keeps what became of them: the truth that a trace is held against."""

    topology: Topology
    fates: Mapping[tuple[str, str], Fate]
    """Of an event's name in a worker; handled, where nothing is said."""
    publishes: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """What each worker's handler publishes, in order."""
    items: dict[str, Record] = field(default_factory=dict)
    log: list[dict[str, Any]] = field(default_factory=list)
    queued: dict[str, int] = field(default_factory=dict)
    truth: set[tuple[str, str, str]] = field(default_factory=set)
    """(worker, event id, fate) of each delivery."""
    dead_letters: dict[str, list[DeadLetter]] = field(default_factory=dict)
    """By queue."""
    calls: int = 0
    now: float = NOW

    def publish(self, event: str, event_id: str, correlation_id: str, depth: int = 0) -> None:
        """Deliver an event, and all that comes of it."""
        source, _, name = event.partition("/")
        for place in self.topology.subscribers(source, name):
            fate = self.fates.get((event, place.name), Fate.HANDLED)
            self.truth.add((place.name, event_id, fate.value))
            key = event_key(place.name, envelope(event, event_id, correlation_id))
            caused = [
                (each, derived_id(key, str(number)))
                for number, each in enumerate(self.publishes.get(place.name, ()) if depth < 2 else ())
            ]
            self._leave(place, event, event_id, correlation_id, key, fate, [each for _, each in caused])
            if fate is Fate.HANDLED:
                for child, child_id in caused:
                    self.publish(child, child_id, correlation_id, depth + 1)

    def _leave(
        self,
        place: WorkerPlace,
        event: str,
        event_id: str,
        correlation_id: str,
        key: str,
        fate: Fate,
        caused: list[str],
    ) -> None:
        states = {
            Fate.HANDLED: RecordState.COMPLETED,
            Fate.HELD: RecordState.HELD,
            Fate.RETRYING: RecordState.RELEASED,
            Fate.DEAD: RecordState.RELEASED,
        }
        if fate in states:
            self.items[key] = Record(
                worker=place.name,
                event=event,
                event_id=event_id,
                key=key,
                state=states[fate],
                tries=0 if fate is Fate.DEAD else 1,
                locked_until=self.now + 30,
                completed_at=self.now - 3500,
            )
        if fate in (Fate.HANDLED, Fate.RETRYING, Fate.DEAD):
            outcome = {Fate.HANDLED: "handled", Fate.RETRYING: "retried", Fate.DEAD: "rejected"}[fate]
            other = correlation_id if correlation_id != event_id else None
            sent = int((self.now - 3510) * 1000)
            account = [event_id, other, event, "s", sent, 5, sent + 10, 2.5, 1, 1, outcome, caused]
            self.log.append({"worker": place.name, "_aws": {"Timestamp": sent + 20}, "spans": [account]})
        if fate is Fate.WAITING:
            self.queued[place.name] = self.queued.get(place.name, 0) + 1

    # As sources.

    def records(self, probes: Sequence[Probe]) -> list[Record]:
        self.calls += -(-len(probes) // 100)
        return [self.items[probe.key] for probe in probes if probe.key in self.items]

    def gathers(self, table: str, ids: Iterable[str]) -> list[GatherState]:
        return []

    def outbox(self, table: str, keys: Iterable[tuple[str, str, str]]) -> Mapping[str, Written]:
        return {}

    def lines(self, text: str, since: float, until: float) -> list[Mapping[str, Any]]:
        return [line for line in self.log if text in str(line)]

    def queues(self, workers: Iterable[WorkerPlace]) -> Mapping[str, QueueState]:
        return {
            place.name: QueueState(messages=self.queued.get(place.name, 0), created_at=1.0, dead=1) for place in workers
        }

    def executions(self, workflow: str, event_ids: Mapping[str, float]) -> list[tuple[str, Execution]]:
        return []

    def letters(self, queue_url: str, max_receives: int) -> tuple[list[DeadLetter], bool]:
        return self.dead_letters.get(queue_url.rpartition("/")[2], []), False
