"""``fanout logs``: what a worker's log says, or what all logs say of an event."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Sequence
from typing import Annotated

import typer

from fanout_tools.cli.endpoint import topology_of
from fanout_tools.cli.options import LOCAL, AsJson, Env, Namespace, Services, workers
from fanout_tools.cli.output import complain, console, printable
from fanout_tools.operate.fast import Fast
from fanout_tools.operate.sources import logs
from fanout_tools.operate.sources.following import polled
from fanout_tools.operate.sources.logs import Line
from fanout_tools.operate.sources.metrics import Window
from fanout_tools.operate.topology import Topology, UnknownWorkerError
from fanout_tools.operate.views.log import Entry, about_event, about_worker
from fanout_tools.operate.windows import since

__all__ = ["NOT_FOUND", "command", "lines_about", "lines_of_worker", "print_entries"]

NOT_FOUND = 3


def command(
    about: Annotated[
        str,
        typer.Argument(metavar="WORKER|EVENT", help="A worker, or an event or correlation id.", autocompletion=workers),
    ],
    *,
    since_: Annotated[str, typer.Option("--since", help="How far back to read, such as 90s, 15m, 2h, 1d.")] = "15m",
    errors: Annotated[bool, typer.Option("--errors", help="Failures and invocations that died alone.")] = False,
    follow: Annotated[bool, typer.Option("--follow", help="Of a worker: go on with what comes, until Ctrl-C.")] = False,
    env: Env = LOCAL,
    namespace: Namespace = None,
    services: Services,
    as_json: AsJson = False,
) -> None:
    """What a worker's log says, the oldest first: a line for each batch, warnings, errors, deaths. Of an event or a
    correlation: every record of it in all workers' logs, and every line that names it.

    The exit status is 3 when there is nothing about it.

        fanout logs billing --errors --since 1h --env prod

        fanout logs billing --follow --since 1m

        fanout logs 80b4c862-0d3c-4f2e-9d0a-3b3d8d5f6a10 --since 1d --env prod
    """
    topology, window = topology_of(env, namespace, services), since(since_)
    if follow:
        _follow(topology, about, window, errors=errors, as_json=as_json)
        return
    if about in topology.workers:
        entries = list(about_worker(asyncio.run(lines_of_worker(topology, about, window)), errors=errors))
    else:
        entries = list(about_event(asyncio.run(lines_about(topology, about, window)), about))
    print_entries(entries, as_json=as_json)
    if not entries:
        _nothing(topology, about, since_)


def _follow(topology: Topology, name: str, window: Window, *, errors: bool, as_json: bool) -> None:
    """
    :raises UnknownWorkerError: there is none of that name; an event is watched by `fanout trace --watch`.
    """
    topology.worker(name)

    def look(moment: Window) -> Sequence[Line]:
        return asyncio.run(lines_of_worker(topology, name, moment))

    for lines in polled(look, window.start):
        print_entries(about_worker(lines, errors=errors), as_json=as_json)


def _nothing(topology: Topology, about: str, text: str) -> None:
    complain(f"fanout: nothing about {about} in the logs of the last {text}; --since 1d looks further back")
    if about not in topology.workers:
        try:
            topology.worker(about)
        except UnknownWorkerError as error:
            complain(f"fanout: {error}")
    raise typer.Exit(NOT_FOUND)


async def lines_of_worker(topology: Topology, name: str, window: Window) -> Sequence[Line]:
    """All that a worker has logged, the oldest first."""
    async with Fast.reached(topology.place) as fast:
        return _sorted([line async for line in logs.lines_of(fast, topology.worker(name), window)])


async def lines_about(topology: Topology, identity: str, window: Window) -> Sequence[Line]:
    """Every line of any worker in which the identity occurs, the oldest first."""
    workers = list(topology.workers.values())
    async with Fast.reached(topology.place) as fast:
        if topology.place.endpoint is None:
            return await logs.ask_insights(fast, workers, window, naming(identity))

        async def each(name: str) -> list[Line]:
            return [line async for line in logs.lines_of(fast, topology.worker(name), window) if identity in line.text]

        found = await asyncio.gather(*(each(it.name) for it in workers))
    return _sorted(line for lines in found for line in lines)


def naming(identity: str) -> str:
    """The query for the lines that name it."""
    quoted = json.dumps(identity)
    return f"fields @timestamp, @message, @log | filter @message like {quoted} | sort @timestamp | limit {logs.ROWS}"


def _sorted(lines: Iterable[Line]) -> list[Line]:
    return sorted(lines, key=lambda line: line.at_ms)


def print_entries(entries: Iterable[Entry], *, as_json: bool) -> None:
    """Print what lines say, each at once."""
    for entry in entries:
        if as_json:
            print(json.dumps(entry.to_json()), flush=True)
            continue
        cause = " ".join(filter(None, (entry.error_type, entry.error_at)))
        text = f"{entry.time}  {entry.worker:14} {entry.level:8} {entry.text}"
        console.print(printable(f"{text}  [{cause}]" if cause else text))
