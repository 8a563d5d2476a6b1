"""All of a deployment at a glance: each worker, what came to no worker, the workflows, what rings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fanout_tools.operate.sources.alarms import Alarm
from fanout_tools.operate.sources.depths import Depth
from fanout_tools.operate.sources.functions import Mapped
from fanout_tools.operate.topology import Topology, WorkerPlace

__all__ = ["ORDERS", "Facts", "Overview", "UnheardRow", "WorkerRow", "WorkflowRow", "overview"]


@dataclass(frozen=True)
class Facts:
    """What the sources know; what one of them does not know of is left out."""

    depths: Mapping[str, Depth | None]
    """By URL; None: there is no such queue."""
    counts: Mapping[str, Mapping[str, int]]
    """Records by outcome, by worker."""
    alarms: Sequence[Alarm] = ()
    died: Mapping[str, int] = field(default_factory=dict)
    """Invocations that did not end by themselves, by worker."""
    ages_s: Mapping[str, float] = field(default_factory=dict)
    """Of the oldest message, by queue."""
    executions: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    mapped: Mapping[str, Mapped | None] = field(default_factory=dict)
    """The workers that were asked about; None: nobody takes from the worker's queue."""
    last_errors: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class WorkerRow:
    """One worker."""

    worker: str
    waiting: int | None
    """None: there is no such queue."""
    in_flight: int | None
    dead: int | None
    """In its DLQ."""
    age_s: float | None
    """Of its oldest message; None: not known."""
    received: int
    handled: int
    duplicates: int
    retried: int
    rejected: int
    died: int | None
    """Invocations that did not end by themselves; None: not known."""
    per_s: float
    """Records a second."""
    paused: bool
    last_error: str | None
    troubles: tuple[str, ...]
    """What a person has to look at, the worst first."""

    def to_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


@dataclass(frozen=True)
class UnheardRow:
    """A queue of events that came to no worker."""

    queue: str
    events: int
    holds: str
    """Why they are there."""

    def to_json(self) -> dict[str, Any]:
        return {"queue": self.queue, "events": self.events, "holds": self.holds}


@dataclass(frozen=True)
class WorkflowRow:
    """A workflow's executions."""

    workflow: str
    started: int
    succeeded: int
    failed: int
    """With those that were aborted, or had no time left."""

    def to_json(self) -> dict[str, Any]:
        return {
            "workflow": self.workflow,
            "started": self.started,
            "succeeded": self.succeeded,
            "failed": self.failed,
        }


@dataclass(frozen=True)
class Overview:
    """All of it."""

    namespace: str
    seconds: float
    """How far back was counted."""
    workers: tuple[WorkerRow, ...]
    unheard: tuple[UnheardRow, ...]
    workflows: tuple[WorkflowRow, ...]
    alarms: tuple[Alarm, ...]

    @property
    def stuck(self) -> bool:
        """Whether anything waits for a person."""
        return any(self.troubles)

    @property
    def troubles(self) -> Iterator[str]:
        """A line for each, the worst first."""
        for it in self.unheard:
            if it.events:
                yield f"{it.events} in {it.queue}: {it.holds}"
        for row in self.workers:
            yield from (f"{row.worker}: {trouble}" for trouble in row.troubles)
        for flow in self.workflows:
            if flow.failed:
                yield f"workflow {flow.workflow}: {flow.failed} executions failed"
        yield from (f"alarm {alarm.name}: {alarm.description}" for alarm in self.alarms)

    def to_json(self) -> Iterator[dict[str, Any]]:
        """An object for each thing."""
        yield from (row.to_json() for row in self.workers)
        yield from (it.to_json() for it in self.unheard)
        yield from (flow.to_json() for flow in self.workflows)
        for alarm in self.alarms:
            yield {"alarm": alarm.name, "description": alarm.description, "since": alarm.since}


ORDERS = {
    "trouble": lambda row: (-len(row.troubles), row.worker),
    "waiting": lambda row: (-(row.waiting or 0), row.worker),
    "dead": lambda row: (-(row.dead or 0), row.worker),
    "age": lambda row: (-(row.age_s or 0.0), row.worker),
    "rate": lambda row: (-row.per_s, row.worker),
    "failed": lambda row: (-row.retried - row.rejected - (row.died or 0), row.worker),
    "name": lambda row: row.worker,
}
"""How the workers' rows can stand."""


def overview(topology: Topology, workers: Iterable[WorkerPlace], facts: Facts, seconds: float) -> Overview:
    """The page over these workers."""
    return Overview(
        topology.names.namespace,
        seconds,
        tuple(sorted((_worker(it, facts, seconds) for it in workers), key=ORDERS["name"])),
        tuple(_unheard(topology, facts)),
        tuple(_workflow(name, facts) for name in topology.workflows if name in facts.executions),
        tuple(facts.alarms),
    )


def _unheard(topology: Topology, facts: Facts) -> Iterator[UnheardRow]:
    for queue, holds in topology.unheard_queues.items():
        depth = facts.depths.get(topology.place.queue_url(queue))
        if depth is not None:
            yield UnheardRow(queue, depth.held, holds)


def _workflow(name: str, facts: Facts) -> WorkflowRow:
    ends = facts.executions[name]
    failed = sum(ends.get(f"Executions{end}", 0) for end in ("Failed", "TimedOut", "Aborted"))
    return WorkflowRow(name, ends.get("ExecutionsStarted", 0), ends.get("ExecutionsSucceeded", 0), failed)


def _worker(worker: WorkerPlace, facts: Facts, seconds: float) -> WorkerRow:
    main, dead = facts.depths.get(worker.queue_url), facts.depths.get(worker.dead_letter_queue_url)
    counts = facts.counts.get(worker.name, {})
    received = sum(number for name, number in counts.items() if name != "received")
    mapped = facts.mapped.get(worker.name)
    return WorkerRow(
        worker=worker.name,
        waiting=main.waiting if main else None,
        in_flight=main.in_flight if main else None,
        dead=dead.held if dead else None,
        age_s=facts.ages_s.get(worker.queue),
        received=received,
        handled=counts.get("handled", 0),
        duplicates=counts.get("duplicates", 0),
        retried=counts.get("retried", 0),
        rejected=counts.get("rejected", 0),
        died=facts.died.get(worker.name),
        per_s=round(received / seconds, 3) if seconds else 0.0,
        paused=mapped is not None and mapped.paused,
        last_error=facts.last_errors.get(worker.name),
        troubles=tuple(_troubles(worker, facts, main, dead)),
    )


def _troubles(worker: WorkerPlace, facts: Facts, main: Depth | None, dead: Depth | None) -> Iterator[str]:
    if main is None or dead is None:
        yield "is not deployed"
        return
    if dead.held:
        yield f"{dead.held} in its DLQ: fanout dlq group {worker.name}"
    if worker.name in facts.mapped:
        yield from _untaken(worker.name, facts.mapped[worker.name], main)
    age_s, slo_s = facts.ages_s.get(worker.queue), worker.manifest.slo.age_s
    if age_s is not None and age_s > slo_s:
        yield f"its oldest event waits for {age_s:.0f} s; its slo.age_s is {slo_s}"
    if died := facts.died.get(worker.name):
        yield f"{died} of its invocations died: fanout logs {worker.name}"


def _untaken(worker: str, mapped: Mapped | None, main: Depth) -> Iterator[str]:
    if mapped is None:
        yield "nobody takes from its queue: there is no event source mapping"
    elif mapped.paused and main.held:
        yield f"is paused, and {main.held} wait: fanout resume {worker}"
