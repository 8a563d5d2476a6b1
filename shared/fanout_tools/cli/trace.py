"""``fanout trace`` and ``fanout why``: what became of an event."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from fanout import aws
from fanout.errors import EventError
from fanout.events.envelope import Envelope
from fanout.events.event import contract_of
from fanout.publish import wrap
from fanout.tracing.otlp import export
from fanout_tools.cli.endpoint import topology_of
from fanout_tools.cli.options import LOCAL, AsJson, Env, Namespace, Services, workers
from fanout_tools.cli.output import console, printable
from fanout_tools.operate.evidence import Evidence
from fanout_tools.operate.reading import Reading
from fanout_tools.operate.topology import Topology
from fanout_tools.operate.tracing import Tracing
from fanout_tools.operate.views import tree
from fanout_tools.operate.views.html import page
from fanout_tools.operate.views.otlp import spans_of
from fanout_tools.operate.views.trace import Trace
from fanout_tools.operate.views.why import Fate
from fanout_tools.operate.windows import seconds_of
from fanout_tools.project import project

__all__ = ["trace_command", "why_command"]

STUCK, INTERRUPTED = 4, 130
UNDER_WAY = (Fate.WAITING, Fate.RETRYING, Fate.HELD)
WATCH_S = 2.0
COLOURS = {Fate.HANDLED: "green", Fate.DEAD: "red", Fate.UNDELIVERED: "red", Fate.LOST: "bold red"}

Event = Annotated[
    str | None, typer.Option(help="Its <source>/<Name>: asks fewer workers, and finds what nobody has had yet.")
]
Data = Annotated[
    Path | None,
    typer.Option(help="A file with the event's data, or with the whole message, as JSON: says what filters did."),
]
Since = Annotated[
    str, typer.Option(help="How far back logs are searched if no record tells the time: 90s, 15m, 2h, 1d.")
]
Logs = Annotated[bool, typer.Option("--logs/--no-logs", help="Search the workers' logs: for times, tries and causes.")]


def trace_command(
    identity: Annotated[str, typer.Argument(metavar="EVENT_ID|CORRELATION_ID")],
    *,
    event: Event = None,
    data: Data = None,
    since: Since = "1h",
    logs: Logs = True,
    html: Annotated[Path | None, typer.Option(help="Write one HTML file that needs nothing else.")] = None,
    otlp: Annotated[str | None, typer.Option(help="Send its spans to an OTLP/HTTP collector.")] = None,
    watch: Annotated[bool, typer.Option(help="Look again every 2 s, until nothing is under way.")] = False,
    env: Env = LOCAL,
    namespace: Namespace = None,
    services: Services,
    as_json: AsJson = False,
) -> None:
    """Follow an event: who had it, what became of it there, what it caused, and when; and for each subscriber that has
    not had it, the reason.

    It is found by the records of the workers, for as long as they keep them. The exit status is 3 if nothing is known
    of it, 4 if something is in a DLQ, undelivered or possibly lost.

        fanout trace 80b4c862-0d0e-4d0b-a7a4-9a4f0f6f3f3e --env prod

        fanout trace order:o-1997-0042 --since 1d --html incident.html --env prod
    """
    topology = topology_of(env, namespace, services)
    known, back_s = _known(identity, event, data), seconds_of(since)
    tracing = _asked(topology, services)

    def ask() -> tuple[Evidence, Trace]:
        return tracing.trace(identity, event, known=known, since=time.time() - back_s, logs=logs)

    evidence, found = ask()
    _print(found, as_json=as_json)
    try:
        while watch and any(fate in UNDER_WAY for fate in found.count()):
            time.sleep(WATCH_S)
            evidence, found = ask()
            _print(found, as_json=as_json)
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    if html is not None:
        html.write_text(page(found, now=evidence.now), encoding="utf-8")
    if otlp is not None:
        refused = export(otlp, spans_of(found, topology.names.namespace))
        if refused:
            console.print(f"{refused} spans refused by {otlp}")
    if found.bad:
        raise typer.Exit(STUCK)


def why_command(
    identity: Annotated[str, typer.Argument(metavar="EVENT_ID")],
    worker: Annotated[str, typer.Argument(help="The worker's name.", autocompletion=workers)],
    *,
    event: Event = None,
    data: Data = None,
    since: Since = "1h",
    logs: Logs = True,
    env: Env = LOCAL,
    namespace: Namespace = None,
    services: Services,
    as_json: AsJson = False,
) -> None:
    """Why a worker has, or has not, had an event: one reason.

    The exit status is 3 if nothing is known of the event, 4 if it is in a DLQ, undelivered or possibly lost.

        fanout why 80b4c862-0d0e-4d0b-a7a4-9a4f0f6f3f3e loyalty --env prod
    """
    topology = topology_of(env, namespace, services)
    found = _asked(topology, services).why(
        identity,
        worker,
        event,
        known=_known(identity, event, data),
        since=time.time() - seconds_of(since),
        logs=logs,
    )
    if as_json:
        print(json.dumps({"event_id": identity, "worker": worker, "fate": found.fate.value, "reason": found.text}))
    else:
        console.print(Text(printable(": ".join(filter(None, (worker, found.fate.value, found.text))))))
    if found.fate.bad:
        raise typer.Exit(STUCK)


def _asked(topology: Topology, services: Path) -> Tracing:
    return Tracing(topology, Reading(topology, aws.client), services)


def _print(found: Trace, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(found.to_json()))
        return
    for text, fate in tree.lines(found):
        console.print(Text(printable(text), style=COLOURS.get(fate, "") if fate else "bold"))
    console.print(Text(tree.summary(found)))


def _known(identity: str, event: str | None, file: Path | None) -> Envelope | None:
    return None if file is None else _envelope(identity, event, file)


def _envelope(identity: str, event: str | None, file: Path) -> Envelope:
    """The event in a file: a message as a queue has it, or its data alone.

    :raises EventError: it is neither.
    """
    try:
        text = file.read_text(encoding="utf-8")
        value: Any = json.loads(text)
    except (OSError, ValueError) as error:
        raise EventError(f"{file}: cannot be read as JSON: {error}") from error
    if isinstance(value, dict) and "detail-type" in value:
        return Envelope.decode(text)
    if event is None:
        raise EventError(f"{file}: holds no whole message; say with --event which event the data are of")
    project().load_contracts()
    return wrap(contract_of(event).from_input(value), event_id=identity)
