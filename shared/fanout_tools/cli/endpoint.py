"""Which deployment a command speaks of, and where its AWS answers."""

from __future__ import annotations

import os

from fanout_tools import emulators
from fanout_tools.cli.deployment import DeploymentError
from fanout_tools.cli.options import LOCAL
from fanout_tools.declarations.naming import Names
from fanout_tools.project import project

__all__ = ["names_of", "reach"]


def names_of(env: str, namespace: str | None) -> Names:
    """The names of a deployment: the environment's of this project, or of a namespace of its own."""
    return Names(namespace or f"{project().namespace}-{env}")


def reach(env: str, namespace: str | None = None) -> Names:
    """Point AWS's clients at the deployment, and return its names.

    ``local`` is the emulator that is up, or of several the one that was deployed to last; AWS_ENDPOINT_URL says
    another. Every other environment is reached as AWS's own tools reach it.

    :raises DeploymentError: ``local``, and no emulator is up.
    """
    if env == LOCAL and not os.environ.get("AWS_ENDPOINT_URL"):
        os.environ.update(_emulator().environment())
    return names_of(env, namespace)


def _emulator() -> emulators.Endpoints:
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
