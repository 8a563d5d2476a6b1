"""The on-call commands at 500 workers: calls, time and CPU of a page over all of them, with a network of 15 ms.

Then operations on dead letters are killed at each of their calls, and resumed: see :mod:`scripts.bench.kills`.

AWS is a process of its own that answers in AWS's shapes. The page is timed by itself, and as the whole command with
Python's start, imports and 500 declarations to read. Exit code 1 where the command takes 2 s, or more than 1,010 calls,
or where an event is lost or has two effects.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from typing import Any

from fanout_tools.declarations.naming import Names
from fanout_tools.declarations.worker import Manifest
from fanout_tools.emulators.ports import free_port
from fanout_tools.operate.fast import Fast
from fanout_tools.operate.sources.metrics import Window
from fanout_tools.operate.status import look
from fanout_tools.operate.topology import Place, Topology
from scripts.bench.kills import Tally, kill_all
from scripts.bench.support import format_table, write_results

WORKERS = 500
LATENCY_S = 0.015
ROUNDS = 5
LIMIT_S = 2.0
LIMIT_CALLS = 1_010

DECLARED = "description: A generated worker\nsubscribes:\n  - event: shop.orders/OrderPlaced\n"


@contextmanager
def stand_in() -> Iterator[str]:
    """The URL of a process that answers for AWS."""
    port = free_port()
    command = [sys.executable, "-m", "scripts.bench.fake_aws", str(port), str(LATENCY_S), str(WORKERS)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def topology() -> Topology:
    declared = {"description": "A generated worker", "subscribes": [{"event": "shop.orders/OrderPlaced"}]}
    manifest = Manifest.parse(declared, file="worker.yaml")
    manifests = {f"w{number:03}": manifest for number in range(WORKERS)}
    return Topology.made(manifests, Names("bench"), Place("123456789012", "eu-central-1"))


def page(topology: Topology) -> dict[str, Any]:
    """One look, from nothing: connections are opened in it."""

    async def asked() -> Fast:
        async with Fast.reached(topology.place) as fast:
            now = time.time()
            seen = await look(fast, topology, Window(now - 900, now))
            assert [row.worker for row in seen.workers if row.troubles] == ["w001", "w002", f"w{WORKERS - 1:03}"]
            assert sum(row.handled for row in seen.workers) == WORKERS * 150
            return fast

    began, cpu = time.perf_counter(), time.process_time()
    fast = asyncio.run(asked())
    return {
        "what": f"the page over {WORKERS} workers",
        "s": round(time.perf_counter() - began, 3),
        "CPU s": round(time.process_time() - cpu, 3),
        "calls": fast.calls.total(),
    }


def command(folder: Path) -> dict[str, Any]:
    """The same as a person has it: Python's start, imports, and the declarations read."""
    arguments = ["status", "--env", "prod", "--namespace", "bench", "--json"]
    began, before = time.perf_counter(), getrusage(RUSAGE_CHILDREN)
    code = "import sys; from fanout_tools.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 4, done.stderr
    assert len(done.stdout.splitlines()) == WORKERS + 3
    after = getrusage(RUSAGE_CHILDREN)
    return {
        "what": "fanout status, as a process",
        "s": round(time.perf_counter() - began, 3),
        "CPU s": round(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, 3),
    }


def project_in(folder: Path) -> None:
    """A project of so many workers."""
    (folder / "pyproject.toml").write_text("[tool.fanout]\n")
    for number in range(WORKERS):
        worker = folder / "services" / f"w{number:03}"
        worker.mkdir(parents=True)
        (worker / "worker.yaml").write_text(DECLARED)


def main() -> int:
    """Run it; returns the exit code."""
    with stand_in() as url, tempfile.TemporaryDirectory() as folder:
        os.environ |= {f"AWS_ENDPOINT_URL_{service}": url for service in ("SQS", "CLOUDWATCH", "LAMBDA", "STS")}
        os.environ |= {
            "AWS_ACCESS_KEY_ID": "bench",
            "AWS_SECRET_ACCESS_KEY": "bench",
            "AWS_DEFAULT_REGION": "eu-central-1",
        }
        os.environ["PYTHONPATH"] = os.pathsep.join(str(Path(it).resolve()) for it in ("shared", "router"))
        project_in(Path(folder))
        workers = topology()
        pages = [page(workers) for _ in range(ROUNDS)]
        commands = [command(Path(folder)) for _ in range(ROUNDS)]
    return report([_median(pages), _median(commands)], kill_all())


def _median(rows: list[dict[str, Any]]) -> dict[str, Any]:
    return sorted(rows, key=lambda row: row["s"])[len(rows) // 2]


def report(rows: list[dict[str, Any]], tally: Tally) -> int:
    """Print and keep it; returns the exit code."""
    figures = {
        "status_500_s": rows[1]["s"],
        "status_500_cpu_s": rows[1]["CPU s"],
        "status_500_page_s": rows[0]["s"],
        "status_500_page_cpu_s": rows[0]["CPU s"],
        "status_500_calls": rows[0]["calls"],
        **asdict(tally),
    }
    print(format_table(rows))
    print(format_table([{"what": "redrive, edit, drop, killed and resumed", **asdict(tally)}]))
    print(write_results("operate", rows, figures))
    held = figures["status_500_s"] < LIMIT_S and figures["status_500_calls"] <= LIMIT_CALLS
    return 0 if held and not tally.lost and not tally.doubled else 1


if __name__ == "__main__":
    sys.exit(main())
