"""``fanout operations``: who has changed what, when and why; and carrying on what was cut off."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any

import typer

from fanout_tools.cli.endpoint import topology_of
from fanout_tools.cli.operating import DryRun, Operating, RefusedError, carried
from fanout_tools.cli.options import LOCAL, AsJson, Env, Namespace, Services
from fanout_tools.cli.output import print_rows
from fanout_tools.operate.actions import move as moving
from fanout_tools.operate.actions.carrying import Carrier
from fanout_tools.operate.actions.drop import Drop
from fanout_tools.operate.actions.redrive import Canary, Redrive
from fanout_tools.operate.journal import Head, Operation
from fanout_tools.operate.sources.dead_letters import DeadLetterQueue

__all__ = ["app"]

app = typer.Typer(help="What operators have changed, and why; carry on what was cut off.", no_args_is_help=True)

PAYLOADS = frozenset({"before", "after"})
"""Of an edit's plan."""

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
    operating = Operating(topology_of(env, namespace, services))
    columns = ["operation", "kind", "worker", "status", "total", "who", "why"]
    print_rows(columns, map(_row, operating.journal.recent(days)), as_json=as_json)


@app.command("show")
def show(
    operation: Name,
    *,
    body: Annotated[bool, typer.Option("--body", help="Show the event before and after an edit, too.")] = False,
    env: Env = LOCAL,
    namespace: Namespace = None,
    services: Services,
) -> None:
    """Show what the journal has of one operation, as JSON, and no payload unless asked for.

    Example: fanout operations show 261128-131500-redrive-a1b2
    """
    found = Operating(topology_of(env, namespace, services)).journal.read(operation)
    steps = [
        {"number": it.number, "ids": list(it.ids), "intent": dict(it.intent), "done": it.done and dict(it.done)}
        for it in found.steps
    ]
    told = {**_told(found.head, body=body), "planned": list(found.planned), "steps": steps, "notes": list(found.notes)}
    print(json.dumps(told, indent=2, ensure_ascii=False))


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
    operating = Operating(topology_of(env, namespace, services))
    found = operating.journal.read(operation)
    head = found.head
    if head.kind not in ("redrive", "drop", "edit", "replay", moving.KIND):
        raise RefusedError(f"{operation}: a {head.kind} is not resumed; for a pause there is `fanout resume WORKER`")
    if dry_run:
        _tell_rest(found, as_json=as_json)
        return
    if head.kind == "replay":
        from fanout_tools.cli.replay import carry_on

        carry_on(operating, head, as_json=as_json)
        return
    worker = operating.topology.worker(head.worker)
    if head.kind == moving.KIND:
        work = operating.moving(worker)
        carried(operation, lambda: work.resume(head), verb=f"moved to {worker.queue} by SQS", as_json=as_json)
        return
    queue = DeadLetterQueue(operating.client("sqs"), head.plan["queue"], worker.manifest.queue.max_receives)
    carrier = _carrier(operating, head, operation, again=again)
    carrying = operating.carrying(queue, carrier, head.plan["rate"], to=None if head.kind == "drop" else worker)
    carrying.trial = Canary(operating.fence(worker)) if head.plan.get("canary") else None
    verb = "dropped" if head.kind == "drop" else f"sent to {worker.queue}"
    carried(operation, lambda: carrying.resume(operation), verb=verb, as_json=as_json)


def _tell_rest(found: Operation, *, as_json: bool) -> None:
    """What is left to do, as the journal has it; the queue may have less."""
    left, doubtful = len(set(found.planned) - found.settled), len(found.doubtful)
    if as_json:
        print(json.dumps({"operation": found.head.operation, "left": left, "may_have_been_sent": doubtful}))
        return
    print(f"{found.head.operation}: {left} of {len(found.planned)} are left; {doubtful} of them may have been sent")


def _carrier(operating: Operating, head: Head, operation: str, *, again: bool) -> Carrier:
    if head.kind == "drop":
        bucket = operating.topology.names.claims_bucket(operating.topology.account)
        return Drop(operating.client("s3"), bucket)
    worker = operating.topology.worker(head.worker)
    bodies: Mapping[str, str] = {}
    if head.kind == "edit":
        bodies = dict.fromkeys(operating.journal.read(operation).planned, head.plan["after"])
    return Redrive(operating.client("sqs"), worker, operating.fence(worker), bodies=bodies, again=again)


def _told(head: Head, *, body: bool = False) -> dict[str, Any]:
    """
    :param body: with the payloads that an edit has kept.
    """
    told = asdict(head)
    if not body:
        told["plan"] = {name: value for name, value in told["plan"].items() if name not in PAYLOADS}
    return told


def _row(head: Head) -> Mapping[str, Any]:
    return {**_told(head), "who": head.who.rpartition("/")[2] or head.who, "status": head.status.value}
