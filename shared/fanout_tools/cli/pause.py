"""``fanout pause`` and ``fanout resume``: a worker stands still for a time."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Annotated

import typer

from fanout_tools.cli.operating import DryRun, Why, Yes, confirm, now, operating_of
from fanout_tools.cli.options import LOCAL, AsJson, Env, Namespace, Services, workers
from fanout_tools.operate.actions.pause import KIND, open_pauses
from fanout_tools.operate.windows import seconds_of

__all__ = ["pause", "resume"]

Worker = Annotated[str, typer.Argument(help="The worker.", autocompletion=workers)]


def pause(
    worker: Worker,
    *,
    why: Why,
    for_: Annotated[str, typer.Option("--for", help="How long, such as 30m, 2h, 1d; it is resumed by itself then.")],
    dry_run: DryRun = False,
    yes: Yes = False,
    env: Env = LOCAL,
    namespace: Namespace = None,
    services: Services,
    as_json: AsJson = False,
) -> None:
    """Have a worker take nothing from its queue for a time, and say when messages begin to be lost.

    It is refused (exit status 5) for longer than the queue keeps its oldest message. A deploy does not wake the worker.

    Example: fanout pause notifications --for 2h --why "the mail provider is down"
    """
    operating = operating_of(env, namespace, services)
    place = operating.topology.worker(worker)
    pausing, seconds = operating.pausing(place), seconds_of(for_, "--for")
    clock = pausing.plan(seconds, operating.oldest_s(place, now()))
    until = datetime.fromtimestamp(now() + seconds, UTC).strftime("%a %d %b %H:%M UTC")
    earlier = open_pauses(operating.journal, worker)
    if not as_json:
        print(f"worker {worker}: paused until {until}; left paused, {clock}")
        for name in earlier:
            print(f"in place of the pause {name}")
    if dry_run:
        if as_json:
            print(json.dumps({"until": now() + seconds, "loses_at": clock.loses_at, "instead_of": list(earlier)}))
        return
    confirm(f"Pause worker {worker} for {for_}?", yes=yes)
    operating.sweep()
    head = operating.operator.head(KIND, worker, why, now(), until=now() + seconds, loses_at=clock.loses_at, total=1)
    pausing.apply(head, seconds, instead_of=earlier)
    if as_json:
        print(json.dumps({"operation": head.operation, "until": now() + seconds, "loses_at": clock.loses_at}))
    else:
        print(f"{head.operation}: `fanout resume {worker}` ends it sooner")


def resume(
    worker: Worker,
    *,
    dry_run: DryRun = False,
    env: Env = LOCAL,
    namespace: Namespace = None,
    services: Services,
    as_json: AsJson = False,
) -> None:
    """Have a paused worker take from its queue again.

    Example: fanout resume notifications
    """
    operating = operating_of(env, namespace, services)
    place = operating.topology.worker(worker)
    pauses = open_pauses(operating.journal, place.name)
    if not dry_run:
        operating.pausing(place).resume(paused_by=pauses)
    if as_json:
        print(json.dumps({"worker": worker, "resumed": not dry_run, "pauses": list(pauses)}))
    elif dry_run:
        print(f"worker {worker}: would be resumed; pauses: {', '.join(pauses) or 'none in the journal'}")
    else:
        print(f"worker {worker}: takes from its queue again")
