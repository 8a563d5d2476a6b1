"""How long handling took, from logs or a benchmark, in place of what a mix states.

A worker's log has two kinds of lines that tell: Lambda's REPORT with the billed duration, as text or as JSON, and the
core's own line for each batch with its records and milliseconds (:mod:`fanout.telemetry`).
"""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any, Final

from fanout_tools.cost.mix import Mix, MixError, WorkerMix

__all__ = ["Durations", "benchmarked", "durations", "logged"]

_REPORT: Final = re.compile(r"REPORT RequestId: .*?Billed Duration: (\d+(?:\.\d+)?) ms")
BENCHMARK_BATCH: Final = 10
"""The records of a batch in build/bench/worker.json."""


@dataclass(frozen=True, kw_only=True)
class Durations:
    """An invocation takes ``batch_ms`` and ``record_ms`` for each of its records."""

    batch_ms: float
    record_ms: float


def logged(mix: Mix, folder: Path) -> Mix:
    """The mix with the durations of each worker whose log is ``<worker>.log`` in a folder.

    :raises MixError: there is no such folder, or a log tells of no invocation.
    """
    logs = sorted(folder.glob("*.log"))
    if not logs:
        raise MixError(f"{folder}: has no log: put one there for each worker, called <worker>.log")
    workers = dict(mix.workers)
    for log in logs:
        with log.open(encoding="utf-8", errors="replace") as lines:
            found = durations(lines)
        if found is None:
            raise MixError(f"{log}: has neither REPORT lines nor fanout's own: give it the function's whole log")
        own = workers.get(log.stem, WorkerMix())
        workers[log.stem] = own.model_copy(update={"batch_ms": found.batch_ms, "record_ms": found.record_ms})
    return mix.model_copy(update={"workers": workers})


def benchmarked(mix: Mix, file: Path) -> Mix:
    """The mix with the core's own time from build/bench/worker.json: the least that any worker takes.

    :raises MixError: the file is not that benchmark's.
    """
    try:
        milliseconds = json.loads(file.read_text(encoding="utf-8"))["figures"]["batch_ms_on_emulator"]
        return mix.model_copy(update={"batch_ms": 0.0, "record_ms": float(milliseconds) / BENCHMARK_BATCH})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise MixError(f"{file}: has no figures.batch_ms_on_emulator: make it with `make bench-worker`") from error


def durations(lines: Iterable[str]) -> Durations | None:
    """What the lines of one worker's log tell; None if they tell nothing."""
    billed: list[float] = []
    batches: list[tuple[float, float]] = []
    for line in lines:
        if found := _REPORT.search(line):
            billed.append(float(found[1]))
        elif (entry := _object(line)) is not None:
            billed += _billed(entry)
            batches += _batch(entry)
    return _fitted(batches, billed)


def _object(line: str) -> dict[str, Any] | None:
    """The JSON in a line; tools that fetch logs write the time before it."""
    start = line.find("{")
    try:
        read = json.loads(line[start:]) if start >= 0 else None
    except ValueError:
        return None
    return read if isinstance(read, dict) else None


def _billed(entry: dict[str, Any]) -> Iterator[float]:
    if entry.get("type") == "platform.report":
        yield float(entry.get("record", {}).get("metrics", {}).get("billedDurationMs", 0))


def _batch(entry: dict[str, Any]) -> Iterator[tuple[float, float]]:
    if "_aws" in entry and entry.get("received") and "batch_ms" in entry:
        yield float(entry["received"]), float(entry["batch_ms"])


def _fitted(batches: Sequence[tuple[float, float]], billed: Sequence[float]) -> Durations | None:
    """The line through the batches by least squares; what Lambda bills beyond it is the invocation's own."""
    if not batches:
        return Durations(batch_ms=fmean(billed), record_ms=0.0) if billed else None
    records, times = fmean(it[0] for it in batches), fmean(it[1] for it in batches)
    spread = sum((it[0] - records) ** 2 for it in batches)
    slope = sum((it[0] - records) * (it[1] - times) for it in batches) / spread if spread else times / records
    slope = min(max(slope, 0.0), times / records)
    beyond = max(0.0, fmean(billed) - times) if billed else 0.0
    return Durations(batch_ms=times - slope * records + beyond, record_ms=slope)
