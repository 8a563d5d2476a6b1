"""Options that several commands take."""

from pathlib import Path
from typing import Annotated

import typer

from fanout_tools.project import project

__all__ = ["AsJson", "Namespace", "Services"]

Namespace = Annotated[
    str,
    typer.Option(envvar="FANOUT_NAMESPACE", help="The deployment: fanout-<environment>.", show_default=True),
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
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON lines.")]

DEFAULT_NAMESPACE = "fanout-local"
