"""Repeat `make demo`, cold first and then warm, at times on busy cores or with the emulator stopped for a while.

    make bench-demo_runs RUNS=20

Of 20 runs one is cold, five have both cores kept busy, and five have the emulator stopped by SIGSTOP for 15 s at a
moment of their own, drawn from SEED. Not a part of `make bench`: 20 runs take about half an hour.
"""

import argparse
import multiprocessing
import os
import random
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from fanout_tools.emulators import down
from fanout_tools.emulators.lifecycle import default_run_dir
from fanout_tools.emulators.ports import free_port
from fanout_tools.emulators.record import load
from scripts.bench.support import format_table, machine, write_results
from scripts.paths import BUILD, REPOSITORY

__all__ = ["Run", "figures", "kinds"]

EMULATOR: Final = "ministack"
STOPPED_S: Final = 15.0
LATEST_S: Final = 45.0
"""A stop begins at most so long after its run: a warm run takes a minute or more."""
GIVE_UP_S: Final = 900.0


@dataclass(frozen=True)
class Run:
    """One `make demo`."""

    kind: str
    """``cold``, ``plain``, ``busy`` or ``stopped``."""
    seconds: float
    lines: int
    exit_code: int
    outcome: str
    """Its last line."""


def kinds(runs: int) -> list[str]:
    """The kind of each run: cold first; of the others a quarter is busy and a quarter stopped, in turn."""
    turn = ("stopped", "busy", "plain", "plain")
    return [*["cold"][:runs], *(turn[number % len(turn)] for number in range(runs - 1))]


def figures(done: Sequence[Run]) -> dict[str, float]:
    """What others read: runs, failed, the most lines, and the seconds of a cold and of a warm, undisturbed run."""
    warm = [run.seconds for run in done if run.kind == "plain"]
    return {
        "runs": len(done),
        "failed": sum(run.exit_code != 0 for run in done),
        "lines": max(run.lines for run in done),
        "cold_s": next((run.seconds for run in done if run.kind == "cold"), 0.0),
        "warm_s": statistics.median(warm) if warm else 0.0,
    }


def _run(number: int, kind: str, port: int, stop_after_s: float) -> Run:
    if kind == "cold":
        down(EMULATOR)
    log = BUILD / "logs" / f"demo-run-{number}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    with log.open("w", encoding="utf-8") as output, _disturbed(kind, stop_after_s):
        done = subprocess.run(
            ["make", "--no-print-directory", "demo", f"PORT={port}", f"EMULATOR={EMULATOR}"],
            cwd=REPOSITORY, env=_environment(), stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
            timeout=GIVE_UP_S, check=False,
        )  # fmt: skip
    return _read(kind, time.monotonic() - began, log, done.returncode)


def _read(kind: str, seconds: float, log: Path, exit_code: int) -> Run:
    lines = log.read_text(encoding="utf-8").splitlines()
    return Run(kind, seconds, len(lines), exit_code, lines[-1][:60] if lines else "")


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "MAKE", "MFLAGS"))}


def _disturbed(kind: str, stop_after_s: float) -> AbstractContextManager[None]:
    if kind == "busy":
        return _busy()
    return _stopped(stop_after_s) if kind == "stopped" else nullcontext()


@contextmanager
def _busy() -> Iterator[None]:
    """Keep every core busy."""
    processes = [multiprocessing.Process(target=_spin, daemon=True) for _ in range(os.cpu_count() or 1)]
    for process in processes:
        process.start()
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.join()


def _spin() -> None:
    while True:
        pass


@contextmanager
def _stopped(after_s: float) -> Iterator[None]:
    """Stop the emulator's server for ``STOPPED_S``, so long after the start; it goes on even if the run ends before."""
    ended = threading.Event()
    thread = threading.Thread(target=_stop, args=(after_s, ended))
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _stop(after_s: float, ended: threading.Event) -> None:
    run = None if ended.wait(after_s) else load(default_run_dir(EMULATOR))
    if run is None:
        return
    servers = [pid for server in run.servers for pid in (server.process.pid, *_children(server.process.pid))]
    for pid in servers:
        os.kill(pid, signal.SIGSTOP)
    ended.wait(STOPPED_S)
    for pid in servers:
        os.kill(pid, signal.SIGCONT)


def _children(parent: int) -> list[int]:
    """hypercorn answers from a child; functions are that child's, and go on."""
    found = Path(f"/proc/{parent}/task/{parent}/children").read_text(encoding="ascii")
    return [int(pid) for pid in found.split()]


def main(argv: Sequence[str] | None = None) -> int:
    """Run, print the table, write build/bench/demo_runs.json; 1 when a run failed."""
    parser = argparse.ArgumentParser(prog="make bench-demo_runs", description=__doc__)
    parser.add_argument("--runs", type=int, default=int(os.environ.get("RUNS", "20")))
    parser.add_argument("--seed", type=int, default=int(os.environ.get("SEED", "1")))
    parser.add_argument("--kinds", help="instead of --runs: kinds, with commas between")
    given = parser.parse_args(argv)
    moments, port, done = random.Random(given.seed), free_port(), list[Run]()
    try:
        for number, kind in enumerate(given.kinds.split(",") if given.kinds else kinds(given.runs), 1):
            done.append(_run(number, kind, port, moments.uniform(1, LATEST_S)))
            print(f"run {number}: {kind}, {done[-1].seconds:.0f} s: {done[-1].outcome}", flush=True)
    finally:
        down(EMULATOR)
    rows = [asdict(run) for run in done]
    print(machine())
    print(format_table(rows))
    print(f"written to {write_results('demo_runs', rows, figures(done))}")
    return int(any(run.exit_code for run in done))


if __name__ == "__main__":
    sys.exit(main())
