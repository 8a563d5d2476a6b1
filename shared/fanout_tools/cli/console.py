"""``fanout console``: the deployment in a browser."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from fanout_tools.cli.endpoint import topology_of
from fanout_tools.cli.operating import masking
from fanout_tools.cli.options import LOCAL, Env, Namespace, Services
from fanout_tools.errors import ToolError
from fanout_tools.project import project

__all__ = ["command"]


class MissingError(ToolError):
    """The console's own requirements are not installed."""


class Looks(StrEnum):
    """Who only looks."""

    OBSERVER = "observer"
    INVESTIGATOR = "investigator"


def command(
    *,
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Where it listens on 127.0.0.1; 0: any.")] = 8765,
    role: Annotated[Looks, typer.Option(help="observer sees numbers, investigator payloads too.")] = Looks.INVESTIGATOR,
    allow_changes: Annotated[
        bool, typer.Option("--allow-changes", help="Redrive, drop, edit, pause, replay: the role operator.")
    ] = False,
    opened: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    env: Env = LOCAL,
    namespace: Namespace = None,
    services: Services,
) -> None:
    """The deployment in a browser, until Ctrl-C: what is in trouble, each worker, an event's whole way, dead letters by
    cause, who has changed what. It works with your own credentials, listens on this machine alone, and lets in who has
    the URL that it prints.

    It changes nothing without --allow-changes; but for local and dev each change then asks for the worker's name.

        fanout console --env prod

        fanout console --env prod --allow-changes --open
    """
    topology = topology_of(env, namespace, services)
    try:
        from fanout_tools.console.access import Role
        from fanout_tools.console.serve import console_of, listening, serve
    except ModuleNotFoundError as error:
        raise MissingError(f"{error.name} is missing: pip install 'fanout-bus[tools,console]'") from error
    folder, shown = project().root, masking()
    try:
        own = listening(port)
    except OSError as error:
        raise ToolError(f"port {port}: {error.strerror}; choose another with --port, or 0") from error
    with own:
        chosen = Role.OPERATOR if allow_changes else Role[role.name]
        bound = own.getsockname()[1]
        console = console_of(
            topology, env=env, role=chosen, masking=shown, port=bound, folder=folder, services=services
        )
        serve(console, own, opened=opened)
