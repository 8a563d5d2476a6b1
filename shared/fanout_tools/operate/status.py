"""Ask all sources at once what a page over all workers tells.

On AWS numbers come from metrics, on an emulator from the workers' logs: an emulator has no metrics to be relied on, and
on AWS a page is not to read a log.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from fanout.errors import FanoutError
from fanout_tools.operate.fast import Fast
from fanout_tools.operate.sources import alarms, depths, functions, logs, metrics
from fanout_tools.operate.sources.depths import Depth
from fanout_tools.operate.sources.logs import Line
from fanout_tools.operate.sources.metrics import Window
from fanout_tools.operate.topology import Topology, WorkerPlace
from fanout_tools.operate.views.overview import Facts, Overview, overview

__all__ = ["NotDeployedError", "Numbers", "failure_of", "look"]

Told = TypeVar("Told")


class NotDeployedError(FanoutError):
    """Nothing of the deployment is there."""


FEW = 5
"""Of so many workers all is asked, also what costs a call for each."""

LAST_FAILURES = f"""fields @timestamp, @message, @log
| filter {logs.FAILURE}
| sort @timestamp desc
| limit 100"""


@dataclass(eq=False)
class Numbers:
    """What metrics and alarms have told last: they are a minute old when they come, and each is paid for, where queues
    are asked for next to nothing.

    :ivar fresh_s: for how long they are not asked for again.
    """

    fresh_s: float
    clock: Callable[[], float] = time.monotonic
    _told: Facts | None = field(default=None, init=False)
    _at: float = field(default=0.0, init=False)

    @property
    def fresh(self) -> Facts | None:
        """None: they are to be asked for."""
        return self._told if self.clock() - self._at < self.fresh_s else None

    def keep(self, told: Facts) -> None:
        self._told, self._at = told, self.clock()


async def look(
    fast: Fast,
    topology: Topology,
    window: Window,
    workers: Iterable[WorkerPlace] = (),
    numbers: Numbers | None = None,
) -> Overview:
    """The page over these workers, or over all.

    At 500 workers on AWS these are 1,000 calls for their queues and DLQs, one for each queue of unheard events, one for
    the alarms, five for metrics, and one for each worker whose messages nobody seems to take, up to five.

    :param numbers: kept from look to look of the same workers, on AWS; without it metrics are asked for each time.
    :raises NotDeployedError: none of their queues is there.
    """
    asked = list(workers) or list(topology.workers.values())
    emulated = topology.place.endpoint is not None
    kept = numbers.fresh if numbers and not emulated else None
    ask = _from_logs if emulated else _from_metrics
    known = asyncio.ensure_future(_kept(kept) if kept else ask(fast, topology, asked, window))
    try:
        seen = await depths.depths(fast, _urls(topology, asked))
        if all(seen[it.queue_url] is None for it in asked):
            raise _not_deployed(topology, asked[0])
        everything = emulated or len(asked) <= FEW
        suspects = [it for it in asked if everything or _untaken(seen[it.queue_url])]
        mapped, health, facts = await asyncio.gather(
            functions.mappings(fast, topology, suspects),
            _kept(None) if kept else _health(fast, topology, asked, seen, window),
            known,
        )
    finally:
        known.cancel()
    facts = replace(facts, depths=seen, mapped=mapped)
    if health is not None:
        died = {it.name: health.died.get(it.function, 0) for it in asked}
        facts = replace(facts, ages_s=health.ages_s, executions=health.executions, died=died)
    if numbers and not kept:
        numbers.keep(facts)
    return overview(topology, asked, facts, window.seconds)


async def _kept(told: Told) -> Told:
    return told


def _not_deployed(topology: Topology, worker: WorkerPlace) -> NotDeployedError:
    namespace = topology.names.namespace
    return NotDeployedError(f"queue {worker.queue} does not exist; is {namespace} deployed there? Run `make deploy`")


def _urls(topology: Topology, workers: Sequence[WorkerPlace]) -> list[str]:
    own = [url for it in workers for url in (it.queue_url, it.dead_letter_queue_url)]
    if len(workers) < len(topology.workers):
        return own
    return own + [topology.place.queue_url(queue) for queue in topology.unheard_queues]


def _untaken(depth: Depth | None) -> bool:
    return depth is not None and depth.waiting > 0 and depth.in_flight == 0


async def _from_metrics(fast: Fast, topology: Topology, workers: Sequence[WorkerPlace], window: Window) -> Facts:
    names = [it.name for it in workers]
    counts, rings, errors = await asyncio.gather(
        metrics.outcomes(fast, topology, names, window),
        alarms.ringing(fast, topology),
        _last_errors(fast, workers, window),
    )
    return Facts(depths={}, counts=counts, alarms=rings, last_errors=errors)


async def _from_logs(fast: Fast, _: Topology, workers: Sequence[WorkerPlace], window: Window) -> Facts:
    told = await logs.told(fast, workers, window)
    return Facts(
        depths={},
        counts={name: it.counts for name, it in told.items()},
        died={name: it.died for name, it in told.items()},
        last_errors={name: failure_of(it.last_failure) for name, it in told.items() if it.last_failure},
    )


async def _health(
    fast: Fast, topology: Topology, workers: Sequence[WorkerPlace], seen: Mapping[str, Depth | None], window: Window
) -> metrics.Health | None:
    """None: an emulator has no metrics."""
    if topology.place.endpoint:
        return None
    holding = [it.queue for it in workers if (depth := seen[it.queue_url]) is not None and depth.held]
    return await metrics.health(fast, topology, holding, window)


async def _last_errors(fast: Fast, workers: Sequence[WorkerPlace], window: Window) -> Mapping[str, str]:
    """Of one worker: a query takes seconds, and the page over all is not to wait for it."""
    if len(workers) > 1:
        return {}
    lines = await logs.ask_insights(fast, workers, window, LAST_FAILURES)
    return {line.worker: failure_of(line) for line in lines}


def failure_of(line: Line) -> str:
    """What a line tells of a failure, in one line."""
    fields = line.fields
    said = str(fields.get("message") or line.text).splitlines()[0]
    place = f" ({fields['error_at']})" if fields.get("error_at") else ""
    return f"{said}{place}"
