"""One console over one deployment: what its pages ask, and who may see them."""

from __future__ import annotations

import shlex
import threading
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fanout_tools.console.access import Access
from fanout_tools.console.ledger import Ledger
from fanout_tools.console.looking import fresh_for
from fanout_tools.console.shared import Shared
from fanout_tools.operate.masking import Masking
from fanout_tools.operate.operating import Operating, RefusedError
from fanout_tools.operate.sources.metrics import Window
from fanout_tools.operate.topology import Topology, WorkerPlace
from fanout_tools.operate.tracing import Tracing
from fanout_tools.operate.views.compare import Comparison
from fanout_tools.operate.views.overview import Overview

__all__ = ["Console", "Live", "Look"]

WINDOW_S = 900.0
NEWS_FRESH_S = 300.0
"""For so long what is new since a deploy is not looked for again."""
MOST_COMPARED = 5
"""Workers, those with the most dead letters: each is a query over a day of its log."""
REFRESH_S = 15

Look = Callable[[Window, Sequence[WorkerPlace]], Awaitable[Overview]]
Causes = Callable[[Sequence[WorkerPlace]], Awaitable[Sequence[Comparison]]]
Series = Callable[[Window, WorkerPlace], Awaitable[Mapping[float, Mapping[str, int]]]]


async def _no_versions(_: Sequence[WorkerPlace]) -> Sequence[Comparison]:
    return ()


@dataclass(frozen=True)
class Live:
    """What a console knows at once.

    :ivar said: what was logged while an event was handled, in order.
    :ivar refresh_s: how often pages ask again.
    """

    said: Callable[[str], Sequence[Mapping[str, Any]]] = field(repr=False)
    refresh_s: int = 1
    fresh_s: float = 0.5


@dataclass(eq=False)
class Console:
    """
    :ivar env: as the commands name the deployment.
    :ivar look: asks all sources at once; of no workers means of all.
    :ivar series: a worker's records by outcome, period by period; nothing where there are no metrics.
    :ivar tracing: follows events.
    :ivar masking: what of events is shown to whoever does not say why they want to see more.
    :ivar folder: the project's, for what is recorded there.
    :ivar services: where its workers are declared.
    """

    env: str
    operating: Operating
    look: Look = field(repr=False)
    series: Series = field(repr=False)
    tracing: Tracing = field(repr=False)
    access: Access = field(repr=False)
    masking: Masking = field(repr=False)
    causes: Causes = field(default=_no_versions, repr=False)
    """Compares the newest two versions of each of some workers; seconds, and a query each."""
    folder: Path = field(default_factory=Path)
    services: Path = Path("services")
    ledger: Ledger = field(default_factory=Ledger)
    clock: Callable[[], float] = time.time
    links: tuple[tuple[str, str], ...] = ()
    """Further pages of the header, each with its path and its name."""
    live: Live | None = None
    """Of a console beside the workers, which costs nothing to ask: see :mod:`fanout_tools.dev.console`."""
    works: list[threading.Thread] = field(default_factory=list, init=False)
    """Operations that this process carries out."""
    made: dict[object, str] = field(default_factory=dict, init=False, repr=False)
    """Parts of pages that many ask for, as they were made last."""
    _beginning: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)
    overview: Shared[Overview] = field(init=False)
    news: Shared[Sequence[Comparison]] = field(init=False)
    """What the workers in trouble fail by since their last deploy."""

    def __post_init__(self) -> None:
        self.news = Shared(self._news, NEWS_FRESH_S)
        self.overview = Shared(self._all, self.live.fresh_s if self.live else fresh_for(self.topology)[0])

    @property
    def topology(self) -> Topology:
        return self.operating.topology

    @property
    def refresh_s(self) -> int:
        """How often a page over workers asks again."""
        return self.live.refresh_s if self.live else REFRESH_S

    @property
    def window(self) -> Window:
        now = self.clock()
        return Window(now - WINDOW_S, now)

    async def _news(self) -> Sequence[Comparison]:
        seen = await self.overview.get()
        dead = sorted((row for row in seen.workers if row.dead), key=lambda row: -(row.dead or 0))
        return await self.causes([self.topology.worker(row.worker) for row in dead[:MOST_COMPARED]])

    async def _all(self) -> Overview:
        return await self.look(self.window, ())

    def begin(self, operation: str, work: Callable[[], object]) -> None:
        """Carry an operation out beside the pages; how far it is the journal tells.

        :raises RefusedError: this process is at it: a form was sent twice.
        """

        def carry() -> None:
            try:
                self.operating.sweep()
                work()
            except Exception as error:  # noqa: BLE001 - whatever it is, whoever waits for the operation is to see it
                self._note(operation, error)

        thread = threading.Thread(target=carry, name=operation, daemon=True)
        with self._beginning:
            self.works = [it for it in self.works if it.is_alive()]
            if self.at(operation):
                raise RefusedError(f"{operation}: is being carried out already")
            self.works.append(thread)
            thread.start()

    def at(self, operation: str) -> bool:
        """Whether this process is carrying it out."""
        return any(it.name == operation and it.is_alive() for it in self.works)

    def _note(self, operation: str, error: Exception) -> None:
        try:
            self.operating.journal.note(operation, f"cut off: {error}")
        except Exception as silent:  # noqa: BLE001 - the journal may be what is not reached
            print(f"fanout: operation {operation}: cut off: {error}; not written down: {silent}")

    def acting(self, command: str) -> Operating:
        """The same deployment, for an operation that the journal is to know by the equivalent command."""
        return self.operating.by(command)

    def command(self, *words: str) -> str:
        """The equivalent command line."""
        return shlex.join(["fanout", *words, *(["--env", self.env] if self.env != "local" else [])])
