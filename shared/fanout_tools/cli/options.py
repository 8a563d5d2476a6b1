"""Options that several commands take."""

import os
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from fanout_tools.declarations.worker import worker_name
from fanout_tools.errors import ToolError
from fanout_tools.project import project

__all__ = [
    "LOCAL",
    "MINISTACK",
    "AsJson",
    "Emulator",
    "EmulatorName",
    "Env",
    "Namespace",
    "Port",
    "Services",
    "environments",
    "workers",
]


def environments(incomplete: str) -> list[str]:
    """What a shell offers for an environment."""
    return _offered(incomplete, lambda: [it.name for it in project().environments.iterdir() if it.is_dir()])


def workers(incomplete: str) -> list[str]:
    """What a shell offers for a worker: those that are declared."""
    return _offered(incomplete, lambda: [worker_name(it.parent) for it in _services().glob("*/worker.yaml")])


def _services() -> Path:
    return Path(os.environ.get("FANOUT_SERVICES") or project().services)


def _offered(incomplete: str, names: Callable[[], list[str]]) -> list[str]:
    """Nothing where there is no project: an error would stand in the line that a person is writing."""
    try:
        return sorted(name for name in names() if name.startswith(incomplete))
    except (ToolError, OSError):
        return []


class EmulatorName(StrEnum):
    """The emulators that there are: :data:`fanout_tools.emulators.EMULATORS`."""

    MINISTACK = "ministack"
    LOCALSTACK = "localstack"
    LOCALSTACK_DOCKER = "localstack-docker"


MINISTACK = EmulatorName.MINISTACK
"""What commands start unless told otherwise."""

LOCAL = "local"
"""The environment on an emulator."""

Env = Annotated[
    str,
    typer.Option(
        envvar="FANOUT_ENV", help="The environment: a folder of terraform/environments.", autocompletion=environments
    ),
]
Namespace = Annotated[
    str | None,
    typer.Option(
        envvar="FANOUT_NAMESPACE",
        help="The prefix of the deployment's names.",
        show_default="<the project's namespace>-ENV",
    ),
]
Services = Annotated[
    Path,
    typer.Option(
        envvar="FANOUT_SERVICES",
        default_factory=lambda: project().services,
        show_default="services of the project",
        help="Where the workers are declared.",
    ),
]
Emulator = Annotated[EmulatorName, typer.Option(help="Which emulator local is.")]
Port = Annotated[
    int | None, typer.Option(help="Where the emulator listens: 4566, or a free port where that is taken; 0 any.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON lines.")]
