"""``fanout replay``: events of the archive to one worker once more."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from fanout_tools.cli.operating import DryRun, Rate, RefusedError, Why, Yes, carried, confirm, now, operating_of
from fanout_tools.cli.options import LOCAL, AsJson, Env, Namespace, Services, workers
from fanout_tools.operate.actions.replay import Span, refusal
from fanout_tools.operate.actions.selection import SelectionError

__all__ = ["command"]


def command(
    *,
    worker: Annotated[str, typer.Option("--worker", help="Who gets the events.", autocompletion=workers)],
    begin: Annotated[str, typer.Option("--from", help="The first moment, ISO 8601; UTC unless it says otherwise.")],
    end: Annotated[str, typer.Option("--to", help="The last moment, at least 10 minutes ago.")],
    why: Why,
    pattern: Annotated[str, typer.Option(help="Only events that this EventBridge pattern (JSON) matches.")] = "",
    rate: Rate = "20/s",
    beyond_fence: Annotated[
        bool, typer.Option("--beyond-fence", help="Those too that the worker may have handled and forgotten.")
    ] = False,
    again: Annotated[
        str, typer.Option("--again", metavar="WORKER", help="Those too that it has handled: write its name once more.")
    ] = "",
    dry_run: DryRun = False,
    yes: Yes = False,
    env: Env = LOCAL,
    namespace: Namespace = None,
    services: Services,
    as_json: AsJson = False,
) -> None:
    """Give one worker the events of a time once more, without those that it has handled; no other worker sees them.

    With --dry-run the events are staged and counted, and nothing is sent. Events from before the worker's memory begins
    are refused (exit status 5). With --again the worker's memory of what it has handled is taken away first, so that
    each of them has a second effect; what follows from them has the ids that it had, and is known to its own workers.

    Example: fanout replay --worker loyalty --from 2026-11-27T10:00 --to 2026-11-27T12:00 --why "was not deployed"
    """
    operating = operating_of(env, namespace, services)
    place, span = operating.topology.worker(worker), Span(_seconds(begin), _seconds(end))
    if again not in ("", worker):
        raise RefusedError(f"--again {again}: would have worker {worker} handle events twice; write its name there")
    if reason := refusal(place, span, now(), beyond_fence=beyond_fence):
        raise RefusedError(f"{reason}; --beyond-fence replays them all the same" if "effect" in reason else reason)
    replay = operating.replay(place, rate)
    head = operating.replay_head(place, span, why, now(), rate=rate, pattern=_pattern(pattern), again=bool(again))
    operating.sweep()
    staged = replay.stage(head)
    if not as_json:
        print(f"{staged.count} events staged, {len(staged.chosen)} to {place.queue} at {rate}")
        for reason, count in staged.left_out.items():
            print(f"{count} left out: {reason}")
        if staged.handled:
            print(f"{len(staged.handled)} have been handled, and will have a second effect")
    if dry_run or not staged.chosen:
        replay.end(head, **staged.to_json())
        if as_json:
            print(json.dumps({"operation": head.operation, **staged.to_json()}))
        return
    confirm(f"Send {len(staged.chosen)} events to worker {worker}?", yes=yes)
    carried(head.operation, lambda: replay.send(head, staged), verb=f"sent to {place.queue}", as_json=as_json)


def _pattern(text: str) -> dict[str, Any] | None:
    if not text:
        return None
    try:
        found: dict[str, Any] = json.loads(text)
    except ValueError as error:
        raise SelectionError(f"pattern {text}: {error}") from error
    return found


def _seconds(text: str) -> float:
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        raise typer.BadParameter(f"{text}: write a time such as 2026-11-27T10:00") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
