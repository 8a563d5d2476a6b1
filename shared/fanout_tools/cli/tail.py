"""``fanout tail``: events as they pass the bus."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Annotated

import typer

from fanout import aws
from fanout_tools.cli.endpoint import topology_of
from fanout_tools.cli.logs import print_entries
from fanout_tools.cli.operating import Operating, Personal, PersonalWhy, masking_of
from fanout_tools.cli.options import LOCAL, AsJson, Env, Namespace, Services, workers
from fanout_tools.cli.output import complain, console, printable
from fanout_tools.operate.actions.tail import Seen, Tail, pattern_of
from fanout_tools.operate.fast import Fast
from fanout_tools.operate.masking import Masking
from fanout_tools.operate.sources.following import LIVE_GROUPS, POLL_S, live, polled
from fanout_tools.operate.sources.logs import Line, lines_of
from fanout_tools.operate.sources.metrics import Window
from fanout_tools.operate.sweeping import sweep
from fanout_tools.operate.topology import Topology, WorkerPlace
from fanout_tools.operate.views.log import outcomes as of_records

__all__ = ["command"]

REFUSED = 5
SPANS = '"spans"'
"""CloudWatch's filter for the lines that tell what became of records."""
INTERRUPTED = 130


def command(
    about: Annotated[
        str,
        typer.Argument(
            metavar="WORKER|PATTERN",
            help="A worker, SOURCE/NAME, SOURCE/*, or a pattern in JSON.",
            autocompletion=workers,
        ),
    ] = "*",
    *,
    data: Annotated[bool, typer.Option("--data", help="Print the events' data; personal values are masked.")] = False,
    personal: Personal = False,
    why: PersonalWhy = "",
    seconds: Annotated[float | None, typer.Option("--for", min=1, help="Seconds; until Ctrl-C unless given.")] = None,
    count: Annotated[int | None, typer.Option(min=1, help="End after so many events.")] = None,
    all_events: Annotated[bool, typer.Option("--all", help="Every event of an environment that is not local.")] = False,
    outcomes: Annotated[
        bool, typer.Option("--outcomes", help="What becomes of the events instead, by the workers' logs.")
    ] = False,
    only_sweep: Annotated[
        bool, typer.Option("--sweep", help="Take away what tails and replays left that did not end.")
    ] = False,
    env: Env = LOCAL,
    namespace: Namespace = None,
    services: Services,
    as_json: AsJson = False,
) -> None:
    """Events as they pass the bus, through a rule and a queue that are made for it and go with it: a killed terminal
    leaves them for 15 minutes at most. Workers do not notice.

    With --outcomes nothing is made: the logs of the workers that take these events are followed, and each record is
    shown with what became of it: by Live Tail on AWS, which takes 10 log groups and costs by the minute, by asking
    every 2 s on an emulator.

    The exit status is 5 for every event of an environment that is not local, unless --all is said, and for more
    workers than Live Tail takes.

        fanout tail shop.orders/OrderPlaced --env prod

        fanout tail billing --data --for 30

        fanout tail shop.orders/OrderPlaced --outcomes --env prod

        fanout tail '{"source": ["shop.orders"], "detail": {"data": {"total": {"amount": [{"numeric": [">", 100]}]}}}}'
    """
    topology = topology_of(env, namespace, services)
    if outcomes:
        _outcomes(topology, about, seconds, count, as_json=as_json)
        return
    for name in sweep(topology, aws.client, time.time()):
        complain(f"fanout: {name} was left of a command that did not end: it is gone")
    if only_sweep:
        return
    if about == "*" and env != LOCAL and not all_events:
        complain(f"fanout: every event of {env}? Name a worker or a pattern, or say --all")
        raise typer.Exit(REFUSED)
    operating = Operating(topology)
    shown = masking_of(operating, about, personal=personal, why=why) if data or personal else None
    tail = Tail(topology, pattern_of(topology, about), aws.client)
    try:
        with tail.open():
            complain(f"fanout: looking by rule {tail.name}; Ctrl-C ends it")
            for number, seen in enumerate(tail.look(seconds), 1):
                _print(seen, data=shown, as_json=as_json)
                if number == count:
                    break
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None


def _outcomes(topology: Topology, about: str, seconds: float | None, count: int | None, *, as_json: bool) -> None:
    workers, event = _takers(topology, about)
    began, shown = time.monotonic(), 0
    for lines in _lines(topology, workers):
        entries = list(of_records(lines, event))[: None if count is None else count - shown]
        print_entries(entries, as_json=as_json)
        shown += len(entries)
        if shown == count or (seconds is not None and time.monotonic() - began >= seconds):
            return


def _takers(topology: Topology, about: str) -> tuple[Sequence[WorkerPlace], str | None]:
    """The workers whose logs tell, and of which event."""
    if about.startswith("{"):
        raise typer.BadParameter(
            "logs know no patterns: name a worker, SOURCE/NAME or SOURCE/*", param_hint="--outcomes"
        )
    if about in topology.workers:
        return [topology.worker(about)], None
    if "/" not in about:
        return list(topology.workers.values()) if about == "*" else [topology.worker(about)], None
    source = about.removesuffix("*")
    return [it for it in topology.workers.values() if _takes(it, about, source)], about


def _takes(worker: WorkerPlace, event: str, source: str) -> bool:
    named = (each.event for each in worker.manifest.subscribes)
    return any(it in (event, "*") or (event.endswith("/*") and it.startswith(source)) for it in named)


def _lines(topology: Topology, workers: Sequence[WorkerPlace]) -> Iterator[Sequence[Line]]:
    """The lines of batches, as they come."""
    names = ", ".join(it.name for it in workers)
    if topology.place.endpoint is not None:
        complain(f"fanout: an emulator has no Live Tail: the logs of {names or 'nobody'} are read every {POLL_S:.0f} s")
        return polled(lambda window: asyncio.run(_read(topology, workers, window)), time.time())
    if not 0 < len(workers) <= LIVE_GROUPS:
        complain(f"fanout: Live Tail takes 1 to {LIVE_GROUPS} log groups, these are {len(workers)}: name a worker")
        raise typer.Exit(REFUSED)
    complain(f"fanout: Live Tail of {names}; Ctrl-C ends it")
    sampled = partial(complain, "fanout: over 500 lines a second: this is a sample")
    return live(aws.client("logs"), topology, workers, SPANS, sampled=sampled)


async def _read(topology: Topology, workers: Sequence[WorkerPlace], window: Window) -> Sequence[Line]:
    async with Fast.reached(topology.place) as fast:
        return [line for worker in workers async for line in lines_of(fast, worker, window, SPANS)]


def _print(seen: Seen, *, data: Masking | None, as_json: bool) -> None:
    if as_json:
        print(json.dumps(seen.to_json(data=data)), flush=True)
        return
    text = f"{seen.at}  {seen.event}  {seen.event_id}  {seen.subject or '-'}  {seen.bytes} bytes"
    shown = "" if data is None else f"  {json.dumps(data.data(seen.event, seen.data))}"
    console.print(printable(f"{text}{shown}"))
