"""Commands that run beside each other, each with its output in a log, and a table of what each took.

A step with inputs is left out while these have the content with which it last passed; never where ``CI`` is set.
"""

import hashlib
import os
import re
import subprocess
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from fanout_tools.tables import format_table
from scripts.paths import BUILD, REPOSITORY

__all__ = ["CORES", "Done", "Step", "report", "run"]

HOME: Final = BUILD / "steps"
CORES: Final = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
_NOT_CONTENT: Final = {"__pycache__", ".terraform", ".terraform.lock.hcl"}
"""What running the step leaves among its inputs."""


@dataclass(frozen=True)
class Step:
    """A command.

    :ivar variables: over those of this process.
    :ivar inputs: files and folders that its outcome depends on; none means that it depends on more, and always runs.
    :ivar versions: of the programs that it runs, as its outcome depends on these too.
    """

    name: str
    command: Sequence[str]
    variables: dict[str, str] = field(default_factory=dict)
    inputs: Sequence[Path] = ()
    versions: str = ""

    @property
    def file(self) -> Path:
        """Where its log and its last pass are kept, without suffix."""
        return HOME / re.sub(r"\W+", "-", self.name)


@dataclass(frozen=True)
class Done:
    """What became of a step.

    :ivar outcome: passed, failed, or unchanged: left out.
    :ivar cpu_s: of its process and of those that it has waited for; what outlives it is not counted.
    """

    step: Step
    outcome: str
    wall_s: float = 0.0
    cpu_s: float = 0.0


def run(steps: Sequence[Step], *, at_once: int = CORES) -> list[Done]:
    """Run all, in this order, so many at once; a failed one does not stop the others, and its output is printed.

    :raises KeyboardInterrupt: once the steps that run have ended: Ctrl-C reaches them too.
    """
    pool = ThreadPoolExecutor(at_once)
    try:
        return list(pool.map(_run, steps))
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def report(done: Sequence[Done]) -> int:
    """Print the table; returns the exit code."""
    rows = [
        {"step": each.step.name, "outcome": each.outcome, "wall s": round(each.wall_s), "CPU s": round(each.cpu_s)}
        for each in done
    ]
    print(format_table(rows), flush=True)
    return 1 if any(each.outcome == "failed" for each in done) else 0


def _run(step: Step) -> Done:
    HOME.mkdir(parents=True, exist_ok=True)
    passed, content = step.file.with_suffix(".passed"), _digest(step)
    if content and not os.environ.get("CI") and passed.exists() and passed.read_text() == content:
        return Done(step, "unchanged")
    passed.unlink(missing_ok=True)
    print(f"begun: {step.name}", flush=True)
    done = _execute(step)
    print(f"{done.outcome}: {step.name}, {done.wall_s:.1f} s", flush=True)
    if done.outcome == "failed":
        print(step.file.with_suffix(".log").read_text(errors="replace"), flush=True)
    elif content:
        passed.write_text(content)
    return done


def _execute(step: Step) -> Done:
    began = time.monotonic()
    with step.file.with_suffix(".log").open("wb") as log:
        process = subprocess.Popen(
            step.command,
            cwd=REPOSITORY,
            env={**os.environ, **step.variables},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        _, status, usage = os.wait4(process.pid, 0)  # unlike Popen.wait it tells the CPU time
        process.returncode = os.waitstatus_to_exitcode(status)
    outcome = "failed" if process.returncode else "passed"
    return Done(step, outcome, time.monotonic() - began, usage.ru_utime + usage.ru_stime)


def _digest(step: Step) -> str:
    """Of the inputs' names and contents, wherever the repository lies; empty where there are none."""
    if not step.inputs:
        return ""
    digest = hashlib.sha256(_anywhere(repr((list(step.command), step.versions))))
    for file in sorted({file for given in step.inputs for file in _files(given)}):
        digest.update(_anywhere(f"\0{file}\0{file.stat().st_size}\0") + file.read_bytes())
    return digest.hexdigest()


def _anywhere(text: str) -> bytes:
    return text.replace(str(REPOSITORY), "").encode()


def _files(given: Path) -> Iterator[Path]:
    found = given.rglob("*") if given.is_dir() else [given]
    yield from (file for file in found if file.is_file() and not _NOT_CONTENT & set(file.parts))
