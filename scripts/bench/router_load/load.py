"""Load by h2load in HTTP/1.1 mode, and the CPU time of the process that is measured."""

import os
import re
import statistics
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

CONNECTIONS = 32
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Measured:
    """One run of load; times in seconds."""

    requests: int
    cpu_us: float
    rate: float
    p50_ms: float
    p99_ms: float
    max_ms: float
    memory_mb: float


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def memory_mb(pid: int) -> float:
    """Resident memory of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def run(
    url: str,
    pid: int,
    seconds: int,
    *,
    core: int,
    per_second: float = 0.0,
    connections: int = CONNECTIONS,
    settling_s: float = 0.0,
) -> Measured:
    """Send load to ``url`` and measure process ``pid``; ``per_second`` 0 means as fast as it goes.

    Requests of the first ``settling_s``, in which connections are opened, do not count for p50, p99 and the maximum.

    :raises RuntimeError: a request was not answered with 2xx.
    """
    with tempfile.NamedTemporaryFile() as log:
        command = ["taskset", "-c", str(core), "h2load", "--h1", "-t1", f"-c{connections}", f"-D{seconds}"]
        if per_second:
            command += ["--rps", str(per_second / connections)]
        before = cpu_seconds(pid)
        got = subprocess.run([*command, f"--log-file={log.name}", url], capture_output=True, text=True, check=True)
        used = cpu_seconds(pid) - before
        rows = [line.split("\t") for line in Path(log.name).read_text().splitlines()]
    statuses = re.search(r"(\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx", got.stdout)
    if statuses is None or any(int(number) for number in statuses.groups()[1:]) or not rows:
        raise RuntimeError(f"{url} did not answer as it should:\n{got.stdout[-1_500:]}")
    settled = min(int(row[0]) for row in rows) + settling_s * 1e6
    times = sorted(int(row[2]) / 1e3 for row in rows if int(row[0]) >= settled)
    span = (max(int(row[0]) for row in rows) - min(int(row[0]) for row in rows)) / 1e6
    return Measured(
        requests=len(rows),
        cpu_us=used / len(rows) * 1e6,
        rate=len(rows) / max(span, 0.001),
        p50_ms=statistics.median(times),
        p99_ms=times[int(len(times) * 0.99)],
        max_ms=times[-1],
        memory_mb=memory_mb(pid),
    )
