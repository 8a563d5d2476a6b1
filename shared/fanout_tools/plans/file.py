"""The plan of an environment as a file, for the tools that read plans: build/plans/ENV.json.

It is made anew only when something that it is made of has changed since, because making it takes about a minute.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from fanout.errors import PlanError
from fanout_tools.project import Project, project
from fanout_tools.proof import planning

__all__ = ["current", "plan_file", "read"]

_PROOF: Final = Path(planning.__file__).parent
"""What a plan is made with; a change of it makes plans anew."""


def plan_file(environment: str) -> Path:
    """The file with the environment's plan, made first where it is missing or out of date.

    :raises PlanError: there is no such environment, or values stay unknown.
    :raises TerraformError: Terraform refuses the environment.
    :raises EmulatorError: MiniStack does not start.
    """
    path = project().build / "plans" / f"{environment}.json"
    if not current(path, _sources(project())):
        shown = planning.plan_environment(environment)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(shown), encoding="utf-8")
    return path


def read(file: Path) -> Any:
    """A plan, as ``terraform show -json`` printed it.

    :raises PlanError: the file cannot be read, or is not JSON.
    """
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise PlanError(f"{file}: cannot be read as a plan: {error}") from error


def current(path: Path, sources: Iterator[Path]) -> bool:
    """Whether a file is there and no source is newer."""
    return path.exists() and all(source.stat().st_mtime <= path.stat().st_mtime for source in sources)


def _sources(of: Project) -> Iterator[Path]:
    """What a plan is made of. The folder too: a worker that is gone changes nothing else."""
    for folder, pattern in ((of.terraform, "**/*.tf"), (of.services, "*/*.yaml"), (of.schemas, "**/*.json")):
        yield from folder.glob(pattern)
    yield from _PROOF.glob("*.py")
    yield of.services
