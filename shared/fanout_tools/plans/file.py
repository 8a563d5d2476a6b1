"""The plan of an environment as a file, for the tools that read plans: build/plans/ENV.json.

It is made anew only when something that it is made of has other content than it had then, because making it takes about
a minute. The digest of what it was made of lies beside it, in ENV.made-of.
"""

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from fanout.errors import PlanError
from fanout_tools.deploy.terraform.binary import version
from fanout_tools.plans import plan
from fanout_tools.project import Project, project
from fanout_tools.proof import identities, planning

__all__ = ["made_of", "plan_file", "read"]

_PLANNER: Final = tuple(Path(str(module.__file__)) for module in (planning, identities, plan))
"""What a plan is made with; a change of it makes plans anew."""
_WORKING_FILES: Final = (".terraform", ".tfstate")
"""What running Terraform leaves among its files begins or ends so; planning copies none of it."""
_SET: Final = ("TF_VAR_", "TF_CLI_ARGS")
"""Variables of this process that a plan depends on."""


def plan_file(environment: str) -> Path:
    """The file with the environment's plan, made first where it is missing or made of something else.

    :raises PlanError: there is no such environment, or values stay unknown.
    :raises TerraformError: Terraform refuses the environment.
    :raises EmulatorError: MiniStack does not start.
    """
    path = project().build / "plans" / f"{environment}.json"
    digest, kept = made_of(project(), environment), path.with_suffix(".made-of")
    if path.exists() and kept.exists() and kept.read_text(encoding="utf-8") == digest:
        return path
    kept.unlink(missing_ok=True)
    shown = planning.plan_environment(environment)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(shown), encoding="utf-8")
    kept.write_text(digest, encoding="utf-8")  # last, so that no plan that is written in part counts
    return path


def read(file: Path) -> Any:
    """A plan, as ``terraform show -json`` printed it.

    :raises PlanError: the file cannot be read, or is not JSON.
    """
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise PlanError(f"{file}: cannot be read as a plan: {error}") from error


def made_of(of: Project, environment: str) -> str:
    """The digest of all that a plan of the environment is made of: the names and contents of Terraform's files and of
    the declarations, the contracts' schemas, Terraform's version, and the variables of this process that it reads.

    :raises TerraformMissingError: there is no usable Terraform.
    """
    digest = hashlib.sha256(f"{environment}\0{version()}".encode())
    digest.update(repr(sorted(it for it in os.environ.items() if it[0].startswith(_SET))).encode())
    for root, file in sorted(_sources(of)):
        content = file.read_bytes()
        digest.update(f"\0{file.relative_to(root)}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def _sources(of: Project) -> Iterator[tuple[Path, Path]]:
    """Each with the folder that its name is given from, so that the digest is the same wherever the project lies."""
    for root, pattern in ((of.terraform, "**/*"), (of.services, "*/*.yaml"), (of.services, "*/*.json")):
        yield from ((root, file) for file in root.glob(pattern) if file.is_file() and not _left(file))
    yield from ((of.schemas, file) for file in of.schemas.rglob("*.json"))
    yield from ((file.parent, file) for file in _PLANNER)


def _left(file: Path) -> bool:
    return any(part.startswith(_WORKING_FILES[0]) or _WORKING_FILES[1] in part for part in file.parts)
