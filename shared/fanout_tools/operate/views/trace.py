"""The way of an event as a tree: who had it, what became of it there, and what it caused."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fanout.gather.timers import identity
from fanout.idempotency.store import derived_id
from fanout.tracing.hops import Hop
from fanout_tools.declarations.worker import Manifest
from fanout_tools.operate.evidence import Evidence, Execution, GatherState, Record, Written
from fanout_tools.operate.views.why import Fate, Reason, facts_of, reason

__all__ = ["Branch", "Node", "Trace", "caused_ids", "gather_ids", "of_gather", "trace"]

FIRST = 5
"""How many events of a handler are looked for before any was found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """One event in one worker."""

    worker: str
    reason: Reason
    record: Record | None
    tries: Sequence[Hop]
    gathers: Sequence[GatherState]
    children: Sequence[Node]

    @property
    def ended_at(self) -> float | None:
        """When it was done with, in seconds since 1970."""
        if self.tries:
            return self.tries[-1].ended_ms / 1000
        return self.record.completed_at if self.record else None

    @property
    def wait_s(self) -> float | None:
        """From the queue until the first receive."""
        waits = [hop.wait_ms for hop in self.tries if hop.wait_ms is not None]
        return waits[0] / 1000 if waits else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One event."""

    event_id: str
    event: str
    """``<source>/<Name>``; empty where nothing tells it."""
    correlation_id: str | None
    subject: str | None
    published_at: float | None
    outbox: Written | None
    executions: Sequence[Execution]
    branches: Sequence[Branch]
    """One for each worker that subscribes to it or had it, by name."""

    def walk(self) -> Iterator[Node]:
        """This event and all that came of it."""
        yield self
        for branch in self.branches:
            for child in branch.children:
                yield from child.walk()


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """All that came of one root, or of what is left of it."""

    roots: Sequence[Node]

    def nodes(self) -> Iterator[Node]:
        """Every event."""
        for root in self.roots:
            yield from root.walk()

    def branches(self) -> Iterator[tuple[Node, Branch]]:
        """Every event in every worker."""
        for node in self.nodes():
            for branch in node.branches:
                yield node, branch

    def count(self) -> Mapping[Fate, int]:
        """How many events in workers had each fate."""
        fates = [branch.reason.fate for _, branch in self.branches()]
        return {fate: fates.count(fate) for fate in Fate if fate in fates}

    @property
    def bad(self) -> bool:
        """Whether something is stuck for good, or lost."""
        return any(branch.reason.fate.bad for _, branch in self.branches())

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {"counts": {fate.value: n for fate, n in self.count().items()}, "events": [_node(n) for n in self.roots]}


def trace(roots: Iterable[str], evidence: Evidence, manifests: Mapping[str, Manifest]) -> Trace:
    """The trees of these events.

    :param roots: their ids.
    """
    seen: set[str] = set()
    return Trace(roots=[_tree(each, evidence, manifests, seen) for each in roots if each not in seen])


def _tree(event_id: str, evidence: Evidence, manifests: Mapping[str, Manifest], seen: set[str]) -> Node:
    seen.add(event_id)
    event, envelope = evidence.names.get(event_id, ""), evidence.envelopes.get(event_id)
    first, had = next(iter(evidence.hops_of(event_id)), None), evidence.holders(event_id)
    workers = [name for name, each in manifests.items() if name in had or _subscribes(each, event)]
    return Node(
        event_id=event_id,
        event=event,
        correlation_id=envelope.metadata.correlation_id if envelope else first.correlation_id if first else None,
        subject=envelope.metadata.subject if envelope else first.subject if first else None,
        published_at=evidence.published_at(event_id),
        outbox=evidence.outbox.get(event_id),
        executions=evidence.executions.get(event_id, []),
        branches=[_branch(worker, event, event_id, evidence, manifests, seen) for worker in workers],
    )


def _branch(
    worker: str, event: str, event_id: str, evidence: Evidence, manifests: Mapping[str, Manifest], seen: set[str]
) -> Branch:
    record, tries = evidence.record(worker, event_id), evidence.tries(worker, event_id)
    gathers = [evidence.gathers[each] for each in gather_ids(record) if each in evidence.gathers]
    return Branch(
        worker=worker,
        reason=reason(facts_of(evidence, worker, manifests[worker], event, event_id)),
        record=record,
        tries=tries,
        gathers=gathers,
        children=[
            _tree(child, evidence, manifests, seen)
            for child in _children(record, tries, gathers, evidence)
            if child not in seen
        ],
    )


def _subscribes(manifest: Manifest, event: str) -> bool:
    return bool(event) and any(each.event in (event, "*") for each in manifest.subscribes)


def _children(
    record: Record | None, tries: Sequence[Hop], gathers: Sequence[GatherState], evidence: Evidence
) -> Iterator[str]:
    """The ids of what the handling published, each once: as its tries tell, and as they follow from the record where
    something is known of them."""
    told = [each for hop in tries for each in hop.published]
    computed = [each for each in caused_ids(record, gathers, evidence.known) if evidence.known(each)]
    ended = [each for gather in gathers for each in of_gather(gather) if evidence.known(each)]
    return iter(dict.fromkeys([*told, *computed, *ended]))


def caused_ids(record: Record | None, gathers: Sequence[GatherState], known: Callable[[str], bool]) -> Iterator[str]:
    """The ids that events have which a handler published, or wrote into the outbox: they follow from the event's key.
    An explicit ``event_id`` does not, and takes a number all the same: the search goes on for :data:`FIRST` numbers
    beyond the last that is known, and over all parts of gathers.

    :param known: whether something is known of an event's id.
    """
    if record is None:
        return
    yield from (envelope.metadata.event_id for envelope in record.pending)
    for kind, most in (("", FIRST + sum(gather.total for gather in gathers)), ("sealed/", FIRST)):
        number = 0
        while number < most:
            found = derived_id(record.key, f"{kind}{number}")
            yield found
            number += 1
            if known(found):
                most = max(most, number + FIRST)


def gather_ids(record: Record | None, *, most: int = FIRST) -> list[str]:
    """The ids that the gathers of an event may have: each is named by how many events the handler had published."""
    return [] if record is None else [derived_id(record.key, f"gather/{number}") for number in range(most)]


def of_gather(gather: GatherState) -> list[str]:
    """The ids of what ends a gather: the gathered event, and what undoes parts."""
    undone = [identity(gather.gather_id, f"compensation/{index}") for index in range(gather.total * gather.compensates)]
    return [identity(gather.gather_id, "gathered"), *undone]


def _node(node: Node) -> dict[str, Any]:
    return {
        "event": node.event or None,
        "event_id": node.event_id,
        "correlation_id": node.correlation_id,
        "subject": node.subject,
        "published_at": node.published_at,
        "outbox": node.outbox and {"relayed": node.outbox.relayed, "refused": node.outbox.refused},
        "workflows": [
            {"workflow": e.workflow, "status": e.status, "started_at": e.started_at, "ended_at": e.ended_at}
            for e in node.executions
        ],
        "workers": [_of_branch(branch) for branch in node.branches],
    }


def _of_branch(branch: Branch) -> dict[str, Any]:
    return {
        "worker": branch.worker,
        "fate": branch.reason.fate.value,
        "reason": branch.reason.text or None,
        "completed_at": branch.record.completed_at if branch.record else None,
        "tries": [
            {
                "outcome": hop.outcome,
                "sent_ms": hop.sent_ms,
                "wait_ms": hop.wait_ms,
                "begin_ms": hop.begin_ms,
                "took_ms": hop.took_ms,
                "receives": hop.receives,
                "version": hop.version,
            }
            for hop in branch.tries
        ],
        "gathers": [
            {"into": g.into, "total": g.total, "done": g.done, "due_at": g.due_at, "closed": g.closed}
            for g in branch.gathers
        ],
        "caused": [_node(child) for child in branch.children],
    }
