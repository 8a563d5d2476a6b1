"""How a console looks at a deployment: many calls at once, each counted."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool

from fanout.idempotency.client import Credentials
from fanout_tools.console.ledger import METRICS, Ledger, cost_of
from fanout_tools.operate.fast import Fast
from fanout_tools.operate.sources import versions
from fanout_tools.operate.sources.logs import Line
from fanout_tools.operate.sources.metrics import OVERVIEW, Window, series
from fanout_tools.operate.status import Numbers, look
from fanout_tools.operate.topology import Topology, WorkerPlace
from fanout_tools.operate.views.compare import Comparison, NothingToCompareError, compare
from fanout_tools.operate.views.overview import Overview

__all__ = ["Looking", "fresh_for"]

DAY_S = 86_400.0
BUDGET_USD_AN_HOUR = 0.50
"""What looks over all workers may cost: where they cost more, they come less often."""
FOR_METRICS = 0.8
"""Of the budget: a metric costs twenty-five times what a queue does."""
DEPTHS_S, METRICS_S = 10.0, 60.0
"""For so long what is seen of queues, and of metrics, is good for whoever comes; pages ask every 15 s."""


def fresh_for(topology: Topology) -> tuple[float, float]:
    """For how many seconds depths, and numbers of metrics, are not asked for again; an emulator costs nothing."""
    if topology.place.endpoint is not None:
        return DEPTHS_S, METRICS_S
    workers = len(topology.workers)
    depths = cost_of({"sqs:GetQueueAttributes": 2 * workers}) / (1 - FOR_METRICS)
    metrics = cost_of({METRICS: workers * len(OVERVIEW)}) / FOR_METRICS
    an_hour = 3_600 / BUDGET_USD_AN_HOUR
    return max(DEPTHS_S, depths * an_hour), max(METRICS_S, metrics * an_hour)


@dataclass(frozen=True)
class Looking:
    """
    :ivar credentials: of whoever looks, asked for at each look: they end.
    """

    topology: Topology
    ledger: Ledger
    credentials: Callable[[], Credentials]
    numbers: Numbers | None = None
    """Of all workers, kept from look to look; None: each look asks for them."""

    async def _fast(self) -> Fast:
        return Fast(self.topology.place, await run_in_threadpool(self.credentials))

    async def look(self, window: Window, workers: Sequence[WorkerPlace]) -> Overview:
        """All sources at once; of no workers means of all."""
        numbers = None if workers else self.numbers
        fresh = numbers is not None and numbers.fresh is not None
        fast = await self._fast()
        async with fast:
            try:
                return await look(fast, self.topology, window, workers, numbers)
            finally:
                self.ledger.add(fast.calls)
                if self.topology.place.endpoint is None and not fresh:
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
