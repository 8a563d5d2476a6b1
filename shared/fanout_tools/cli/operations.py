"""``fanout operations``: who has changed what, when and why; and carrying on what was cut off."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from fanout_tools.cli.operating import DryRun, Personal, PersonalWhy, carried, masking_of, operating_of
from fanout_tools.cli.options import LOCAL, AsJson, Env, Namespace, Services
from fanout_tools.cli.output import print_rows
from fanout_tools.operate.actions.move import KIND as MOVE
from fanout_tools.operate.actions.replay_all import KIND as REPLAY_ALL
from fanout_tools.operate.journal import Operation
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
def show(
    operation: Name,
    *,
    body: Annotated[bool, typer.Option("--body", help="Show the event before and after an edit, too.")] = False,
    personal: Personal = False,
    why: PersonalWhy = "",
    env: Env = LOCAL,
    namespace: Namespace = None,
    services: Services,
) -> None:
    """Show what the journal has of one operation, as JSON, and no payload unless asked for; personal values in it are
    masked.

    Example: fanout operations show 261128-131500-redrive-a1b2
    """
    operating = operating_of(env, namespace, services)
    found = operating.journal.read(operation)
    worker, ids = found.head.worker, found.planned
    shown = masking_of(operating, worker, ids, personal=personal, why=why) if body or personal else None
    print(json.dumps(operation_json(found, body=shown), indent=2, ensure_ascii=False))


@app.command("resume")
def resume(
    operation: Name,
    *,
    again: Annotated[
        bool, typer.Option("--again", help="Send again what may have been sent, though no fence keeps a second effect.")
    ] = False,
    dry_run: DryRun = False,
    env: Env = LOCAL,
    namespace: Namespace = None,
    services: Services,
    as_json: AsJson = False,
) -> None:
    """Carry on an operation that was cut off, or that stopped by itself.

    Example: fanout operations resume 261128-131500-redrive-a1b2
    """
    operating = operating_of(env, namespace, services)
    found = operating.journal.read(operation)
    head = found.head
    require_resumable(head)
    if dry_run:
        _tell_rest(found, as_json=as_json)
        return
    if head.kind == REPLAY_ALL:
        operating.resumed(head)
        print(json.dumps({"operation": operation}) if as_json else f"{operation}: replayed")
        return
    queue = operating.topology.worker(head.worker).queue
    verb = {"drop": "dropped", MOVE: f"moved to {queue} by SQS"}.get(head.kind, f"sent to {queue}")
    carried(operation, lambda: operating.resumed(head, again=again), verb=verb, as_json=as_json)


def _tell_rest(found: Operation, *, as_json: bool) -> None:
    """What is left to do, as the journal has it; the queue may have less."""
    left, doubtful = len(set(found.planned) - found.settled), len(found.doubtful)
    if as_json:
        print(json.dumps({"operation": found.head.operation, "left": left, "may_have_been_sent": doubtful}))
        return
    print(f"{found.head.operation}: {left} of {len(found.planned)} are left; {doubtful} of them may have been sent")
