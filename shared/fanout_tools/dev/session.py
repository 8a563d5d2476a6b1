"""``fanout dev``, from its start to Ctrl-C: handlers run here, in the main thread, one record at a time."""

from __future__ import annotations

import logging
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, SimpleQueue
from runpy import run_path
from typing import TYPE_CHECKING, Any

from fanout import telemetry
from fanout.events.envelope import Envelope
from fanout_tools.dev import resources
from fanout_tools.dev.calls import answered
from fanout_tools.dev.code import BrokenError, Watcher
from fanout_tools.dev.environment import in_force, of_worker
from fanout_tools.dev.history import History, hear_powertools
from fanout_tools.dev.local import Local
from fanout_tools.dev.outbox import LocalOutbox

if TYPE_CHECKING:
    from fanout_tools.dev.web import LocalWeb

__all__ = ["Session", "session_of"]

LOOK_S = 0.2
"""Between two looks for saved files."""


class Session:
    """One project, until it is stopped.

    :param complete: moto answers what is not the project's own.
    """

    def __init__(self, local: Local, *, complete: bool) -> None:
        self.local, self.complete = local, complete
        self.stopped = False
        self.webs: list[LocalWeb] = []
        """The web functions that are served."""
        self._outbox = LocalOutbox(local) if complete else None
        self._watcher = Watcher(local.project.services, local.project.contracts)
        self._work: SimpleQueue[Callable[[], object]] = SimpleQueue()

    def begin(self, seed: Path | None = None) -> None:
        """Make what the declarations ask for, load the code, and run the project's own preparations.

        :param seed: a Python file that fills tables, buckets and parameters, with all variables of the workers.
        """
        if self.complete:
            resources.make(self.local.topology)
        self.local.load()
        self._load_webs(self.webs)
        hear_powertools()
        if seed is not None:
            with in_force(self.variables()):
                run_path(str(seed), run_name="__main__")

    def _load_webs(self, webs: Iterable[LocalWeb]) -> None:
        for web in webs:
            began = time.monotonic()
            try:
                web.load(self.local.code)
            except BrokenError as error:
                self.local.teller.broken(web.name, str(error))
            else:
                self.local.teller.loaded([web.name], time.monotonic() - began)

    def variables(self) -> dict[str, str]:
        """Of all workers together."""
        topology = self.local.topology
        found: dict[str, str] = {}
        for place in topology.workers.values():
            found |= of_worker(topology, place)
        return found

    def call(self, work: Callable[[], object]) -> None:
        """Have the main thread do it soon: for other threads."""
        self._work.put(work)
        self.local.news.set()

    def publish(self, envelope: Envelope) -> None:
        """From any thread."""
        self.local.publish(envelope)

    def run(self) -> None:
        """Until it is stopped: reload what is saved, hand out what can be had."""
        looked = 0.0
        while not self.stopped:
            if time.monotonic() >= looked + LOOK_S:
                self.reload()
                looked = time.monotonic()
            self._do_work()
            if not self.step():
                self._wait(looked + LOOK_S - time.monotonic())

    def reload(self) -> None:
        """Run what has been saved since the last look."""
        if changes := self._watcher.changes():
            self.local.reload(changes)
            self._load_webs(it for it in self.webs if changes.all or it.folder.name in changes.workers)
            hear_powertools()
            if self.complete and changes.all:
                resources.make(self.local.topology)

    def step(self) -> bool:
        """One batch of each worker, and what they wrote into the outbox; whether there was any."""
        did = self.local.step()
        return bool(self._outbox and self._outbox.relay()) or did

    def settle(self, advance: Callable[[float], None]) -> None:
        """Until nothing waits: see :meth:`Local.settle`."""
        self.local.settle(advance)
        while self._outbox and self._outbox.relay():
            self.local.settle(advance)

    def stop(self) -> None:
        """From any thread, or a signal."""
        self.stopped = True
        self.local.news.set()

    def _do_work(self) -> None:
        while True:
            try:
                work = self._work.get_nowait()
            except Empty:
                return
            work()

    def _wait(self, at_most_s: float) -> None:
        at = self.local.next_at()
        due_s = at_most_s if at is None else min(at_most_s, at - self.local.clock())
        if due_s > 0:
            self.local.news.wait(due_s)
        self.local.news.clear()


@contextmanager
def listening_to(history: History) -> Iterator[None]:
    """All that is logged goes there, and nowhere else, inside: the core configures logging as a function of Lambda's
    has it, when Powertools is imported or a function is invoked, and that is not to be."""
    root = logging.getLogger()
    handlers, level, configure = list(root.handlers), root.level, telemetry.configure
    telemetry.configure = _configured
    root.handlers[:] = [history]
    root.setLevel(logging.INFO)
    quiet = {name: logging.getLogger(name).level for name in ("botocore", "boto3", "urllib3", "moto", "asyncio")}
    for name in quiet:
        logging.getLogger(name).setLevel(logging.WARNING)
    try:
        yield
    finally:
        telemetry.configure = configure
        root.handlers[:] = handlers
        root.setLevel(level)
        for name, former in quiet.items():
            logging.getLogger(name).setLevel(former)


def _configured(*_: object, **__: object) -> None:
    """In place of :func:`fanout.telemetry.configure`."""


@contextmanager
def debuggable() -> Iterator[None]:
    """``breakpoint()`` in a handler stops the core's timer, which would otherwise end the handler meanwhile."""
    former = sys.breakpointhook

    def hook(*args: Any, **kwargs: Any) -> Any:
        if hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_REAL, 0)
        return former(*args, **kwargs)

    sys.breakpointhook = hook
    try:
        yield
    finally:
        sys.breakpointhook = former


@contextmanager
def session_of(local: Local, history: History) -> Iterator[Session]:
    """A session over a project, whose calls to AWS this process answers."""
    with listening_to(history), debuggable(), answered(local) as complete:
        yield Session(local, complete=complete)
