"""Which deployment a command speaks of, and where its AWS answers."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fanout_tools.cli.deployment import DeploymentError
from fanout_tools.cli.options import LOCAL
from fanout_tools.declarations.naming import Names, region_code
from fanout_tools.operate.identity import region
from fanout_tools.operate.topology import Topology
from fanout_tools.project import project

if TYPE_CHECKING:
    from fanout_tools.emulators import Endpoints

__all__ = ["names_of", "reach", "topology_of"]

_BUS: Final = re.compile(r'^\s*event_bus_name\s*=\s*"([^"$]*)"', re.MULTILINE)


def names_of(env: str, namespace: str | None) -> Names:
    """The names of a deployment: the environment's of this project, or of a namespace of its own.

    Whether it is on an existing bus, its settings say.

    :raises IdentityError: the region is part of the names, and there is none.
    """
    return Names(namespace or _namespace(env), _event_bus(env))


def _event_bus(env: str) -> str:
    """The environment's ``event_bus_name``, by the precedence that Terraform's variables have; empty: its own bus."""
    found = os.environ.get("TF_VAR_event_bus_name", "")  # noqa: SIM112, Terraform's own name
    for file in _settings(project().environments / env):
        said = _BUS.findall(file.read_text(encoding="utf-8"))
        found = said[-1] if said else found
    return found


def _settings(root: Path) -> Iterator[Path]:
    """Where an environment's settings are, the last of which holds: a value in main.tf lets nothing else be set."""
    yield from (it for it in [root / "terraform.tfvars"] if it.exists())
    yield from sorted(root.glob("*.auto.tfvars"))
    yield from sorted(root.glob("*.tf"))


def _namespace(env: str) -> str:
    """What the environment's Terraform makes of project, environment and, with ``modules/naming``, region."""
    plain = f"{project().namespace}-{env}"
    roots = (project().environments / env).glob("*.tf")
    if not any("modules/naming" in root.read_text(encoding="utf-8") for root in roots):
        return plain
    return f"{plain}-{region_code(region())}"


def reach(env: str, namespace: str | None = None) -> Names:
    """Point AWS's clients at the deployment, and return its names.

    ``local`` is the emulator that is up, or of several the one that was deployed to last; AWS_ENDPOINT_URL says
    another. Every other environment is reached as AWS's own tools reach it.

    :raises DeploymentError: ``local``, and no emulator is up.
    """
    if env == LOCAL and not os.environ.get("AWS_ENDPOINT_URL"):
        os.environ.update(_emulator().environment())
    return names_of(env, namespace)


def topology_of(env: str, namespace: str | None, services: Path) -> Topology:
    """The deployment of the project's declarations, as :func:`reach` reaches it.

    :raises DeploymentError: ``local``, and no emulator is up.
    :raises ManifestError: a worker.yaml is wrong.
    """
    names = reach(env, namespace)
    return Topology.of(replace(project(), services=services), names)


def _emulator() -> Endpoints:
    from fanout_tools import emulators

    up = {name: found for name in emulators.EMULATORS if (found := emulators.endpoints(name)) is not None}
    if not up:
        raise DeploymentError(
            "no emulator is up: `fanout deploy` starts one and deploys to it; for AWS, name the environment: --env prod"
        )
    return up[max(up, key=_deployed_at)]


def _deployed_at(emulator: str) -> float:
    """When local was last deployed to the emulator, in seconds since 1970; 0 if never."""
    state = project().build / "terraform" / f"{LOCAL}-{emulator}" / "terraform.tfstate"
    return state.stat().st_mtime if state.exists() else 0.0
