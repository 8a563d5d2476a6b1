"""``fanout status`` and ``fanout top``: every worker at a glance."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.live import Live
from rich.text import Text

from fanout_tools.cli.endpoint import topology_of
from fanout_tools.cli.options import LOCAL, AsJson, Env, Namespace, Services
from fanout_tools.cli.options import workers as workers_
from fanout_tools.cli.output import console, print_rows, printable, table
from fanout_tools.operate.fast import Fast
from fanout_tools.operate.status import look
from fanout_tools.operate.topology import Topology
from fanout_tools.operate.views.overview import ORDERS, Overview, WorkerRow
from fanout_tools.operate.windows import seconds_of, since

__all__ = ["STUCK", "command", "top"]

STUCK = 4
"""The exit status when something waits for a person."""
INTERRUPTED = 130

COLUMNS = [
    "worker",
    "waiting",
    "in flight",
    "in DLQ",
    "age s",
    "handled",
    "duplicates",
    "retried",
    "rejected",
    "died",
    "per s",
    "last error",
]
WATCH_S = 5.0

Since = Annotated[str, typer.Option(help="How far back to count, such as 90s, 15m, 2h, 1d.")]
Every = Annotated[float, typer.Option(min=1, help="Seconds from one look to the next.")]


class Order(StrEnum):
    """What the worst of is shown first."""

    TROUBLE = "trouble"
    WAITING = "waiting"
    DEAD = "dead"
    AGE = "age"
    RATE = "rate"
    FAILED = "failed"
    NAME = "name"


def command(
    workers: Annotated[
        list[str] | None, typer.Argument(help="Only these workers; all unless given.", autocompletion=workers_)
    ] = None,
    *,
    since_: Annotated[str, typer.Option("--since", help="How far back to count, such as 90s, 15m, 2h, 1d.")] = "15m",
    watch: Annotated[bool, typer.Option("--watch", help="Look again and again, until Ctrl-C.")] = False,
    every_s: Every = WATCH_S,
    env: Env = LOCAL,
    namespace: Namespace = None,
    services: Services,
    as_json: AsJson = False,
) -> None:
    """Each worker's queue, DLQ, oldest event, records by outcome and invocations that died; the events that came to no
    worker; workflows; what rings. On AWS the numbers come from metrics, on an emulator from logs.

    The exit status is 4 when something waits for a person: each such thing has a line of its own, with what to do.

        fanout status --env prod

        fanout status billing --since 1h --env prod

        fanout status --json | jq 'select(.dead > 0)'
    """
    topology = topology_of(env, namespace, services)
    chosen = [topology.worker(name).name for name in workers or ()]
    with _until_interrupted():
        for seen in _looks(topology, since_, chosen, every_s if watch else None):
            _print(seen, since_, as_json=as_json)
    if seen.stuck:
        raise typer.Exit(STUCK)


def top(
    *,
    by: Annotated[Order, typer.Option(help="What the worst of is shown first.")] = Order.TROUBLE,
    lines: Annotated[int, typer.Option(min=1, help="Workers that are shown.")] = 20,
    since_: Annotated[str, typer.Option("--since", help="How far back to count, such as 90s, 15m, 2h, 1d.")] = "5m",
    every_s: Every = WATCH_S,
    once: Annotated[bool, typer.Option("--once", help="Look once.")] = False,
    env: Env = LOCAL,
    namespace: Namespace = None,
    services: Services,
    as_json: AsJson = False,
) -> None:
    """The workers that need a person most, on one screen, until Ctrl-C; into a pipe one look.

    fanout top --by waiting --env prod

    fanout top --by failed --lines 5 --once
    """
    topology = topology_of(env, namespace, services)
    live = console.is_terminal and not as_json and not once
    if not live:
        [seen] = _looks(topology, since_, [], None)
        _print(_worst(seen, by, lines), since_, as_json=as_json)
        return
    with _until_interrupted(), Live(console=console, screen=True, auto_refresh=False) as screen:
        for seen in _looks(topology, since_, [], every_s):
            screen.update(_screen(_worst(seen, by, lines), since_), refresh=True)


def _looks(topology: Topology, text: str, workers: Sequence[str], every_s: float | None) -> Iterator[Overview]:
    """One look, or one after the other until Ctrl-C."""
    chosen = [topology.workers[name] for name in workers]
    seconds_of(text)

    async def one() -> Overview:
        async with Fast.reached(topology.place) as fast:
            return await look(fast, topology, since(text), chosen)

    while True:
        yield asyncio.run(one())
        if every_s is None:
            return
        time.sleep(every_s)


@contextmanager
def _until_interrupted() -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None


def _worst(seen: Overview, by: Order, lines: int) -> Overview:
    return replace(seen, workers=tuple(sorted(seen.workers, key=ORDERS[by])[:lines]))


def _print(seen: Overview, text: str, *, as_json: bool) -> None:
    if as_json:
        for each in seen.to_json():
            print(json.dumps(each))
        return
    print_rows(COLUMNS, map(_row, seen.workers), title=_title(seen, text))
    for line in _beside(seen):
        console.print(printable(line))


def _screen(seen: Overview, text: str) -> RenderableType:
    return Group(
        table(COLUMNS, [_row(it) for it in seen.workers], title=_title(seen, text)),
        *(Text(printable(line)) for line in _beside(seen)),
    )


def _title(seen: Overview, text: str) -> str:
    return f"{seen.namespace}, last {text}"


def _beside(seen: Overview) -> Iterator[str]:
    """What is not a worker's row."""
    for flow in seen.workflows:
        yield f"workflow {flow.workflow}: {flow.started} started, {flow.succeeded} succeeded, {flow.failed} failed"
    troubles = list(seen.troubles)
    yield from (f"! {trouble}" for trouble in troubles)
    if not troubles:
        yield "nothing is stuck"


def _row(row: WorkerRow) -> dict[str, Any]:
    return {
        "worker": f"{row.worker} (paused)" if row.paused else row.worker,
        "waiting": row.waiting,
        "in flight": row.in_flight,
        "in DLQ": row.dead,
        "age s": row.age_s,
        "handled": row.handled,
        "duplicates": row.duplicates,
        "retried": row.retried,
        "rejected": row.rejected,
        "died": row.died,
        "per s": row.per_s,
        "last error": row.last_error and row.last_error[:80],
    }
