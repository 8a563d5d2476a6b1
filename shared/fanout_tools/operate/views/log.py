"""Log lines as a person reads them: a batch's account in a sentence, of an event only what is its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from fanout.outcomes import Outcome
from fanout_tools.operate.sources.logs import Line

__all__ = ["Entry", "about_event", "about_worker", "outcomes"]

PLATFORM = ("START RequestId", "END RequestId", "REPORT RequestId", "INIT_START")
"""Lines that Lambda writes about each invocation."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What one line says."""

    at_ms: int
    worker: str
    level: str
    text: str
    event_id: str | None = None
    outcome: str | None = None
    error_type: str | None = None
    error_at: str | None = None
    version: str | None = None

    @property
    def time(self) -> str:
        """In UTC, with milliseconds."""
        return datetime.fromtimestamp(self.at_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def to_json(self) -> dict[str, Any]:
        named = {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "at_ms"}
        return {"time": self.time, **{name: value for name, value in named.items() if value is not None}}


def about_worker(lines: Iterable[Line], *, errors: bool = False) -> Iterator[Entry]:
    """What a worker's lines say.

    :param errors: failures and deaths alone.
    """
    for line in lines:
        if line.text.startswith(PLATFORM) or (errors and not (line.is_failure or line.is_death)):
            continue
        yield _batch(line) if line.is_metrics else _entry(line)


def about_event(lines: Iterable[Line], identity: str) -> Iterator[Entry]:
    """What lines say of one event, or of all of one correlation."""
    for line in lines:
        if "spans" in line.fields:
            yield from (_span(line, span) for span in line.fields["spans"] if identity in span[:2])
        elif identity in line.text:
            yield _entry(line)


def outcomes(lines: Iterable[Line], event: str | None = None) -> Iterator[Entry]:
    """What became of each record that the lines tell of.

    :param event: ``<source>/<Name>``: of this event alone; ``<source>/*``: of this source's.
    """
    source = event.removesuffix("*") if event and event.endswith("/*") else None
    for line in lines:
        for span in line.fields.get("spans", ()):
            if event is None or span[2] == event or (source and span[2].startswith(source)):
                yield _span(line, span)


def _batch(line: Line) -> Entry:
    counts = [f"{line.fields[name]} {name}" for name in Outcome if line.fields.get(name)]
    took = f" in {line.fields['batch_ms']:.0f} ms" if "batch_ms" in line.fields else ""
    return _made(line, "BATCH", f"{line.fields['received']} received: {', '.join(counts) or 'nothing'}{took}")


def _span(line: Line, span: list[Any]) -> Entry:
    event_id, _, identifier, subject, _, wait_ms, _, took_ms, tries, receives, outcome, *published = span
    said = [f"{identifier} {subject or ''}".strip(), str(outcome)]
    said += [f"waited {wait_ms} ms"] if wait_ms is not None else []
    said += [f"took {took_ms} ms"] if took_ms is not None else []
    said += [f"try {tries}, receive {receives}"]
    said += [f"published {', '.join(published[0])}"] if published else []
    return Entry(line.at_ms, line.worker, "EVENT", ", ".join(said), event_id, outcome, version=_version(line))


def _entry(line: Line) -> Entry:
    level = "DIED" if line.is_death else str(line.fields.get("level", "-"))
    return _made(line, level, str(line.fields.get("message", line.text)))


def _made(line: Line, level: str, text: str) -> Entry:
    said: Mapping[str, Any] = line.fields
    return Entry(
        line.at_ms,
        line.worker,
        level,
        text,
        said.get("event_id"),
        said.get("outcome"),
        said.get("error_type"),
        said.get("error_at"),
        _version(line),
    )


def _version(line: Line) -> str | None:
    version = line.fields.get("function_version")
    return None if version is None else str(version)
