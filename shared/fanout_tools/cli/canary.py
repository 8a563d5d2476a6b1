"""``fanout canary``: whether each hop of a deployment delivers."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any

import typer

from fanout import aws
from fanout_tools.canary.deployed import Deployed
from fanout_tools.canary.planning import Declared
from fanout_tools.canary.run import Result, Verdict, run
from fanout_tools.cli.endpoint import reach
from fanout_tools.cli.options import LOCAL, AsJson, Env, Namespace, Services
from fanout_tools.cli.output import complain, print_rows
from fanout_tools.project import project

__all__ = ["LIMIT_S", "command", "tell"]

LIMIT_S = 60.0
"""From end to end, with cold starts."""

COLUMNS = ["event", "worker", "to queue ms", "in queue ms", "to function ms", "result"]


def command(
    *,
    limit_s: Annotated[float, typer.Option(min=1, help="From end to end, beside the batch window.")] = LIMIT_S,
    paused: Annotated[list[str] | None, typer.Option(help="A worker that is paused: late, not failed.")] = None,
    env: Env = LOCAL,
    namespace: Namespace = None,
    services: Services,
    as_json: AsJson = False,
) -> None:
    """Send a canary for each pair of event and worker through bus, topic, queue and function, and show the time of each
    hop. No handler sees it, and nothing of it stays.

    The exit status is 1 if a hop does not deliver: it is named, with the likely cause and the fix.

    Example: fanout canary --env prod
    """
    names, client = reach(env, namespace), aws.client
    declared = Declared.read(replace(project(), services=services))
    for worker in paused or ():
        if worker not in declared.manifests:
            raise typer.BadParameter(f"{worker}: no such worker", param_hint="--paused")
    results = run(Deployed(names, client), declared, limit_s=limit_s, paused=paused or ())  # type: ignore[arg-type]
    if tell(results, title=names.namespace, as_json=as_json):
        raise typer.Exit(1)


def tell(results: Sequence[Result], *, title: str, as_json: bool = False) -> bool:
    """Print the table, and a line for each fault; whether there is any."""
    if results:
        print_rows(COLUMNS, map(_row, results), as_json=as_json, title=title)
    faults = {str(it.fault): it for it in results if it.verdict is Verdict.FAILED}
    for text in faults:
        complain(f"canary: {text}")
    return bool(faults)


def _row(result: Result) -> dict[str, Any]:
    times = result.times
    return {
        "event": result.pair.event,
        "worker": result.pair.worker,
        "to queue ms": times and times.to_queue_ms,
        "in queue ms": times and times.in_queue_ms,
        "to function ms": times and times.to_function_ms,
        "result": _said(result),
        "fault": result.fault and _as_json(result),
    }


def _said(result: Result) -> str:
    told = [result.verdict.value]
    if result.fault is not None:
        told.append(f"{result.fault.hop} {result.fault.name}")
    if result.note:
        told.append(result.note)
    return ": ".join(told)


def _as_json(result: Result) -> dict[str, str]:
    assert result.fault is not None
    return {name: str(getattr(result.fault, name)) for name in ("hop", "name", "cause", "fix")}
