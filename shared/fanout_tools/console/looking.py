"""How a console looks at a deployment: many calls at once, each counted."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool

from fanout.idempotency.client import Credentials
from fanout_tools.console.ledger import METRICS, Ledger
from fanout_tools.operate.fast import Fast
from fanout_tools.operate.sources import versions
from fanout_tools.operate.sources.logs import Line
from fanout_tools.operate.sources.metrics import OVERVIEW, Window, series
from fanout_tools.operate.status import look
from fanout_tools.operate.topology import Topology, WorkerPlace
from fanout_tools.operate.views.compare import Comparison, NothingToCompareError, compare
from fanout_tools.operate.views.overview import Overview

__all__ = ["Looking"]

DAY_S = 86_400.0


@dataclass(frozen=True)
class Looking:
    """
    :ivar credentials: of whoever looks, asked for at each look: they end.
    """

    topology: Topology
    ledger: Ledger
    credentials: Callable[[], Credentials]

    async def _fast(self) -> Fast:
        return Fast(self.topology.place, await run_in_threadpool(self.credentials))

    async def look(self, window: Window, workers: Sequence[WorkerPlace]) -> Overview:
        """All sources at once; of no workers means of all."""
        fast = await self._fast()
        async with fast:
            try:
                return await look(fast, self.topology, window, workers)
            finally:
                self.ledger.add(fast.calls)
                if self.topology.place.endpoint is None:
                    self.ledger.add({METRICS: len(OVERVIEW) * (len(workers) or len(self.topology.workers))})

    async def causes(self, workers: Sequence[WorkerPlace]) -> Sequence[Comparison]:
        """The newest two versions of each worker that has two, by what it has logged of the last day."""
        until = time.time()
        window = Window(until - DAY_S, until)
        fast = await self._fast()
        async with fast:
            try:
                found = [await versions.lines(fast, self.topology, worker, window) for worker in workers]
            finally:
                self.ledger.add(fast.calls)
        return tuple(_compared(workers, found))

    async def series(self, window: Window, worker: WorkerPlace) -> Mapping[float, Mapping[str, int]]:
        """A worker's records by outcome, period by period; nothing on an emulator, which has no metrics."""
        if self.topology.place.endpoint is not None:
            return {}
        fast = await self._fast()
        async with fast:
            self.ledger.add({METRICS: len(OVERVIEW)})
            return await series(fast, self.topology, worker.name, window)


def _compared(workers: Sequence[WorkerPlace], found: Sequence[Sequence[Line]]) -> Iterator[Comparison]:
    for worker, lines in zip(workers, found, strict=True):
        with suppress(NothingToCompareError):
            yield compare(worker.name, lines)
