"""Gathers the evidence on an event: what there is by key at once, level by level, then what logs and queues add.

The idempotency stores are the index. Their keys name the worker and the event, and the ids of what an event caused
follow from its key, so that a tree is computed and asked for. Nothing is kept for it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from fanout.errors import EventError, FanoutError
from fanout.events.envelope import Envelope
from fanout.idempotency.store import event_key, id_key
from fanout.tracing.hops import hops_of
from fanout_tools.operate.dead_letters import DeadLetter, Kind
from fanout_tools.operate.evidence import Evidence, Execution, Failure, GatherState, QueueState, Record, Written
from fanout_tools.operate.sources.hops import failure_in, ordered
from fanout_tools.operate.sources.records import Probe
from fanout_tools.operate.topology import Topology, WorkerPlace
from fanout_tools.operate.views.trace import Trace, caused_ids, gather_ids, of_gather, trace
from fanout_tools.operate.views.why import Fate

__all__ = ["NotFoundError", "Search", "Sources"]

AROUND_S = 900.0
"""Before and after what is known of an event's time, that logs are searched for it."""

UNDELIVERED = (Kind.UNDELIVERED_BY_EVENTBRIDGE, Kind.UNDELIVERED_BY_SNS)

TIMERS = ("fanout.gather/WokenUp", "fanout.gather/PartWasLate", "fanout.gather/PartReported")
"""Messages in a gathering worker's own queue: they say nothing that the gather does not."""


class NotFoundError(FanoutError):
    """Neither records nor logs know the event."""

    exit_code = 3


class Sources(Protocol):
    """Where the evidence is read."""

    def records(self, probes: Sequence[Probe]) -> list[Record]: ...

    def gathers(self, table: str, ids: Iterable[str]) -> list[GatherState]: ...

    def outbox(self, table: str, keys: Iterable[tuple[str, str, str]]) -> Mapping[str, Written]: ...

    def lines(self, text: str, since: float, until: float) -> Iterable[Mapping[str, Any]]: ...

    def queues(self, workers: Iterable[WorkerPlace]) -> Mapping[str, QueueState]: ...

    def executions(self, workflow: str, event_ids: Mapping[str, float]) -> Iterable[tuple[str, Execution]]: ...

    def letters(self, queue_url: str, max_receives: int) -> tuple[Sequence[DeadLetter], bool]:
        """What is in a dead-letter queue, and whether that is all; nothing of one that may not be read."""


