"""The scenarios on ``fanout dev``'s bus, in virtual time: ``python -m scripts.dev.side ROOT RUN`` prints what became
of each, as JSON.

A process of its own: the project's modules are imported in it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from fanout import aws
from fanout_tools.dev.console import LocalReading
from fanout_tools.dev.history import History
from fanout_tools.dev.local import Local, Teller
from fanout_tools.dev.session import session_of
from fanout_tools.dev.worker import Batch
from fanout_tools.operate.tracing import Tracing
from fanout_tools.project import project
from scripts.dev.scenarios import effects_of, outcomes, prepare, scenarios
from scripts.paths import REPOSITORY

__all__ = ["on_dev"]

LIMIT_S = 120


class Clock:
    """Time passes when nothing else is to be done."""

    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        return self.now

    def advance(self, until: float) -> None:
        self.now = until


class Keeping(Teller):
    """Keeps what workers do."""

    def __init__(self, history: History) -> None:
        self._history = history

    def handled(self, batch: Batch) -> None:
        self._history.keep(batch)


def run_all(root: Path, run: str) -> dict[str, Any]:
    """What became of each scenario's event, by the scenario's name."""
    clock, history = Clock(), History()
    local = Local(project(root), Keeping(history), clock)
    with session_of(local, history) as session:
        session.begin()
        topology = local.topology
        prepare(run, aws.client("dynamodb"), aws.client("s3"), topology.names, topology.account)
        tracing = Tracing(topology, LocalReading(session, history), local.project.services)
        told = {}
        for scenario in scenarios(run):
            for _ in range(1 + scenario.again):
                session.publish(scenario.event)
                session.settle(clock.advance)
            told[scenario.name] = {
                "outcomes": outcomes(tracing, scenario.event, 0.0),
                "effects": effects_of(aws.client("dynamodb"), topology.names, scenario),
            }
    return told


def on_dev(root: Path, run: str) -> dict[str, Any]:
    """The same from a process of its own.

    :raises RuntimeError: it failed; its standard error says why.
    """
    command = [sys.executable, "-m", "scripts.dev.side", str(root), run]
    done = subprocess.run(
        command, cwd=REPOSITORY, capture_output=True, text=True, timeout=LIMIT_S, check=False,
        env={**os.environ, "PYTHONPATH": f"{REPOSITORY}/shared:{REPOSITORY}/router:{REPOSITORY}"},
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(done.stderr[-4_000:])
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


if __name__ == "__main__":
    print(json.dumps(run_all(Path(sys.argv[1]), sys.argv[2])))
