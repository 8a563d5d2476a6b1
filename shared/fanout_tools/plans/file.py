"""The plan of an environment as a file, for the tools that read plans: build/plans/ENV.json.

It is the union of the plans of the environment's stacks (build/plans/ENV/STACK.json), each of which is made anew only
when something that it is made of has other content than it had then; the digest of that lies beside it, in
STACK.made-of. Where many are to be made, the whole is planned once and taken apart, which is quicker.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from fanout.errors import PlanError
from fanout_tools import supervisor
from fanout_tools.declarations.worker import worker_name
from fanout_tools.deploy.terraform.binary import version
from fanout_tools.plans import plan, stacks
from fanout_tools.project import Project, project
from fanout_tools.proof import identities, planning

__all__ = ["Kept", "plan_file", "read"]

Resources = Sequence[Mapping[str, Any]]

_PLANNER: Final = tuple(Path(str(module.__file__)) for module in (planning, identities, plan, stacks))
"""What a plan is made with; a change of it makes plans anew."""
_WORKING_FILES: Final = (".terraform", ".tfstate")
"""What running Terraform leaves among its files begins or ends so; planning copies none of it."""
_SET: Final = ("TF_VAR_", "TF_CLI_ARGS")
"""Variables of this process that a plan depends on."""
_AT_ONCE: Final = 2
"""Terraform and its provider keep a core busy, and hold a gigabyte."""
_FEW: Final = 20
"""A stack takes a fixed time, and the whole one that grows with its size: one in so many is planned alone."""


def plan_file(environment: str) -> Path:
    """The file with the environment's plan, made first where it is missing or made of something else.

    :raises PlanError: there is no such environment, or values stay unknown.
    :raises ManifestError: a worker.yaml is wrong.
    :raises TerraformError: Terraform refuses the environment.
    :raises EmulatorError: MiniStack does not start.
    """
    kept = Kept(project(), environment)
    path = kept.folder.with_suffix(".json")
    if not kept.stale() and path.exists():
        return path
    path.unlink(missing_ok=True)
    kept.renew()
    whole = [resource for stack in kept.stacks for resource in kept.resources(stack)]
    path.write_text(json.dumps({"planned_values": {"root_module": {"resources": whole}}}), encoding="utf-8")
    return path


@dataclass(frozen=True)
class Kept:
    """The plans of an environment's stacks, as far as they were made."""

    of: Project
    environment: str

    @property
    def folder(self) -> Path:
        return self.of.build / "plans" / self.environment

    @property
    def stacks(self) -> Sequence[str]:
        return stacks.stack_names(self.of.services)

    def resources(self, stack: str) -> Resources:
        """What the stack's plan makes."""
        found: Resources = read(self.folder / f"{stack}.json")
        return found

    def stale(self) -> list[str]:
        """The stacks without a plan of what they are made of now."""
        shared = _shared(self.of, self.environment)
        return [stack for stack in self.stacks if not self._is_kept(stack, _made_of(self.of, shared, stack))]

    def _is_kept(self, stack: str, digest: str) -> bool:
        path, made = self.folder / f"{stack}.json", self.folder / f"{stack}.made-of"
        return path.exists() and made.exists() and made.read_text(encoding="utf-8") == digest

    def renew(self) -> None:
        """Plan what is stale, each alone or all together; see :func:`plan_file`."""
        root, wanted = planning.root_of(self.environment), self.stale()
        workers = [stack for stack in wanted if stack not in (stacks.PLATFORM, stacks.EDGE)]
        if len(workers) * _FEW > len(self.stacks) or not planning.has_stacks(root):
            self._keep_parts(planning.plan_environment(self.environment))
            return
        work = self.of.build / "check_plan" / self.environment
        with planning.Planner.begun(root, services=self.of.services, work=work) as planner:
            if not (self.folder / f"{stacks.PLATFORM}.json").exists():
                self._keep(stacks.PLATFORM, _planned(planner.plan(stacks.PLATFORM)))
            # Of an older plan too: names and identities of key and layers are made of nothing that changes.
            names = planner.know(self.resources(stacks.PLATFORM))
            supervisor.in_parallel(
                [partial(self._plan, planner, stack, names) for stack in self.stale()], at_once=_AT_ONCE
            )

    def _plan(self, planner: planning.Planner, stack: str, names: Mapping[str, str]) -> None:
        self._keep(stack, _renamed(_planned(planner.plan(stack)), names))

    def _keep_parts(self, shown: Mapping[str, Any]) -> None:
        whole = _planned(shown)
        owners = stacks.Owners.read(self.of.services, plan.namespace_of(whole))
        parts: dict[str, list[Mapping[str, Any]]] = {stack: [] for stack in self.stacks}
        for resource in whole:
            parts[owners.stack_of(resource["address"]) or stacks.PLATFORM].append(resource)
        for stack, resources in parts.items():
            self._keep(stack, resources)

    def _keep(self, stack: str, resources: Resources) -> None:
        path, made = self.folder / f"{stack}.json", self.folder / f"{stack}.made-of"
        self.folder.mkdir(parents=True, exist_ok=True)
        made.unlink(missing_ok=True)
        path.write_text(json.dumps(resources), encoding="utf-8")
        digest = _made_of(self.of, _shared(self.of, self.environment), stack)
        made.write_text(digest, encoding="utf-8")  # last, so that no plan that is written in part counts


