"""What Lambda reports of each invocation, summed up by worker: time that is paid for, memory that is used."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from fanout_tools.operate.fast import Fast
from fanout_tools.operate.sources import logs
from fanout_tools.operate.sources.logs import Line
from fanout_tools.operate.sources.metrics import Window
from fanout_tools.operate.topology import Topology, WorkerPlace
from fanout_tools.operate.views.tuning import Report

__all__ = ["Usage", "usage", "usage_in"]

REPORTS = """filter @type = "REPORT"
| stats count() as invocations, sum(@billedDuration) as billed_ms, max(@maxMemoryUsed) / 1000000 as used_mb,
  max(@memorySize) / 1000000 as memory_mb, sum(strcontains(@message, "Init Duration")) as cold by @log"""
RECORDS = "filter ispresent(received) | stats sum(received) as records by @log"


@dataclass(frozen=True, slots=True)
class Usage:
    """Of one worker's function in a stretch of time."""

    invocations: int
    billed_ms: int
    used_mb: int
    """The most that an invocation used."""
    memory_mb: int
    cold: int
    records: int


async def usage(fast: Fast, topology: Topology, window: Window) -> Mapping[str, Usage]:
    """Of each worker that was invoked."""
    workers = list(topology.workers.values())
    if topology.place.endpoint is None:
        return await _by_insights(fast, workers, window)

    async def each(worker: WorkerPlace) -> Usage | None:
        return usage_in([line async for line in logs.lines_of(fast, worker, window)])

    found = await asyncio.gather(*map(each, workers))
    return {worker.name: used for worker, used in zip(workers, found, strict=True) if used is not None}


async def _by_insights(fast: Fast, workers: Sequence[WorkerPlace], window: Window) -> Mapping[str, Usage]:
    reports, counted = await asyncio.gather(
        logs.insights_rows(fast, workers, window, REPORTS), logs.insights_rows(fast, workers, window, RECORDS)
    )
    records = {worker: round(float(row["records"])) for worker, row in counted}
    return {
        worker: Usage(
            **{name: round(float(row[name])) for name in ("invocations", "billed_ms", "used_mb", "memory_mb", "cold")},
            records=records.get(worker, 0),
        )
        for worker, row in reports
    }


def usage_in(lines: Iterable[Line]) -> Usage | None:
    """None: the lines have no report."""
    kept = list(lines)
    reports = [report for line in kept if (report := Report.parse(1, line.text)) is not None]
    if not reports:
        return None
    return Usage(
        len(reports),
        sum(report.billed_ms for report in reports),
        max(report.used_mb for report in reports),
        max(report.memory_mb for report in reports),
        sum(report.init_ms is not None for report in reports),
        sum(line.fields["received"] for line in kept if line.is_metrics),
    )
