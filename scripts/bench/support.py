"""What all benchmarks share: interleaved medians of CPU time, the machine's line, the table, the JSON file.

Candidates are measured in turn, round by round, so that a change of the machine's pace falls on all of them
alike, and the median over rounds drops the rounds that something else disturbed. CPU time of the process is
measured, not the time of the clock: other processes share the machine.
"""

import gc
import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from fanout_tools.tables import Row, format_table

__all__ = ["Row", "cpu_seconds_per_operation", "format_table", "machine", "write_results"]

OUTPUT = Path("build/bench")
"""Where results go, from the repository's root."""


def cpu_seconds_per_operation(candidates: Mapping[str, Callable[[], int]], rounds: int) -> dict[str, float]:
    """The median CPU seconds per operation of each candidate.

    A candidate does its work once per call, long enough to be measured (milliseconds), and returns how many
    operations that were. One round before the first warms up and is not counted.
    """
    samples: dict[str, list[float]] = {name: [] for name in candidates}
    for counted in [False] + [True] * rounds:
        for name, work in candidates.items():
            sample = _measure(work)
            if counted:
                samples[name].append(sample)
    return {name: statistics.median(each) for name, each in samples.items()}


def _measure(work: Callable[[], int]) -> float:
    gc.collect()
    gc.disable()
    try:
        start = time.process_time()
        operations = work()
        return (time.process_time() - start) / operations
    finally:
        gc.enable()


def machine() -> str:
    """One line on where the figures come from: processor, logical processors, operating system, Python."""
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"{_processor()}, {os.cpu_count()} processors, {platform.system()} {platform.machine()}, {python}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown processor"


def write_results(name: str, rows: Sequence[Row], figures: Mapping[str, float]) -> Path:
    """Write ``build/bench/NAME.json``; ``figures`` are the keys that others read. Gives the file's path."""
    OUTPUT.mkdir(parents=True, exist_ok=True)
    results = {
        "name": name,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "rows": list(rows),
        "figures": dict(figures),
    }
    path = OUTPUT / f"{name}.json"
    path.write_text(json.dumps(results, indent=2) + "\n")
    return path
