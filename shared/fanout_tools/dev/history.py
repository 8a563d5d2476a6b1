"""What the workers said and did, kept as the lines that their functions would have logged."""

from __future__ import annotations

import json
import logging
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fanout.outcomes import Outcome
from fanout.processing.accounts import span_lines
from fanout.telemetry import OWN_HANDLER, JsonFormatter
from fanout_tools.dev.worker import Batch

__all__ = ["History", "Line", "hear_powertools"]

MOST_LINES = 20_000
Line = Mapping[str, Any]


def hear_powertools() -> None:
    """Have Powertools' Loggers log as all others do: their own handlers print JSON."""
    for logger in logging.root.manager.loggerDict.values():
        if isinstance(logger, logging.Logger) and OWN_HANDLER in logger.__dict__:
            logger.propagate = True
            for handler in logger.handlers:  # which a Logger that is made anew looks for
                handler.setLevel(logging.CRITICAL + 1)


@dataclass(eq=False)
class History(logging.Handler):
    """Takes every line that is logged, and an account of every batch.

    :ivar heard: is told of each line that is logged, as it comes.
    """

    heard: Callable[[Line], None] = field(default=lambda _: None)
    lines: deque[Line] = field(default_factory=lambda: deque(maxlen=MOST_LINES), init=False)

    def __post_init__(self) -> None:
        super().__init__()
        self.setFormatter(JsonFormatter())

    __hash__ = logging.Handler.__hash__

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = json.loads(self.format(record))
            self.lines.append(line)
            self.heard(line)
        except Exception:  # noqa: BLE001 - logging's own contract: never let a log line end the program
            self.handleError(record)

    def addFilter(self, filter: object) -> None:  # noqa: A002, N802 - logging's names
        """Not the one that a Powertools Logger puts on the root's handlers: it leaves out what it has not written."""
        if type(filter).__name__ != "SuppressFilter":
            super().addFilter(filter)  # type: ignore[arg-type]

    def keep(self, batch: Batch) -> None:
        """A batch that a worker has taken."""
        for spans in span_lines(batch.deliveries):
            self.lines.append(
                {"worker": batch.worker, "spans": spans, "_aws": {"Timestamp": int(batch.ended_at * 1000)}}
            )

    def matching(self, text: str) -> list[Line]:
        """The lines in which the text occurs."""
        return [line for line in list(self.lines) if text in json.dumps(line)]

    def of_event(self, event_id: str) -> Sequence[Line]:
        """What was logged while the event was handled, in order."""
        return list(self._of_event(event_id))

    def _of_event(self, event_id: str) -> Iterator[Line]:
        return (line for line in list(self.lines) if line.get("event_id") == event_id and "message" in line)

    def last_failure(self, worker: str) -> str | None:
        """What its last failed record failed with."""
        for line in reversed(list(self.lines)):
            if line.get("service") == worker and "outcome" in line:
                place = f" ({line['error_at']})" if line.get("error_at") else ""
                return f"{str(line['message']).splitlines()[0]}{place}"
        return None

    def counts(self, since: float) -> Mapping[str, Mapping[str, int]]:
        """Records by outcome, by worker."""
        found: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for worker, ended_at, outcome in self._records():
            if ended_at >= since:
                found[worker][outcome] += 1
        return found

    def series(self, worker: str, since: float, period_s: int) -> Mapping[float, Mapping[str, int]]:
        """A worker's records by outcome, period by period."""
        found: dict[float, Counter[str]] = {}
        names = [outcome.value for outcome in Outcome]
        for name, ended_at, outcome in self._records():
            if name == worker and ended_at >= since:
                start = ended_at - ended_at % period_s
                found.setdefault(start, Counter(dict.fromkeys(names, 0)))[outcome] += 1
        return found

    def _records(self) -> Iterator[tuple[str, float, str]]:
        """Worker, time and outcome of each."""
        for line in list(self.lines):
            for span in line.get("spans", ()):
                yield line["worker"], line["_aws"]["Timestamp"] / 1000, str(span[10])
