"""The plan of an environment as a file, for the tools that read plans: build/plans/ENV.json.

    python -m fanout_tools.plans.file ENV          # prints the file's name

It is made anew only when something that it is made of has changed since, because making it takes about a minute.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from fanout.errors import PlanError
from fanout_tools import emulators
from fanout_tools.deploy import terraform
from fanout_tools.project import BUILD, REPOSITORY
from fanout_tools.proof.planning import plan_environment

__all__ = ["current", "plan_file"]

PLANS: Final = BUILD / "plans"
_SOURCES: Final = (
    ("terraform", "**/*.tf"),
    ("services", "*/*.yaml"),
    ("shared/contracts/schemas", "**/*.json"),
    ("shared/fanout_tools/proof", "*.py"),
)


def plan_file(environment: str) -> Path:
    """The file with the environment's plan, made first where it is missing or out of date.

    :raises PlanError: there is no such environment, or values stay unknown.
    :raises TerraformError: Terraform refuses the environment.
    :raises EmulatorError: MiniStack does not start.
    """
    path = PLANS / f"{environment}.json"
    if not current(path, _sources(REPOSITORY)):
        shown = plan_environment(environment)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(shown), encoding="utf-8")
    return path


def current(path: Path, sources: Iterator[Path]) -> bool:
    """Whether a file is there and no source is newer."""
    return path.exists() and all(source.stat().st_mtime <= path.stat().st_mtime for source in sources)


def _sources(repository: Path) -> Iterator[Path]:
    """What a plan is made of. The folder too: a worker that is gone changes nothing else."""
    for folder, pattern in _SOURCES:
        yield from (repository / folder).glob(pattern)
    yield repository / "services"


def main(argv: Sequence[str] | None = None) -> int:
    """Make the file and print its name; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m fanout_tools.plans.file", description="The plan of an environment."
    )
    parser.add_argument("environment", help="a folder of terraform/environments")
    try:
        print(plan_file(parser.parse_args(argv).environment))
    except (PlanError, terraform.TerraformError, emulators.EmulatorError, OSError) as error:
        print(f"plan-file: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
