"""The events that an operator writes: read from an argument, a file or standard input, checked and wrapped."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import typer

from fanout.errors import EventError, FanoutError
from fanout.events.envelope import Envelope, new_traceparent
from fanout.events.event import Event, contract_of
from fanout.publish import wrap
from fanout_tools.cli.output import complain

__all__ = ["Line", "lines", "wrapped"]


@dataclass(frozen=True, slots=True)
class Line:
    """One event as the operator wrote it."""

    place: str
    event: str | None
    value: object


def lines(event: str | None, data: str | None, file: Path | None) -> Iterator[Line]:
    """The operator's events.

    :raises typer.BadParameter: there is no one place to read them from, or it cannot be read.
    """
    if (data is None) == (file is None):
        raise typer.BadParameter("give the events either as --data or as --file (- for standard input)")
    if data is not None:
        yield Line("--data", event, _json(data))
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


def _json_lines(name: str, event: str | None, lines: Iterable[str]) -> Iterator[Line]:
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield Line(f"{name}:{number}", event, _json(line))


def _json(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError as error:
        return EventError(f"not JSON: {error}")
    except RecursionError:
        return EventError("not an event: nested too deeply")


def wrapped(given: Iterable[Line], version: int | None, refused: list[str], *, cloudevents: bool) -> Iterator[Envelope]:
    """Each event in its envelope; the places of those that break their contract are added to ``refused``."""
    for line in given:
        try:
            if isinstance(line.value, EventError):
                raise line.value
            yield _of_cloudevent(line.value) if cloudevents else _wrap(line, version)
        except FanoutError as error:
            refused.append(line.place)
            complain(f"{line.place}: {error}")


def _wrap(line: Line, version: int | None) -> Envelope:
    fields: dict[str, Any] = {"event": line.event, "data": line.value}
    if line.event is None:
        if not isinstance(line.value, dict) or not isinstance(line.value.get("event"), str):
            raise EventError('needs an object with "event" and "data", or name the event as an argument')
        fields = line.value
    contract = _publishable(fields["event"], fields.get("version", version))
    return wrap(contract.from_input(fields.get("data")), event_id=fields.get("event_id"), subject=fields.get("subject"))


def _of_cloudevent(value: object) -> Envelope:
    envelope = Envelope.from_cloudevent(value)
    if envelope.metadata.claim is not None:
        raise EventError("dataref: such an event carries a part of its data only; put them all into data")
    stated = envelope.metadata.schema_version if isinstance(value, dict) and "schemaversion" in value else None
    contract = _publishable(envelope.identifier, stated)
    given = envelope.metadata
    metadata = replace(
        given,
        schema_version=contract.contract.version,
        traceparent=given.traceparent or new_traceparent(given.event_id, given.correlation_id),
    )
    return replace(envelope, metadata=metadata, data=contract.from_input(envelope.data).to_data())


def _publishable(identifier: str, version: int | None) -> type[Event]:
    contract = contract_of(identifier, version)
    if contract.contract.aws_native:
        raise EventError(f"{contract.contract.identifier} is an AWS service's own event; nobody else can publish it")
    return contract
