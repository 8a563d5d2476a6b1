"""From nothing to a consumed event, as a newcomer does it: the wheel, a new project, an emulator, one more worker.

    make bench-onboarding

Everything is timed with the clock, since a person waits: installing, setting up the emulator, Terraform. A project is
written by ``fanout new project`` in an empty folder, with this repository's wheel installed as from an index. The
limits are what a newcomer bears: 5 minutes for a first event that was consumed, 90 seconds for a further worker's.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from scripts.bench.support import format_table, write_results
from scripts.paths import REPOSITORY

__all__ = ["FIRST_S", "WORKER_S", "Newcomer", "main"]

FIRST_S: Final = 300.0
WORKER_S: Final = 90.0
PATIENCE_S: Final = 300.0
STUCK: Final = 4
"""The exit status of ``fanout status`` where something waits for a person, such as a cold start that took too long."""
"""How long an event may take to be consumed before the walk has failed."""


@dataclass
class Newcomer:
    """Someone with an empty folder and a package index that has fanout."""

    folder: Path
    name: str = "shopping"
    times: dict[str, float] = field(default_factory=dict)
    """Seconds of each step, in the order of the steps."""

    @property
    def project(self) -> Path:
        return self.folder / self.name

    def build_wheel(self) -> None:
        """What the package index has; it is no part of what the newcomer waits for."""
        # What an earlier wheel was made of: setuptools would pack modules from there that are gone.
        shutil.rmtree(REPOSITORY / "build" / "lib", ignore_errors=True)
        run([sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", self.wheels, REPOSITORY])

    @property
    def wheels(self) -> Path:
        return self.folder / "wheels"

    def start(self) -> None:
        """Install fanout in an empty folder, and write the project there."""
        self.project.mkdir()
        python = self.project / ".venv" / "bin" / "python"
        self._timed("install fanout", [sys.executable, "-m", "venv", ".venv"], cwd=self.project)
        self._timed("install fanout", [python, "-m", "pip", "install", "--quiet", "fanout-bus[tools]"])
        self.fanout("new", "project", ".", step="new project")

    def make(self, *targets: str) -> None:
        """Targets of the project's own Makefile."""
        for target in targets:
            self._timed(f"make {target}", ["make", target], cwd=self.project)

    def fanout(self, *arguments: str, step: str) -> str:
        """The project's own ``fanout``."""
        return self._timed(step, [self.project / ".venv" / "bin" / "fanout", *arguments], cwd=self.project)

    def consumed(self, event: str, data: Mapping[str, Any], worker: str) -> None:
        """Publish an event, and wait until its worker has handled it."""
        self.fanout("publish", event, "--data", json.dumps(data), step="publish")
        began = time.monotonic()
        while self._handled(worker) < 1:
            if time.monotonic() - began > PATIENCE_S:
                raise AssertionError(f"{worker} has not handled {event} within {PATIENCE_S:.0f} s")
            time.sleep(0.5)
        self._add("consumed", time.monotonic() - began)

    def _handled(self, worker: str) -> int:
        return handled(self.project / ".venv" / "bin" / "fanout", worker, cwd=self.project, env=self._env)

    def leave(self) -> None:
        """Stop the emulator."""
        fanout = self.project / ".venv" / "bin" / "fanout"
        if fanout.exists():
            run([fanout, "down"], cwd=self.project, env=self._env)

    def _timed(self, step: str, command: list[Any], *, cwd: Path | None = None) -> str:
        began = time.monotonic()
        said = run(command, cwd=cwd or self.folder, env=self._env)
        self._add(step, time.monotonic() - began)
        return said

    def _add(self, step: str, seconds: float) -> None:
        self.times[step] = self.times.get(step, 0.0) + seconds

    @property
    def _env(self) -> dict[str, str]:
        """As of a new shell: nothing of this repository's environment, and fanout to be had beside the index."""
        ours = ("AWS_", "MAKE", "MFLAGS", "PYTHON", "VIRTUAL_ENV", "FANOUT_")
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        return {**inherited, "PIP_FIND_LINKS": str(self.wheels)}


def handled(fanout: Path, worker: str, *, cwd: Path, env: Mapping[str, str]) -> int:
    """How many records the worker has handled, as ``fanout status`` tells; whether all is well there is not asked."""
    said = run([fanout, "status", "--json"], cwd=cwd, env=env, well=(0, STUCK))
    return next(int(row["handled"]) for row in map(json.loads, said.splitlines()) if row.get("worker") == worker)


def run(
    command: list[Any],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    well: Collection[int] = (0,),
) -> str:
    """Run to the end; returns standard output.

    :param well: the exit statuses that are no failure.
    :raises AssertionError: it failed; the text is all it said.
    """
    done = subprocess.run(
        [str(each) for each in command], cwd=cwd, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode in well, f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}"
    return done.stdout


def first_event(newcomer: Newcomer) -> float:
    """From nothing to a consumed event; returns the seconds."""
    before = sum(newcomer.times.values())
    newcomer.start()
    newcomer.make("setup", "check", "test", "deploy")
    order = {"order_id": "1", "email": "ann@shop.example"}
    newcomer.consumed(f"{newcomer.name}.orders/OrderPlaced", order, "confirmation")
    return sum(newcomer.times.values()) - before


def further_worker(newcomer: Newcomer) -> float:
    """From a project that is deployed to one more worker that consumes an event of its own; returns the seconds."""
    before = sum(newcomer.times.values())
    event = f"{newcomer.name}.orders/OrderShipped"
    newcomer.fanout("new", "event", event, "--field", "order_id:str", "--field", "weight_kg:decimal", step="new event")
    newcomer.fanout("new", "worker", "tracking", "--on", event, step="new worker")
    newcomer.make("check", "test", "deploy")
    newcomer.consumed(event, {"order_id": "1", "weight_kg": "0.5"}, "tracking")
    return sum(newcomer.times.values()) - before


def main() -> int:
    """Walk, print the table, write build/bench/onboarding.json; 1 when a limit is passed."""
    with tempfile.TemporaryDirectory(prefix="fanout-onboarding-") as folder:
        newcomer = Newcomer(Path(folder))
        newcomer.build_wheel()
        try:
            first, worker = first_event(newcomer), further_worker(newcomer)
        finally:
            newcomer.leave()
    rows = [{"step": step, "s": round(seconds, 1)} for step, seconds in newcomer.times.items()]
    rows += [
        {"step": "first event consumed", "s": round(first, 1)},
        {"step": "further worker's", "s": round(worker, 1)},
    ]
    print(format_table(rows))
    figures = {"new_project_s": round(first, 1), "new_worker_s": round(worker, 1)}
    print(f"written to {write_results('onboarding', rows, figures)}")
    return 0 if first <= FIRST_S and worker <= WORKER_S else 1


if __name__ == "__main__":
    sys.exit(main())
