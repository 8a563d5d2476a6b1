"""``fanout dlq redrive``: messages back to their worker."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from fanout_tools.cli.dlq.queue import GroupKey, Ids, Most, PatternText, Queue, Undelivered, Where, Worker
from fanout_tools.cli.operating import DryRun, Rate, RefusedError, Why, Yes, carried, confirm, now
from fanout_tools.cli.options import LOCAL, AsJson, Env, Namespace, Services
from fanout_tools.cli.output import complain
from fanout_tools.operate.actions import move as moving
from fanout_tools.operate.actions.carrying import MOST
from fanout_tools.operate.actions.redrive import Canary, Plan, Redrive, plan
from fanout_tools.operate.actions.selection import Selection
from fanout_tools.operate.limits import parse_rate
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
    server: Annotated[
        bool, typer.Option("--server", help="Have SQS move the whole queue, up to 500/s; nobody has to wait.")
    ] = False,
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

    On AWS the rate halves while the worker's queue is late, by half of slo.age_s, and the redrive stops where Lambda
    throttles the function. The exit status is 4 when some came back or were not taken.

    Example: fanout dlq redrive inventory --group 9f2a10 --canary --why "fixed in v43"
    """
    queue = Queue.of(env, namespace, services, worker, undelivered=undelivered)
    selection = Selection(group=group, ids=tuple(ids or ()), pattern=pattern, where=where)
    if server and (selection != Selection() or canary or undelivered):
        raise RefusedError("--server moves all of the worker's DLQ: leave out what chooses among it, and --canary")
    letters = queue.chosen(selection, MOST)[1][: MOST if server else most]
    known = queue.known(letters)
    decided = plan(queue.worker, letters, known, now=now(), again=handled)
    failed_ms = max((letter.sent_ms for letter in decided.chosen), default=0)
    warnings = queue.operating.paused_and_idle_since(queue.worker, failed_ms) if decided.chosen else []
    _tell_plan(queue.worker, decided, warnings, rate, as_json=as_json, alone=dry_run or not decided.chosen)
    if canary and queue.worker.records_table is None:
        raise RefusedError(f"worker {worker} remembers nothing (idempotency: off): --canary cannot see what came back")
    if server and (reason := moving.refusal(queue.worker, decided, known)):
        raise RefusedError(reason)
    if dry_run or not decided.chosen:
        return
    confirm(f"Give {len(decided.chosen)} messages back to worker {worker}?", yes=yes)
    if server:
        _move(queue, why, decided, rate, as_json=as_json)
    else:
        _redrive(queue, why, decided, selection, rate, Canary(queue.fence) if canary else None, patience_s, as_json)


def _redrive(
    queue: Queue,
    why: str,
    decided: Plan,
    selection: Selection,
    rate: str,
    trial: Canary | None,
    patience_s: int,
    as_json: bool,
) -> None:
    carrier = Redrive(queue.operating.client("sqs"), queue.worker, queue.fence)
    head = queue.head("redrive", why, decided.chosen, selection=selection, rate=rate, canary=trial is not None)
    work = queue.operating.carrying(queue.queue, carrier, rate, to=queue.worker)
    work.trial, work.patience_s = trial, patience_s
    verb = f"sent to {queue.worker.queue}"
    try:
        carried(head.operation, lambda: work.start(head, decided.chosen), verb=verb, as_json=as_json)
    finally:
        if trial is not None and trial.back:
            _tell_back(queue, trial)


def _move(queue: Queue, why: str, decided: Plan, rate: str, *, as_json: bool) -> None:
    per_s = max(1, min(moving.MOST_PER_S, round(parse_rate(rate))))
    head = queue.head(moving.KIND, why, decided.chosen, selection=Selection(), rate=rate, per_s=per_s)
    work = queue.operating.moving(queue.worker)
    verb = f"moved to {queue.worker.queue} by SQS"
    carried(head.operation, lambda: work.start(head), verb=verb, as_json=as_json)


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
