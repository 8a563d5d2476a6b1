"""Load, and the CPU time of the process that is measured.

Requests that repeat are sent by h2load, in HTTP/1.1 or HTTP/2; requests that differ by wrk with ``varied.lua`` in
HTTP/1.1, and by :mod:`scripts.bench.router_load.varied_h2` in HTTP/2.
"""

import os
import re
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

CONNECTIONS = 32
CLIENTS = 256
"""Connections of the load that varies: as many clients as a load balancer keeps connections for."""
H2_CONNECTIONS, H2_STREAMS = 32, 8
_LUA = Path(__file__).with_name("varied.lua")
_ROOT = Path(__file__).parents[3]
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
    h2: bool = False,
) -> Measured:
    """Send the same request again and again and measure process ``pid``; ``per_second`` 0 means as fast as it goes.

    Requests of the first ``settling_s``, in which connections are opened, do not count for p50, p99 and the maximum.

    :raises RuntimeError: a request was not answered with 2xx.
    """
    with tempfile.NamedTemporaryFile() as log:
        command = ["h2load", *([f"-m{H2_STREAMS}"] if h2 else ["--h1"]), "-t1", f"-c{connections}", f"-D{seconds}"]
        if per_second:
            command += ["--rps", str(per_second / connections)]
        printed, used = _measured([*command, f"--log-file={log.name}", url], pid, core)
        rows = [line.split("\t") for line in Path(log.name).read_text().splitlines()]
    statuses = re.search(r"(\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx", printed)
    if statuses is None or any(int(number) for number in statuses.groups()[1:]) or not rows:
        raise RuntimeError(f"{url} did not answer as it should:\n{printed[-1_500:]}")
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


def run_varied(url: str, pid: int, seconds: int, *, core: int, post: bool = False) -> Measured:
    """Send requests of which none is like another, as GET or as POST with 2 KB of JSON.

    :raises RuntimeError: a request was not answered, or not with 2xx.
    """
    command = ["wrk", "-t1", f"-c{CLIENTS}", f"-d{seconds}", "--latency", "-s", str(_LUA), url]
    return reported(*_measured(command + (["--", "post"] if post else []), pid, core), pid, url)


def run_varied_h2(port: int, path: str, pid: int, seconds: int, *, core: int) -> Measured:
    """The same over HTTP/2.

    :raises RuntimeError: a request was not answered, or not with 200.
    """
    options = [str(port), f"/{path}", str(seconds), str(H2_CONNECTIONS), str(H2_STREAMS)]
    command = [sys.executable, "-m", "scripts.bench.router_load.varied_h2", *options]
    return reported(*_measured(command, pid, core), pid, path)


def reported(printed: str, used: float, pid: int, what: str) -> Measured:
    """What a generator's line ``measured REQUESTS DURATION ERRORS P50 P99 MAX`` tells, times in microseconds."""
    found = re.search(r"measured (\d+) (\d+) (\d+) (\d+) (\d+) (\d+)", printed)
    if found is None or found[1] == "0" or found[3] != "0":
        raise RuntimeError(f"{what} did not answer as it should:\n{printed[-1_500:]}")
    requests, duration, _, p50, p99, most = map(int, found.groups())
    return Measured(
        requests=requests,
        cpu_us=used / requests * 1e6,
        rate=requests / duration * 1e6,
        p50_ms=p50 / 1e3,
        p99_ms=p99 / 1e3,
        max_ms=most / 1e3,
        memory_mb=memory_mb(pid),
    )


def _measured(command: list[str], pid: int, core: int) -> tuple[str, float]:
    """What a generator prints, and the CPU seconds that the process used meanwhile."""
    before = cpu_seconds(pid)
    got = subprocess.run(
        ["taskset", "-c", str(core), *command], stdout=subprocess.PIPE, text=True, check=True, cwd=_ROOT
    )
    return got.stdout, cpu_seconds(pid) - before
