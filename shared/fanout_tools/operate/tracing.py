"""Ask what became of an event: the search, its evidence and the tree."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from fanout.events.envelope import Envelope
from fanout_tools.declarations import reading
from fanout_tools.declarations.worker import worker_name
from fanout_tools.operate.evidence import Evidence
from fanout_tools.operate.search import NotFoundError, Search, Sources
from fanout_tools.operate.topology import Topology
from fanout_tools.operate.views.trace import Trace, trace
from fanout_tools.operate.views.why import Reason, facts_of, reason

__all__ = ["Tracing"]


@dataclass(frozen=True)
class Tracing:
    """Asks of one deployment.

    :ivar services: where workflows are declared.
    """

    topology: Topology
    sources: Sources = field(repr=False)
    services: Path

    def trace(
        self,
        identity: str,
        event: str | None = None,
        *,
        known: Envelope | None = None,
        since: float,
        logs: bool = True,
    ) -> tuple[Evidence, Trace]:
        """An event, or all of a correlation.

        :param event: its ``<source>/<Name>``.
        :param known: the event as it was given.
        :param since: how far back logs are searched, in seconds since 1970.
        :raises NotFoundError: nothing is known of it.
        """
        search, found = self._search(identity, event, known, since, logs=logs)
        return search.evidence, found

    def why(
        self,
        identity: str,
        worker: str,
        event: str | None = None,
        *,
        known: Envelope | None = None,
        since: float,
        logs: bool = True,
    ) -> Reason:
        """Why a worker has, or has not, had an event.

        :raises UnknownWorkerError: there is no such worker.
        :raises NotFoundError: nothing is known of the event.
        """
        place = self.topology.worker(worker)
        search, seen = self._search(identity, event, known, since, logs=logs)
        search.ask_about(place)
        event_id, name = _one_event(search, seen, identity)
        return reason(facts_of(search.evidence, worker, place.manifest, name, event_id))

    def _search(
        self, identity: str, event: str | None, known: Envelope | None, since: float, *, logs: bool
    ) -> tuple[Search, Trace]:
        search = Search(
            self.topology,
            self.sources,
            workflow_events=dict(_workflow_events(self.services)),
            read_logs=logs,
            since=since,
            clock=time.time,
        )
        if known is not None:
            search.know(known)
        roots = search.find(identity, event)
        manifests = {name: place.manifest for name, place in self.topology.workers.items()}
        return search, trace(roots, search.evidence, manifests)


def _one_event(search: Search, seen: Trace, identity: str) -> tuple[str, str]:
    """The id and ``<source>/<Name>`` of the event that is meant: without a name nobody would seem to subscribe to it.

    :raises NotFoundError: it is of several, or its name is not known.
    """
    names = search.evidence.names
    ids = [identity] if names.get(identity) else [root.event_id for root in seen.roots]
    if len(ids) > 1:
        raise NotFoundError(f"{identity}: several events came of it, {', '.join(ids)}: name one of them")
    if not (name := names.get(ids[0], "")):
        raise NotFoundError(f"{ids[0]}: nothing tells which event it is; say it with --event")
    return ids[0], name


def _workflow_events(services: Path) -> Iterator[tuple[str, str]]:
    for file in sorted(services.glob("*/workflow.yaml")):
        declared = reading.read(file)
        if isinstance(declared, dict) and isinstance(declared.get("event"), str):
            yield worker_name(file.parent), declared["event"]
