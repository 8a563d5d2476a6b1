"""Which events a worker has handled, by the accounts in its log: they outlast its idempotency store.

A query of Logs Insights tells 10,000 lines at most, so that a stretch of time with more of them is asked in halves.
What a worker has done without logging it is not known: an execution that was killed between the two.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Final

from fanout.errors import FanoutError
from fanout.outcomes import Outcome
from fanout_tools.operate.fast import Fast
from fanout_tools.operate.sources import logs
from fanout_tools.operate.sources.logs import ROWS, Line
from fanout_tools.operate.sources.metrics import Window
from fanout_tools.operate.topology import Topology, WorkerPlace

__all__ = ["LogGapError", "handled"]

DAY_S: Final = 86_400
QUERY: Final = f"""fields @timestamp, @message, @log
| filter ispresent(received) or @message like /"spans"/
| limit {ROWS}"""
SHORTEST_S: Final = 2.0
"""Of a stretch that is asked in halves; Insights knows whole seconds."""
EVENT_ID, OUTCOME = 0, 10
"""Places in a record's account: see :mod:`fanout.processing.accounts`."""
_BEYOND: Final = "--beyond-fence without --fence logs replays all of that time, whether it was handled or not"
DONE: Final = frozenset({Outcome.HANDLED, Outcome.DUPLICATE})


class LogGapError(FanoutError):
    """The log does not tell of the whole time."""

    exit_code = 5


async def handled(fast: Fast, topology: Topology, worker: WorkerPlace, window: Window) -> frozenset[str]:
    """The ids of the events that were handled in this time.

    :raises LogGapError: the log is not kept for so long, is not there, or has too many lines in a second.
    """
    await _refuse_gap(fast, worker, window)
    if topology.place.endpoint is not None:
        return _ids([line async for line in logs.lines_of(fast, worker, window, '"spans"')])
    return await _asked(fast, worker, window)


async def _refuse_gap(fast: Fast, worker: WorkerPlace, window: Window) -> None:
    found = await fast.call("logs", "DescribeLogGroups", logGroupNamePrefix=worker.log_group)
    group = next((it for it in found.get("logGroups") or () if it["logGroupName"] == worker.log_group), None)
    if group is None:
        raise LogGapError(f"worker {worker.name}: there is no log group {worker.log_group}; {_BEYOND}")
    kept_days = group.get("retentionInDays")
    if kept_days and window.start < window.end - kept_days * DAY_S:
        raise LogGapError(
            f"worker {worker.name}: its log is kept for {kept_days} days, and does not reach back so far: begin later; "
            f"{_BEYOND}"
        )


async def _asked(fast: Fast, worker: WorkerPlace, window: Window) -> frozenset[str]:
    lines = await logs.ask_insights(fast, [worker], window, QUERY)
    if len(lines) < ROWS:
        return _ids(lines)
    if window.seconds < SHORTEST_S:
        raise LogGapError(f"worker {worker.name}: its log has over {ROWS:,} batches in a second; {_BEYOND}")
    middle = (window.start + window.end) // 2
    halves = Window(window.start, middle), Window(middle, window.end)
    found = await asyncio.gather(*(_asked(fast, worker, half) for half in halves))
    return frozenset().union(*found)


def _ids(lines: Iterable[Line]) -> frozenset[str]:
    spans = (span for line in lines for span in line.fields.get("spans", ()))
    return frozenset(span[EVENT_ID] for span in spans if span[OUTCOME] in DONE)
