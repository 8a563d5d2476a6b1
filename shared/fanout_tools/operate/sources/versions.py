"""What a worker has logged, version by version."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from fanout_tools.operate.fast import Fast
from fanout_tools.operate.sources import logs
from fanout_tools.operate.sources.logs import Line
from fanout_tools.operate.sources.metrics import Window
from fanout_tools.operate.topology import Topology, WorkerPlace

__all__ = ["lines"]

QUERY: Final = f"""fields @timestamp, @message, @log
| filter ispresent(received) or {logs.FAILURE}
| sort @timestamp desc
| limit {logs.ROWS}"""


async def lines(fast: Fast, topology: Topology, worker: WorkerPlace, window: Window) -> Sequence[Line]:
    """Its batches and failures, the oldest first: one query of Logs Insights on AWS, which takes seconds."""
    if topology.place.endpoint is None:
        return await logs.ask_insights(fast, [worker], window, QUERY)
    return sorted([line async for line in logs.lines_of(fast, worker, window)], key=lambda line: line.at_ms)
