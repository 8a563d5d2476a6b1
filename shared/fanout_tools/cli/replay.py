"""``fanout replay``: events of the archive to one worker, or to all, once more."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from fanout_tools.cli.operating import DryRun, Operating, RefusedError, Why, Yes, carried, confirm, now, operating_of
from fanout_tools.cli.options import LOCAL, AsJson, Env, Namespace, Services, workers
from fanout_tools.operate.actions.replay_span import FencedBy, Span, refusal
from fanout_tools.operate.actions.selection import SelectionError
from fanout_tools.operate.topology import WorkerPlace

__all__ = ["command"]

RATE = "20/s"
"""Of a replay to one worker, unless said."""


def command(
    *,
    worker: Annotated[str, typer.Option("--worker", help="Who gets the events.", autocompletion=workers)] = "",
    everyone: Annotated[bool, typer.Option("--all", help="All workers get the events.")] = False,
    begin: Annotated[str, typer.Option("--from", help="The first moment, ISO 8601; UTC unless it says otherwise.")],
    end: Annotated[str, typer.Option("--to", help="The last moment, at least 10 minutes ago.")],
    why: Why,
    pattern: Annotated[str, typer.Option(help="Only events that this EventBridge pattern (JSON) matches.")] = "",
    rate: Annotated[str, typer.Option(help=f"At most so many messages: 20/s, 100/m; {RATE} unless said.")] = "",
    beyond_fence: Annotated[
        bool, typer.Option("--beyond-fence", help="Those too that the worker may have handled and forgotten.")
    ] = False,
    fence: Annotated[
        FencedBy, typer.Option(help="logs: what the worker has forgotten is looked up in its log.")
    ] = FencedBy.RECORDS,
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
    With --all every worker gets them, at EventBridge's speed, and each leaves out what it has handled.

    With --dry-run the events are staged and counted, and nothing is sent. Events from before the worker's memory begins
    are refused (exit status 5), unless --fence logs has its log tell which of them were handled. With --again the
    worker's memory of what it has handled is taken away first, so that each of them has a second effect; what follows
    from them has the ids that it had, and is known to its own workers.

    Example: fanout replay --worker loyalty --from 2026-11-27T10:00 --to 2026-11-27T12:00 --why "was not deployed"
    """
    operating = operating_of(env, namespace, services)
    span = Span(_seconds(begin), _seconds(end))
    if everyone:
        by_logs = fence if fence is FencedBy.LOGS else ""
        given = {"--worker": worker, "--pattern": pattern, "--rate": rate, "--fence logs": by_logs, "--again": again}
        if unfit := [name for name, value in given.items() if value]:
            raise typer.BadParameter(f"{', '.join(unfit)}: --all replays what there is, to all, at EventBridge's speed")
        _to_all(operating, span, why, beyond_fence=beyond_fence, dry_run=dry_run, yes=yes, as_json=as_json)
        return
    if not worker:
        raise typer.BadParameter("say who gets the events: --worker WORKER, or --all")
    rate = rate or RATE
    place = operating.topology.worker(worker)
    if again not in ("", worker):
        raise RefusedError(f"--again {again}: would have worker {worker} handle events twice; write its name there")
    if again and fence is FencedBy.LOGS:
        raise typer.BadParameter("--again replays what was handled, --fence logs leaves it out: give one of them")
    if reason := refusal(place, span, now(), beyond_fence=beyond_fence, fence=fence):
        raise RefusedError(f"{reason}; {_way_out(place, fence)}" if "effect" in reason else reason)
    replay = operating.replay(place, rate)
    head = operating.replay_head(
        place, span, why, now(), rate=rate, pattern=_pattern(pattern), fence=fence, again=bool(again)
    )
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


def _to_all(
    operating: Operating, span: Span, why: str, *, beyond_fence: bool, dry_run: bool, yes: bool, as_json: bool
) -> None:
    replay = operating.replay_all()
    reach = replay.reach()
    if reasons := replay.refusals(span, beyond_fence=beyond_fence):
        more = "; --beyond-fence replays them all the same" if any("effect" in reason for reason in reasons) else ""
        raise RefusedError("; ".join(reasons) + more)
    if not as_json:
        print(f"{len(reach.workers)} workers get the events, by {len(reach.rules)} rules: {', '.join(reach.workers)}")
    if dry_run:
        if as_json:
            print(json.dumps(reach.to_json()))
        return
    confirm(f"Replay the events of that time to all {len(reach.workers)} workers?", yes=yes)
    head = operating.replay_all_head(reach, span, why, now())
    replay.run(head)
    print(json.dumps({"operation": head.operation, **reach.to_json()}) if as_json else f"{head.operation}: replayed")


def _way_out(worker: WorkerPlace, fence: FencedBy) -> str:
    beyond = "--beyond-fence replays them all the same"
    if fence is FencedBy.LOGS or worker.manifest.idempotency.key:
        return beyond
    return f"--fence logs asks its log which were handled, {beyond}"


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
