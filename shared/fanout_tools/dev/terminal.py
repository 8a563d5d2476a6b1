"""What happens, in the terminal: a line for each event, for each record, and for what handlers log."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.text import Text

from fanout.outcomes import Outcome
from fanout.processing.delivery import Delivery
from fanout_tools.cli.output import printable
from fanout_tools.dev.bus import Sent
from fanout_tools.dev.history import History, Line
from fanout_tools.dev.local import Teller
from fanout_tools.dev.queues import Queue
from fanout_tools.dev.worker import Batch

__all__ = ["Terminal", "own_frames"]

STYLES = {Outcome.HANDLED: "green", Outcome.REJECTED: "red", Outcome.RETRIED: "yellow", Outcome.POSTPONED: "yellow"}
ID = 8
"""Characters of an event's id, enough to find it by."""


class Terminal(Teller):
    """
    :param clock: seconds since 1970.
    :ivar queue_of: finds a worker's queue, to say when a record comes again.
    """

    def __init__(self, console: Console, history: History, clock: Callable[[], float]) -> None:
        self._console, self._history, self._clock = console, history, clock
        self.queue_of: Callable[[str], Queue | None] = lambda _: None
        history.heard = self.logged

    def sent(self, sent: Sent) -> None:
        takers = ", ".join(sent.recipients) or "nobody takes it"
        self._say(sent.at, "bus", "", f"{sent.name} {sent.event_id[:ID]} to {takers}", "bold")

    def handled(self, batch: Batch) -> None:
        self._history.keep(batch)
        for delivery in batch.deliveries:
            self._record(batch, delivery)

    def _record(self, batch: Batch, delivery: Delivery) -> None:
        outcome = delivery.outcome or Outcome.RETRIED
        event = "no event" if delivery.envelope is None else delivery.envelope.name
        identity = delivery.record.message_id if delivery.envelope is None else delivery.envelope.metadata.event_id
        took = f"  {delivery.took_s * 1000:.0f} ms" if delivery.begun else ""
        more = self._why(batch.worker, delivery)
        text = f"{event} {identity[:ID]}{took}{more}"
        self._say(batch.ended_at, batch.worker, str(outcome.value), text, STYLES.get(outcome, "dim"))

    def _why(self, worker: str, delivery: Delivery) -> str:
        if delivery.cause is None:
            return ""
        cause = f"  {type(delivery.cause).__name__}: {delivery.cause}"
        if delivery.dead_lettered:
            return f"{cause}  (in the DLQ)"
        queue = self.queue_of(worker)
        again = (
            []
            if queue is None
            else [it.visible_at for it in queue.messages() if it.message_id == delivery.record.message_id]
        )
        return f"{cause}  (again in {max(0.0, again[0] - self._clock()):.0f} s)" if again else cause

    def loaded(self, workers: Iterable[str], seconds: float) -> None:
        names = ", ".join(workers)
        if names:
            self._say(self._clock(), "dev", "", f"runs {names} ({seconds * 1000:.0f} ms)", "cyan")

    def broken(self, worker: str, why: str) -> None:
        waits = f"{worker} waits" if worker else "what ran before runs on"
        self._say(self._clock(), "dev", "broken", f"{why}\n{'':15}{waits} until it is saved again", "red")

    def logged(self, line: Line) -> None:
        """Of failures their own line tells: of those the traceback alone."""
        if "outcome" not in line:
            text = f"{line.get('level', '')}: {line.get('message', '')}{_fields(line)}"
            self._say(self._clock(), str(line.get("service", "dev")), "", text, "dim")
        if "exception" in line:
            self._console.print(Text(printable(own_frames(str(line["exception"]))), style="red"))

    def say(self, text: str) -> None:
        """Of the program itself."""
        self._console.print(Text(printable(text)))

    def _say(self, at: float, who: str, what: str, text: str, style: str) -> None:
        moment = datetime.fromtimestamp(at).astimezone().strftime("%H:%M:%S.%f")[:-3]
        line = Text(f"{moment}  ")
        line.append(f"{who:<14} ", style="bold" if what else "")
        line.append(f"{what:<9} " if what else "", style=style)
        line.append(printable(text), style=style if not what else "")
        self._console.print(line)


CORE = "/fanout/processing/"
KNOWN = frozenset(
    {
        *("level", "message", "logger", "timestamp", "service", "exception", "exception_name"),
        *("message_id", "receive_count", "event", "event_id", "correlation_id", "causation_id"),
    }
)


def own_frames(text: str) -> str:
    """A traceback without the frames of the core, which are the same in each."""
    kept, core = list[str](), False
    for line in text.splitlines():
        if line.startswith("  File "):
            core = CORE in line
        elif not line.startswith("    "):
            core = False
        if not core:
            kept.append(line)
    return "\n".join(kept)


def _fields(line: Line) -> str:
    """What the handler added to its line."""
    found: dict[str, Any] = {name: value for name, value in line.items() if name not in KNOWN}
    return "".join(f" {name}={value}" for name, value in found.items())
