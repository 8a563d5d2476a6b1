"""``fanout dlq redrive``: messages back to their worker."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from fanout_tools.cli.dlq.queue import GroupKey, Ids, Most, PatternText, Queue, Undelivered, Where, Worker
from fanout_tools.cli.operating import DryRun, Rate, RefusedError, Why, Yes, carried, confirm, now
from fanout_tools.cli.options import LOCAL, AsJson, Env, Namespace, Services
from fanout_tools.cli.output import complain
from fanout_tools.operate.actions.carrying import MOST
from fanout_tools.operate.actions.redrive import Canary, Plan, Redrive, plan
from fanout_tools.operate.actions.selection import Selection
from fanout_tools.operate.topology import WorkerPlace
from fanout_tools.operate.views.groups import groups

__all__ = ["redrive"]


def redrive(
    worker: Worker,
    *,
    why: Why,
    group: GroupKey = "",
    ids: Ids = None,
    pattern: PatternText = "",
    where: Where = "",
    rate: Rate = "20/s",
    canary: Annotated[
        bool, typer.Option("--canary", help="In steps of 1, 2, 5, 10 ...; stop when a tenth fails.")
    ] = False,
    patience_s: Annotated[int, typer.Option(min=1, help="Of --canary: how long to wait for a step.")] = 300,
    most: Most = 10_000,
    handled: Annotated[bool, typer.Option("--handled", help="Those too that have been handled.")] = False,
    undelivered: Undelivered = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    env: Env = LOCAL,
    namespace: Namespace = None,
    services: Services,
    as_json: AsJson = False,
) -> None:
    """Give messages back to their worker: each is in the DLQ, in the queue, or for a moment in both, and the worker's
    idempotency store keeps it to one effect.

    The exit status is 4 when some came back or were not taken.

    Example: fanout dlq redrive inventory --group 9f2a10 --canary --why "fixed in v43"
    """
    queue = Queue.of(env, namespace, services, worker, undelivered=undelivered)
    selection = Selection(group=group, ids=tuple(ids or ()), pattern=pattern, where=where)
    _, letters = queue.chosen(selection, MOST)
    decided = plan(queue.worker, letters[:most], queue.known(letters[:most]), now=now(), again=handled)
    failed_ms = max((letter.sent_ms for letter in decided.chosen), default=0)
    warnings = queue.operating.paused_and_idle_since(queue.worker, failed_ms) if decided.chosen else []
    _tell_plan(queue.worker, decided, warnings, rate, as_json=as_json, alone=dry_run or not decided.chosen)
    if canary and queue.worker.records_table is None:
        raise RefusedError(f"worker {worker} remembers nothing (idempotency: off): --canary cannot see what came back")
    if dry_run or not decided.chosen:
        return
    confirm(f"Give {len(decided.chosen)} messages back to worker {worker}?", yes=yes)
    fence = queue.operating.fence(queue.worker)
    carrier, trial = Redrive(queue.operating.client("sqs"), queue.worker, fence), Canary(fence) if canary else None
    head = queue.head("redrive", why, decided.chosen, selection=selection, rate=rate, canary=canary)
    work = queue.operating.carrying(queue.queue, carrier, rate, to=queue.worker)
    work.trial, work.patience_s = trial, patience_s
    verb = f"sent to {queue.worker.queue}"
    try:
        carried(head.operation, lambda: work.start(head, decided.chosen), verb=verb, as_json=as_json)
    finally:
        if trial is not None and trial.back:
            _tell_back(queue, trial)


def _tell_back(queue: Queue, trial: Canary) -> None:
    """Why the events of the last step are in the DLQ again."""
    wanted = {letter.event_id for letter in trial.back}
    letters = [letter for letter in queue.queue.browse(MOST).letters if letter.event_id in wanted]
    for group in groups(letters):
        complain(f"fanout: {group.count} came back: {group.cause}: {group.text}")


def _tell_plan(
    worker: WorkerPlace, decided: Plan, warnings: list[str], rate: str, *, as_json: bool, alone: bool
) -> None:
    told = decided.to_json()
    for text in (*decided.surprises, *warnings):
        complain(f"fanout: {text}")
    if as_json and not alone:
        return  # what becomes of it is the one line
    if as_json:
        print(json.dumps({**told, "surprises": [*told["surprises"], *warnings], "to": worker.queue, "rate": rate}))
        return
    kinds = ", ".join(f"{count} {kind}" for kind, count in told["kinds"].items())
    print(f"{told['chosen']} messages to {worker.queue} at {rate}{f': {kinds}' if kinds else ''}")
    for reason, count in decided.left_out.items():
        print(f"{count} left out: {reason}")