@dataclass
class Search:
    """One question, and what was found for it so far.

    :ivar topology: of the deployment.
    :ivar workflow_events: what begins each workflow, ``<source>/<Name>`` by its name.
    :ivar since: how far back logs are searched for an event of which nothing else is known, in seconds since 1970.
    """

    topology: Topology
    sources: Sources
    workflow_events: Mapping[str, str] = field(default_factory=dict)
    read_logs: bool = True
    since: float = 0.0
    clock: Callable[[], float] = time.time
    evidence: Evidence = field(init=False)

    def __post_init__(self) -> None:
        self.evidence = Evidence(now=self.clock())
        self._probed: set[tuple[str, str]] = set()
        self._causes: dict[str, set[str]] = {}

    def know(self, envelope: Envelope) -> None:
        """Take an event's data as they are given."""
        self.evidence.envelopes[envelope.metadata.event_id] = envelope
        self.evidence.names[envelope.metadata.event_id] = envelope.identifier

    def find(self, identity: str, event: str | None = None) -> list[str]:
        """Look for an event, or all events of a correlation; returns the ids of the roots of what was found.

        :param event: its ``<source>/<Name>``; else all that there are.
        :raises NotFoundError: there is nothing.
        """
        if event is not None:
            self.evidence.names[identity] = event
        self._follow([identity])
        self._search_logs(identity)
        root = next((hop.correlation_id for hop in self.evidence.hops_of(identity)), identity)
        if root != identity:
            self._follow([root])
            self._search_logs(root)
        self._follow([hop.event_id for hop in self.evidence.hops])
        roots = self._roots(identity, root)
        if not roots:
            back_to = time.strftime("%Y-%m-%d %H:%M", time.gmtime(self.since))
            raise NotFoundError(
                f"{identity}: no worker has a record of it, and no log line since {back_to} UTC tells of it; give its "
                "name with --event, or look further back with --since"
            )
        self._explain(roots)
        return roots

    def ask_about(self, place: WorkerPlace) -> None:
        """Read how a worker stands that may have no part in what was found."""
        if place.name not in self.evidence.queues:
            self.evidence.queues.update(self.sources.queues([place]))

    # What there is by key.

    def _follow(self, event_ids: Iterable[str]) -> None:
        """Look for these events and all that they caused."""
        new = list(dict.fromkeys(event_ids))
        while new:
            found = self.sources.records([p for each in new for p in self._probes(each)])
            for record in found:
                self.evidence.add_record(record)
                for envelope in record.pending:
                    self.know(envelope)
            self._read_gathers(found)
            new = [each for each in self._caused() if self._unasked(each)]

    def _probes(self, event_id: str) -> Iterator[Probe]:
        """Wherever a record of the event may be."""
        known = self.evidence.names.get(event_id)
        for event in [known] if known else self._candidates(event_id):
            if (event_id, event) in self._probed:
                continue
            self._probed.add((event_id, event))
            source, _, name = event.partition("/")
            for place in self.topology.subscribers(source, name):
                if place.records_table and (key := self._key(place, event, event_id)):
                    yield Probe(place.records_table, place.name, event, event_id, key, place.manifest.ttl_s)

    def _key(self, place: WorkerPlace, event: str, event_id: str) -> str | None:
        source, _, name = event.partition("/")
        paths = [tuple(each.split(".")) for each in place.manifest.idempotency.key]
        envelope = self.evidence.envelopes.get(event_id)
        if not paths:
            return id_key(place.name, source, name, event_id)
        if envelope is None:
            return None
        try:
            return event_key(place.name, envelope, paths)
        except EventError:
            return None

    def _candidates(self, event_id: str) -> list[str]:
        """What an event of which only the id is known may be."""
        if causes := self._causes.get(event_id):
            named = {event for worker in causes for event in self.topology.workers[worker].manifest.publishes}
        else:
            manifests = [place.manifest for place in self.topology.workers.values()]
            named = {s.event for manifest in manifests for s in manifest.subscribes if s.event != "*"}
            named |= {event for manifest in manifests for event in manifest.publishes}
        return sorted(named)

    def _caused(self) -> Iterator[str]:
        """The ids that events may have which those found have caused."""
        for record in self._records():
            gathers = [g for each in gather_ids(record) if (g := self.evidence.gathers.get(each))]
            ended = (each for gather in gathers for each in of_gather(gather))
            for event_id in [*caused_ids(record, gathers, self.evidence.known), *ended]:
                self._causes.setdefault(event_id, set()).add(record.worker)
                yield event_id

    def _records(self) -> list[Record]:
        return [record for of_event in self.evidence.records.values() for record in of_event.values()]

    def _unasked(self, event_id: str) -> bool:
        known = self.evidence.names.get(event_id)
        return any((event_id, each) not in self._probed for each in ([known] if known else self._candidates(event_id)))

    def _read_gathers(self, records: Iterable[Record]) -> None:
        for record in records:
            if self.topology.workers[record.worker].manifest.gathers:
                table = self.topology.names.gather_table(record.worker)
                found = self.sources.gathers(table, gather_ids(record))
                self.evidence.gathers |= {gather.gather_id: gather for gather in found}

    # Logs.

    def _search_logs(self, text: str) -> None:
        if not self.read_logs:
            return
        times = [record.completed_at for record in self._records() if record.completed_at]
        since = min(times) - AROUND_S if times else self.since
        until = max(times) + AROUND_S if times else self.evidence.now
        lines = list(self.sources.lines(text, since, min(until, self.evidence.now)))
        self.evidence.add_hops(h for line in lines for h in hops_of(line) if text in (h.event_id, h.correlation_id))
        for line in ordered(lines):
            if failure := failure_in(line):
                worker, event_id, told = failure
                self.evidence.failures[worker, event_id] = Failure(event_id=event_id, **told)
        self.evidence.logs_read = True

    def _roots(self, identity: str, root: str) -> list[str]:
        """The event at the root, if anything tells of it; else the one that was asked for, with whatever belongs to the
        correlation and was caused by nothing that is known."""
        if self.evidence.known(root):
            return [root]
        if self.evidence.known(identity):
            return [identity]
        known = [hop.event_id for hop in sorted(self.evidence.hops, key=lambda hop: hop.started_ms)]
        known = [each for each in dict.fromkeys(known) if self.evidence.names.get(each) not in TIMERS]
        return [each for each in known if not self.evidence.caused(each) and each not in self._causes]

    # Why there is nothing.

    def _explain(self, roots: Sequence[str]) -> None:
        """Read what the reasons for what is missing need."""
        self._name_children()
        manifests = {name: place.manifest for name, place in self.topology.workers.items()}
        self._read_outbox()
        self._read_executions()
        found = trace(roots, self.evidence, manifests)
        missing = {branch.worker for _, branch in found.branches() if branch.reason.fate is not Fate.HANDLED}
        places = [self.topology.workers[each] for each in sorted(missing)]
        self.evidence.queues.update(self.sources.queues(places))
        for place in places:
            state = self.evidence.queues.get(place.name)
            if state is not None and state.dead:
                self._read_dead_letters(place)
        self._read_undelivered(trace(roots, self.evidence, manifests))

    def _read_dead_letters(self, place: WorkerPlace) -> None:
        letters, whole = self.sources.letters(place.dead_letter_queue_url, place.manifest.queue.max_receives)
        for letter in letters:
            undelivered = letter.kind in UNDELIVERED
            self._keep(letter, [place.name], self.evidence.undelivered if undelivered else self.evidence.dead)
        self.evidence.dead_read |= {place.name} if whole else set()

    def _read_undelivered(self, found: Trace) -> None:
        """The hops before the queues of those that seem to have lost an event."""
        lost: dict[str, set[str]] = {}
        for node, branch in found.branches():
            if branch.reason.fate is Fate.LOST:
                place = self.topology.workers[branch.worker]
                for queue in self._before(place, node.event.partition("/")[0]):
                    lost.setdefault(queue, set()).add(place.name)
        for queue, workers in lost.items():
            letters, _ = self.sources.letters(self.topology.place.queue_url(queue), 1)
            for letter in letters:
                self._keep(letter, workers, self.evidence.undelivered)

    def _before(self, place: WorkerPlace, source: str) -> Iterator[str]:
        """The queues of what could not be delivered on the way to a worker's own."""
        names = self.topology.names
        if place.manifest.via == "topic":
            yield names.undelivered_queue(source)
        if place.undelivered_queue:
            yield place.undelivered_queue
        yield names.undelivered_bus_queue

    def _keep(self, letter: DeadLetter, workers: Iterable[str], kept: dict[tuple[str, str], Failure]) -> None:
        event_id = letter.event_id
        if event_id is None or not self.evidence.known(event_id):
            return
        if letter.envelope is not None:
            self.know(letter.envelope)
        cause = ": ".join(filter(None, (letter.cause, letter.text)))
        failure = Failure(
            event_id=event_id, cause=cause, place=letter.attributes.get("error_at"), attempts=letter.tries or None
        )
        kept |= {(worker, event_id): failure for worker in workers}

    def _name_children(self) -> None:
        """An event that nobody has a record of, and whose publisher publishes one kind only, is of that kind."""
        for hop in list(self.evidence.hops):
            publishes = (
                self.topology.workers[hop.worker].manifest.publishes if hop.worker in self.topology.workers else []
            )
            for event_id in hop.published:
                if len(publishes) == 1:
                    self.evidence.names.setdefault(event_id, publishes[0])

    def _read_outbox(self) -> None:
        if not any(place.manifest.outbox for place in self.topology.workers.values()):
            return
        subjects = {hop.subject for hop in self.evidence.hops if hop.subject}
        keys = [
            (partition, event, event_id)
            for event_id, workers in self._causes.items()
            for worker in workers
            if self.topology.workers[worker].manifest.outbox
            for event in self.topology.workers[worker].manifest.publishes
            for partition in (event_id, *subjects)
        ]
        found = self.sources.outbox(self.topology.names.outbox_table, keys)
        self.evidence.outbox |= found
        for written in found.values():
            self.know(written.envelope)

    def _read_executions(self) -> None:
        for workflow, event in self.workflow_events.items():
            began = {
                event_id: at
                for event_id, name in self.evidence.names.items()
                if name == event and (at := self.evidence.published_at(event_id)) is not None
            }
            for event_id, execution in self.sources.executions(workflow, began) if began else ():
                self.evidence.executions.setdefault(event_id, []).append(execution)