def _planned(shown: Mapping[str, Any]) -> Resources:
    return list(plan.resources(shown["planned_values"]["root_module"]))


def _renamed(resources: Resources, names: Mapping[str, str]) -> Resources:
    """With the names of the platform's plan in place of those that MiniStack made up."""
    text = json.dumps(resources)
    for found, wanted in names.items():
        text = text.replace(found, wanted)
    renamed: Resources = json.loads(text)
    return renamed


def read(file: Path) -> Any:
    """A plan, as ``terraform show -json`` printed it.

    :raises PlanError: the file cannot be read, or is not JSON.
    """
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise PlanError(f"{file}: cannot be read as a plan: {error}") from error


def _made_of(of: Project, shared: str, stack: str) -> str:
    """The digest of all that the plan of a stack is made of: what it shares with the others, and the declarations that
    it reads, which are a worker's own, or all of them."""
    digest = hashlib.sha256(f"{shared}\0{stack}".encode())
    for file in sorted(_declarations(of.services, stack)):
        content = file.read_bytes()
        digest.update(f"\0{file.relative_to(of.services)}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def _declarations(services: Path, stack: str) -> Iterator[Path]:
    if stack in (stacks.PLATFORM, stacks.EDGE):
        yield from (*services.glob("*/*.yaml"), *services.glob("*/*.json"))
    else:
        yield from (it for it in services.glob("*/worker.yaml") if worker_name(it.parent) == stack)


def _shared(of: Project, environment: str) -> str:
    """The digest of what every stack's plan is made of: the names and contents of Terraform's files, the names of the
    contracts' schemas, Terraform's version, and the variables of this process that it reads.

    :raises TerraformMissingError: there is no usable Terraform.
    """
    digest = hashlib.sha256(f"{environment}\0{version()}".encode())
    digest.update(repr(sorted(it for it in os.environ.items() if it[0].startswith(_SET))).encode())
    digest.update(repr(sorted(str(it.relative_to(of.schemas)) for it in of.schemas.rglob("*.json"))).encode())
    for root, file in sorted(_sources(of)):
        content = file.read_bytes()
        digest.update(f"\0{file.relative_to(root)}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def _sources(of: Project) -> Iterator[tuple[Path, Path]]:
    """Each with the folder that its name is given from, so that the digest is the same wherever the project lies."""
    yield from ((of.terraform, file) for file in of.terraform.rglob("*") if file.is_file() and not _left(file))
    yield from ((file.parent, file) for file in _PLANNER)


def _left(file: Path) -> bool:
    return any(part.startswith(_WORKING_FILES[0]) or _WORKING_FILES[1] in part for part in file.parts)
