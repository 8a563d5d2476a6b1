"""``fanout operations``: who has changed what, when and why; and carrying on what was cut off."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from fanout_tools.cli.operating import carried, operating_of
from fanout_tools.cli.options import LOCAL, AsJson, Env, Namespace, Services
from fanout_tools.cli.output import print_rows
from fanout_tools.operate.operating import require_resumable
from fanout_tools.operate.views.operations import head_row, operation_json

__all__ = ["app"]

app = typer.Typer(help="What operators have changed, and why; carry on what was cut off.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="OPERATION", help="Its id, as `fanout operations ls` lists it.")]


@app.command("ls")
def ls(
    *,
    days: Annotated[int, typer.Option(min=1, max=90, help="Of the last so many days.")] = 7,
    env: Env = LOCAL,
    namespace: Namespace = None,
    services: Services,
    as_json: AsJson = False,
) -> None:
    """List operations, the newest first.

    Example: fanout operations ls --days 30
    """
    operating = operating_of(env, namespace, services)
    columns = ["operation", "kind", "worker", "status", "total", "who", "why"]
    print_rows(columns, map(head_row, operating.journal.recent(days)), as_json=as_json)


@app.command("show")
def show(operation: Name, *, env: Env = LOCAL, namespace: Namespace = None, services: Services) -> None:
    """Show all that the journal has of one operation, as JSON.

    Example: fanout operations show 261128-131500-redrive-a1b2
    """
    found = operating_of(env, namespace, services).journal.read(operation)
    print(json.dumps(operation_json(found), indent=2, ensure_ascii=False))


@app.command("resume")
def resume(
    operation: Name,
    *,
    again: Annotated[
        bool, typer.Option("--again", help="Send again what may have been sent, though no fence keeps a second effect.")
    ] = False,
    env: Env = LOCAL,
    namespace: Namespace = None,
    services: Services,
    as_json: AsJson = False,
) -> None:
    """Carry on an operation that was cut off, or that stopped by itself.

    Example: fanout operations resume 261128-131500-redrive-a1b2
    """
    operating = operating_of(env, namespace, services)
    head = operating.journal.read(operation).head
    require_resumable(head)
    queue = operating.topology.worker(head.worker).queue
    verb = "dropped" if head.kind == "drop" else f"sent to {queue}"
    carried(operation, lambda: operating.resumed(head, again=again), verb=verb, as_json=as_json)
