"""``fanout tail``: events as they pass the bus."""

from __future__ import annotations

import json
import time
from typing import Annotated

import typer

from fanout import aws
from fanout_tools.cli.endpoint import topology_of
from fanout_tools.cli.options import LOCAL, AsJson, Env, Namespace, Services, workers
from fanout_tools.cli.output import complain, console, printable
from fanout_tools.operate.actions.tail import Seen, Tail, pattern_of, sweep

__all__ = ["command"]

REFUSED = 5
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
    data: Annotated[bool, typer.Option("--data", help="Print the events' data, which may be somebody's.")] = False,
    seconds: Annotated[float | None, typer.Option("--for", min=1, help="Seconds; until Ctrl-C unless given.")] = None,
    count: Annotated[int | None, typer.Option(min=1, help="End after so many events.")] = None,
    all_events: Annotated[bool, typer.Option("--all", help="Every event of an environment that is not local.")] = False,
    only_sweep: Annotated[bool, typer.Option("--sweep", help="Take away what tails left that did not end.")] = False,
    env: Env = LOCAL,
    namespace: Namespace = None,
    services: Services,
    as_json: AsJson = False,
) -> None:
    """Events as they pass the bus, through a rule and a queue that are made for it and go with it: a killed terminal
    leaves them for 15 minutes at most. Workers do not notice.

    The exit status is 5 for every event of an environment that is not local, unless --all is said.

        fanout tail shop.orders/OrderPlaced --env prod

        fanout tail billing --data --for 30

        fanout tail '{"source": ["shop.orders"], "detail": {"data": {"total": {"amount": [{"numeric": [">", 100]}]}}}}'
    """
    topology = topology_of(env, namespace, services)
    for name in sweep(topology, aws.client, time.time()):
        complain(f"fanout: {name} was left of a tail that did not end: it is gone")
    if only_sweep:
        return
    if about == "*" and env != LOCAL and not all_events:
        complain(f"fanout: every event of {env}? Name a worker or a pattern, or say --all")
        raise typer.Exit(REFUSED)
    tail = Tail(topology, pattern_of(topology, about), aws.client)
    try:
        with tail.open():
            complain(f"fanout: looking by rule {tail.name}; Ctrl-C ends it")
            for number, seen in enumerate(tail.look(seconds), 1):
                _print(seen, data=data, as_json=as_json)
                if number == count:
                    break
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None


def _print(seen: Seen, *, data: bool, as_json: bool) -> None:
    if as_json:
        print(json.dumps(seen.to_json(data=data)), flush=True)
        return
    text = f"{seen.at}  {seen.event}  {seen.event_id}  {seen.subject or '-'}  {seen.bytes} bytes"
    console.print(printable(f"{text}  {json.dumps(seen.data)}" if data else text))
