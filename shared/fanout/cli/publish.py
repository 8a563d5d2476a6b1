"""``fanout publish``: events from arguments, a file or standard input onto the bus."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from fanout import aws, routing
from fanout.cli.options import DEFAULT_NAMESPACE, DEFAULT_SERVICES, AsJson, Namespace, Services
from fanout.cli.output import complain, print_rows
from fanout.envelope import Envelope
from fanout.errors import EventError, FanoutError
from fanout.event import contract_of, load_contracts
from fanout.manifest import load_all
from fanout.naming import Names
from fanout.publish import Publisher, seal

__all__ = ["command"]


@dataclass(frozen=True, slots=True)
class _Line:
    """One event as the operator wrote it."""

    place: str
    event: str | None
    value: object


def command(
    event: Annotated[
        str | None, typer.Argument(help="<source>/<Name>; then each JSON line is an event's data.")
    ] = None,
    data: Annotated[str | None, typer.Option(help="One event's data as JSON.")] = None,
    file: Annotated[Path | None, typer.Option(help="JSON lines; - for standard input.")] = None,
    version: Annotated[int | None, typer.Option(help="The contract's version; the newest unless given.")] = None,
    dry_run: Annotated[bool, typer.Option(help="Publish nothing; list who would receive each event.")] = False,
    namespace: Namespace = DEFAULT_NAMESPACE,
    services: Services = DEFAULT_SERVICES,
    as_json: AsJson = False,
) -> None:
    """Publish events, each with a receipt.

    Without EVENT a JSON line is an object with "event", "data" and optionally "event_id" and "subject". An event that
    breaks its contract is refused and named; the others are published. The exit status is 1 if any was refused.
    """
    load_contracts()
    refused: list[str] = []
    sealed = _sealed(_lines(event, data, file), version, refused)
    if dry_run:
        print_rows(["event_id", "event", "recipients"], _recipients(sealed, services), as_json=as_json)
    else:
        rows = _receipts(Publisher(aws.client("events"), Names(namespace).bus), sealed, refused)
        print_rows(["event_id", "event", "accepted", "error"], rows, as_json=as_json)
    if refused:
        complain(f"fanout: {len(refused)} refused")
        raise typer.Exit(1)


def _lines(event: str | None, data: str | None, file: Path | None) -> Iterator[_Line]:
    if (data is None) == (file is None):
        raise typer.BadParameter("give the events either as --data or as --file (- for standard input)")
    if data is not None:
        yield _Line("--data", event, _json("--data", data))
        return
    assert file is not None
    if str(file) == "-":
        yield from _json_lines("standard input", event, sys.stdin)
        return
    try:
        with file.open(encoding="utf-8") as opened:
            yield from _json_lines(str(file), event, opened)
    except OSError as error:
        raise typer.BadParameter(f"{file}: {error.strerror}") from error


def _json_lines(name: str, event: str | None, lines: Iterable[str]) -> Iterator[_Line]:
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield _Line(f"{name}:{number}", event, _json(f"{name}:{number}", line))


def _json(place: str, text: str) -> object:
    try:
        return json.loads(text)
    except ValueError as error:
        return EventError(f"{place}: not JSON: {error}")


def _sealed(lines: Iterable[_Line], version: int | None, refused: list[str]) -> Iterator[Envelope]:
    for line in lines:
        try:
            yield _seal(line, version)
        except FanoutError as error:
            refused.append(line.place)
            complain(f"{line.place}: {error}")


def _seal(line: _Line, version: int | None) -> Envelope:
    if isinstance(line.value, EventError):
        raise line.value
    fields: dict[str, Any] = {"event": line.event, "data": line.value}
    if line.event is None:
        if not isinstance(line.value, dict) or not isinstance(line.value.get("event"), str):
            raise EventError('needs an object with "event" and "data", or name the event as an argument')
        fields = line.value
    contract = contract_of(fields["event"], fields.get("version", version))
    if contract.contract.foreign:
        raise EventError(f"{contract.contract.identifier} is an AWS service's own event; nobody else can publish it")
    return seal(contract.from_input(fields.get("data")), event_id=fields.get("event_id"), subject=fields.get("subject"))


def _recipients(sealed: Iterable[Envelope], services: Path) -> Iterator[dict[str, Any]]:
    manifests = load_all(services)
    for envelope in sealed:
        yield {**_row(envelope), "recipients": routing.recipients(_as_delivered(envelope), manifests)}


def _receipts(publisher: Publisher, sealed: Iterable[Envelope], refused: list[str]) -> Iterator[dict[str, Any]]:
    for receipt in publisher.publish_all(sealed):
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
