"""What a plan costs by the number of workers: the whole at once, as one state has it, beside one worker's stack.

    make bench-plan_scale            25, 100, 300 and 500 workers

Generated workers on 40 domains (`generated.py`), the environment `prod`; plans from nothing, as `check-plan` makes
them, without refreshing. ``check-plan`` itself is timed cold, with nothing changed, and with one worker changed. The
peer is the whole: what every tool plans that has one state.
"""

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

from fanout_tools.plans import Plan, resources
from fanout_tools.plans.file import plan_file, read
from fanout_tools.plans.stacks import EDGE, PLATFORM
from fanout_tools.project import project
from fanout_tools.proof import identities, planning
from scripts.bench.generated import generate, names
from scripts.bench.support import format_table, write_results
from scripts.paths import BUILD, REPOSITORY

SIZES: Final = (25, 100, 300, 500)
PROVEN: Final = 100
"""Check-plan is timed at this size."""
T = TypeVar("T")
ONE_OF_300_S, CHECK_OWN_S, CHECK_100_S = 20.0, 15.0, 60.0


def main() -> int:
    """Run it; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    sizes = parser.parse_args().sizes
    rows, figures = [], dict[str, float]()
    for size in sizes:
        with generated(size):
            rows.append(planned(size))
            if size == PROVEN:
                figures |= checked("check_plan_100", names(size)[3])
    with inside(REPOSITORY):
        figures["check_plan_own_s"] = check()[1]
    for row in rows:
        figures[f"plan_{row['workers']}_s"] = row["whole s"]
        figures[f"plan_one_of_{row['workers']}_s"] = row["one worker s"]
        figures[f"resources_{row['workers']}"] = row["resources"]
    print(format_table(rows))
    print(format_table([{"what": key, "s": value} for key, value in figures.items() if key.startswith("check")]))
    print(write_results("plan_scale", rows, figures))
    return 0 if _held(figures) else 1


def _held(figures: dict[str, float]) -> bool:
    return (
        figures.get("plan_one_of_300_s", 0) < ONE_OF_300_S
        and figures.get("check_plan_own_s", 0) < CHECK_OWN_S
        and figures.get("check_plan_100_s", 0) < CHECK_100_S
    )


@contextmanager
def generated(workers: int) -> Iterator[None]:
    """In a project of so many workers, whose MiniStack is this repository's."""
    with tempfile.TemporaryDirectory() as folder:
        generate(Path(folder), workers)
        emulator = BUILD / "emulators"
        (Path(folder) / "build").mkdir()
        if emulator.exists():
            shutil.copytree(emulator, Path(folder) / "build" / "emulators", symlinks=True)
        with inside(Path(folder)):
            yield


@contextmanager
def inside(folder: Path) -> Iterator[None]:
    """With this as the working directory."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def planned(workers: int) -> dict[str, Any]:
    """One plan of each stack that a worker's change touches, and of the whole: clock and CPU seconds."""
    work, root = project().build / "bench", planning.root_of("prod")
    with planning.Planner.begun(root, services=project().services, work=work) as planner:
        of_platform, platform = timed(lambda: planner.once(PLATFORM))
        planner.know(identified(platform))
        of_worker, _ = timed(lambda: planner.once(names(workers)[3]))
        of_edge, _ = timed(lambda: planner.once(EDGE))
        whole, shown = timed(lambda: planner.once(None))
    return {
        "workers": workers,
        "one worker s": round(of_worker[0], 1),
        "CPU s": round(of_worker[1], 1),
        "platform s": round(of_platform[0], 1),
        "edge s": round(of_edge[0], 1),
        "whole s": round(whole[0], 1),
        "whole CPU s": round(whole[1], 1),
        "resources": len(list(resources(shown["planned_values"]["root_module"]))),
        "whole / one": round(whole[1] / of_worker[1], 1),
    }


def identified(shown: dict[str, Any]) -> list[dict[str, Any]]:
    """The platform's resources with the identities that AWS would give."""
    return list(resources(identities.identified(shown)["planned_values"]["root_module"]))


def checked(key: str, worker: str) -> dict[str, float]:
    """Check-plan cold, with nothing changed, and with one worker changed."""
    cold, same = check()
    file = project().services / worker / "worker.yaml"
    file.write_text(file.read_text(encoding="utf-8") + "slo: { age_s: 600 }\n", encoding="utf-8")
    changed, _ = check()
    return {f"{key}_cold_s": cold, f"{key}_same_s": same, f"{key}_s": changed}


def check() -> tuple[float, float]:
    """Seconds of ``fanout check-plan prod``, and once more."""
    return tuple(round(timed(_check_plan)[0][0], 1) for _ in range(2))  # type: ignore[return-value]


def _check_plan() -> None:
    command = [str(Path(sys.executable).with_name("fanout")), "check-plan", "prod"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "pairs of event and worker" not in done.stdout:
        raise SystemExit(done.stdout + done.stderr)
    Plan.read(read(plan_file("prod")))  # it is there, and whole


def timed(do: Callable[[], T]) -> tuple[tuple[float, float], T]:
    """Clock seconds, and CPU seconds of the processes that it ran; and what it returned."""
    began, before = time.monotonic(), _cpu()
    found = do()
    return (time.monotonic() - began, _cpu() - before), found


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    sys.exit(main())
