"""``fanout publish``: events from arguments, a file or standard input onto the bus."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from fanout.events.envelope import Envelope
from fanout.publish import Publisher
from fanout_tools.cli.endpoint import reach
from fanout_tools.cli.lines import lines, wrapped
from fanout_tools.cli.options import LOCAL, AsJson, Env, Namespace, Services
from fanout_tools.cli.output import complain, print_rows
from fanout_tools.cli.publishing import publisher
from fanout_tools.declarations import routing
from fanout_tools.declarations.worker import load_all
from fanout_tools.project import project

__all__ = ["command"]


def command(
    *,
    event: Annotated[
        str | None, typer.Argument(help="<source>/<Name>; then each JSON line is an event's data.")
    ] = None,
    data: Annotated[str | None, typer.Option(help="One event's data as JSON.")] = None,
    file: Annotated[Path | None, typer.Option(help="JSON lines; - for standard input.")] = None,
    cloudevents: Annotated[bool, typer.Option(help="Each JSON line is a CloudEvent 1.0.")] = False,
    version: Annotated[int | None, typer.Option(help="The contract's version; the newest unless given.")] = None,
    dry_run: Annotated[bool, typer.Option(help="Publish nothing; list who would receive each event.")] = False,
    env: Env = LOCAL,
    namespace: Namespace = None,
    services: Services,
    as_json: AsJson = False,
) -> None:
    """Publish events, each with a receipt.

    Without EVENT a JSON line is an object with "event", "data" and optionally "event_id" and "subject"; with
    --cloudevents it is a CloudEvent. An event that breaks its contract is refused and named; the others are published.
    The exit status is 1 if any was refused.

    Example: fanout publish shop.orders/OrderPlaced --file orders.jsonl --env prod
    """
    project().load_contracts()
    refused: list[str] = []
    if cloudevents and event is not None:
        raise typer.BadParameter("a CloudEvent names its event by itself: leave EVENT or --cloudevents out")
    envelopes = wrapped(lines(event, data, file), version, refused, cloudevents=cloudevents)
    if dry_run:
        print_rows(["event_id", "event", "recipients"], _recipients(envelopes, services), as_json=as_json)
    else:
        rows = _receipts(publisher(reach(env, namespace), services), envelopes, refused)
        print_rows(["event_id", "event", "accepted", "error"], rows, as_json=as_json)
    if refused:
        complain(f"fanout: {len(refused)} refused")
        raise typer.Exit(1)


def _recipients(wrapped: Iterable[Envelope], services: Path) -> Iterator[dict[str, Any]]:
    manifests = load_all(services)
    for envelope in wrapped:
        yield {**_row(envelope), "recipients": routing.recipients(_as_delivered(envelope), manifests)}


def _receipts(to: Publisher, wrapped: Iterable[Envelope], refused: list[str]) -> Iterator[dict[str, Any]]:
    for receipt in to.publish_all(wrapped):
        if receipt.error is not None:
            refused.append(receipt.envelope.metadata.event_id)
        yield {**_row(receipt.envelope), "accepted": receipt.accepted, "error": receipt.error}


def _row(envelope: Envelope) -> dict[str, Any]:
    return {"event_id": envelope.metadata.event_id, "event": envelope.identifier}


def _as_delivered(envelope: Envelope) -> dict[str, Any]:
    return {
        "version": "0",
        "source": envelope.source,
        "detail-type": envelope.name,
        "detail": {"metadata": envelope.metadata.to_json(), "data": dict(envelope.data)},
    }
