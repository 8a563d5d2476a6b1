"""All of a project in this process: its bus, its queues and its workers, one batch at a time."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from fanout.errors import ManifestError
from fanout.events.envelope import Envelope
from fanout_tools.declarations.naming import Names
from fanout_tools.dev.bus import LocalBus, Sent
from fanout_tools.dev.code import BrokenError, Changes, Code
from fanout_tools.dev.environment import in_force
from fanout_tools.dev.queues import Queue
from fanout_tools.dev.sqs import LocalSqs
from fanout_tools.dev.worker import Batch, LocalWorker
from fanout_tools.operate.topology import EMULATED_ACCOUNT, Place, Topology
from fanout_tools.project import Project

__all__ = ["ENDPOINT", "Local", "Teller"]

ENDPOINT = "http://dev.invalid"
"""What stands in the URLs of queues: it leads nowhere."""
REGION: Final = "eu-central-1"


class Teller:
    """Is told what happens; of all of it nothing, unless a class of its own says what."""

    def sent(self, sent: Sent) -> None:
        """The bus took an event."""

    def handled(self, batch: Batch) -> None:
        """A worker took a batch."""

    def loaded(self, workers: Iterable[str], seconds: float) -> None:
        """These workers run new code."""

    def broken(self, worker: str, why: str) -> None:
        """A worker's code cannot be run; empty: the contracts', or a declaration."""


def _nobody() -> None:
    """Is told nothing."""


@dataclass(eq=False)
class Local:
    """
    :ivar clock: seconds since 1970; a test's own lets it pass time at will, see :meth:`settle`.
    """

    project: Project
    teller: Teller = field(default_factory=Teller, repr=False)
    clock: Callable[[], float] = field(default=time.time, repr=False)
    workers: dict[str, LocalWorker] = field(default_factory=dict, init=False)
    declared: Callable[[], None] = field(default_factory=lambda: _nobody, init=False, repr=False)
    """Is told when the declarations are others, see :attr:`topology`."""
    news: threading.Event = field(default_factory=threading.Event, init=False, repr=False)
    """Set when there is something new to receive."""

    def __post_init__(self) -> None:
        self.code = Code(self.project.services, self.project.contracts)
        topology = self._declared()
        self.sqs = LocalSqs(topology.place.queue_url, self.clock, self.news.set)
        self.bus = LocalBus(topology, self.sqs, self.clock, self.teller.sent)
        self._queues()

    @property
    def topology(self) -> Topology:
        return self.bus.topology

    def _declared(self) -> Topology:
        """
        :raises ManifestError: a worker.yaml is wrong.
        """
        names = Names(f"{self.project.namespace}-local")
        return Topology.of(self.project, names, Place(EMULATED_ACCOUNT, REGION, endpoint=ENDPOINT))

    def _queues(self) -> None:
        for name in self.topology.unheard_queues:
            self.sqs.queues.setdefault(name, Queue(name=name))
        for name, place in self.topology.workers.items():
            if name in self.workers:
                self.workers[name].declare(place)
            else:
                self.workers[name] = LocalWorker(place, self.bus, self.sqs, self.clock)
        for name in self.workers.keys() - self.topology.workers.keys():
            del self.workers[name]

    def load(self) -> None:
        """Import contracts and workers. What cannot be run is told, and its events wait.

        :raises BrokenError: the contracts cannot be imported.
        """
        began = time.monotonic()
        self.code.load_contracts()
        self.code.forget_workers()
        loaded = [name for name in self.workers if self._load(name)]
        self.teller.loaded(loaded, time.monotonic() - began)

    def _load(self, name: str) -> bool:
        worker = self.workers[name]
        try:
            with in_force(worker.environment):
                worker.run(self.code.load_worker(self._folder(name)))
        except BrokenError as error:
            worker.hold(str(error))
            self.teller.broken(name, str(error))
            return False
        return True

    def _folder(self, name: str) -> Path:
        folders = (self.project.services / each for each in (name.replace("-", "_"), name))
        return next(folder for folder in folders if folder.is_dir())

    def reload(self, changes: Changes) -> None:
        """Run what has been saved. Queues, records and dead letters stay."""
        if changes.all:
            self._reload_all()
            return
        began = time.monotonic()
        names = [name for name in self.workers if self._folder(name).name in changes.workers]
        self.teller.loaded([name for name in names if self._load(name)], time.monotonic() - began)

    def _reload_all(self) -> None:
        try:
            self.bus.declare(self._declared())
            self._queues()
            self.declared()
            self.load()
        except (ManifestError, BrokenError) as error:
            self.teller.broken("", str(error))

    def publish(self, envelope: Envelope) -> Sent:
        """Put an event on the bus; one of AWS's own too, as AWS would."""
        detail = envelope.data if envelope.source.startswith("aws.") else json.loads(envelope.detail())
        return self.bus.deliver(envelope.source, envelope.name, detail)

    def step(self) -> bool:
        """One batch of each worker that has any; whether there was one."""
        did = False
        for worker in list(self.workers.values()):
            if (batch := worker.step()) is not None:
                self.teller.handled(batch)
                did = True
        return did

    def next_at(self) -> float | None:
        """When there is something to receive next; None: nothing waits."""
        times = (it.queue.next_at() for it in self.workers.values() if it.worker and not it.paused)
        return min((at for at in times if at is not None), default=None)

    def settle(self, advance: Callable[[float], None], *, most: int = 10_000) -> None:
        """Until nothing waits any more.

        :param advance: lets time pass until then, in seconds since 1970.
        :raises RuntimeError: there is no end to it.
        """
        for _ in range(most):
            if self.step():
                continue
            at = self.next_at()
            if at is None:
                return
            advance(max(at, self.clock()))
        raise RuntimeError(f"after {most} steps there are messages still")
