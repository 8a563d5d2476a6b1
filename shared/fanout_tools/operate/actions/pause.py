"""Have a worker stand still, for a time, and say when messages begin to be lost.

Its event source mapping is disabled: nothing is taken from the queue, and SQS deletes what is older than the queue's
retention without a word, not to the DLQ. A schedule resumes the worker at the end of the time, whatever becomes of
who paused it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from fanout.errors import FanoutError
from fanout_tools.operate.journal import Head, Journal, Status
from fanout_tools.operate.lease import Ending, Lease
from fanout_tools.operate.topology import Topology, WorkerPlace

__all__ = ["KIND", "LossClock", "Mapping", "Pause", "PauseError", "loss_clock", "open_pauses", "told_pauses"]

KIND = "pause"
DAY_S = 86_400
MARGIN_S = 3_600
"""Left for the worker to take what has waited, before the first message is deleted."""
SETTLED_S = 300
"""How long Lambda is waited for to enable or disable a mapping."""


class PauseError(FanoutError):
    """The worker cannot be paused so, or not resumed; the text says why."""

    exit_code = 5


@dataclass(frozen=True, slots=True)
class LossClock:
    """When SQS begins to delete messages that nobody took."""

    oldest_s: float
    """The age of the oldest message; 0 where none waits."""
    loses_at: float
    """Seconds since 1970."""

    def __str__(self) -> str:
        moment = datetime.fromtimestamp(self.loses_at, UTC).strftime("%a %d %b %Y %H:%M UTC")
        return f"messages begin to be lost on {moment}"


def loss_clock(retention_s: float, oldest_s: float, now: float) -> LossClock:
    """Of a queue that nobody takes from any more, from now on."""
    return LossClock(oldest_s, now + retention_s - oldest_s)


@dataclass(frozen=True)
class Mapping:
    """The mapping from a worker's queue to its function."""

    client: Any = field(repr=False)
    """Lambda's."""
    queue_arn: str
    clock: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep

    def found(self) -> Any:
        """As Lambda tells of it.

        :raises PauseError: there is none.
        """
        mappings = self.client.list_event_source_mappings(EventSourceArn=self.queue_arn)["EventSourceMappings"]
        if not mappings:
            raise PauseError(f"{self.queue_arn}: no function takes from it; is it deployed?")
        return mappings[0]

    @property
    def identity(self) -> str:
        return str(self.found()["UUID"])

    @property
    def paused(self) -> bool:
        return self.found()["State"] in ("Disabled", "Disabling")

    def set(self, *, enabled: bool) -> None:
        """And wait until it is so.

        :raises PauseError: it is not, after a while.
        """
        wanted = "Enabled" if enabled else "Disabled"
        until = self.clock() + SETTLED_S
        self.client.update_event_source_mapping(UUID=self.identity, Enabled=enabled)
        while (state := self.found()["State"]) != wanted:
            if self.clock() >= until:
                raise PauseError(f"the mapping is {state} after {SETTLED_S} s, not {wanted}")
            self.sleep(1.0)


@dataclass(frozen=True)
class Pause:
    """Pauses one worker, and resumes it."""

    topology: Topology
    worker: WorkerPlace
    mapping: Mapping
    journal: Journal
    scheduler: Any = field(repr=False)
    clock: Callable[[], float] = time.time

    def plan(self, for_s: float, oldest_s: float) -> LossClock:
        """What pausing for so long costs.

        :raises PauseError: messages would be lost before the end.
        """
        clock = loss_clock(self.worker.manifest.queue.retention_days * DAY_S, oldest_s, self.clock())
        if self.clock() + for_s + MARGIN_S > clock.loses_at:
            raise PauseError(
                f"worker {self.worker.name}: {clock}: pause it for less, or raise queue.retention_days of its "
                "worker.yaml first"
            )
        return clock

    def apply(self, head: Head, for_s: float, *, instead_of: Sequence[str] = ()) -> None:
        """Stand still. The end is arranged first.

        :param instead_of: earlier pauses of the worker: their schedules would resume it before this one's end.
        :raises PauseError: Lambda does not stop taking.
        """
        lease, name = self._lease(head.operation), head.operation
        until = self.clock() + for_s
        self.journal.open(head)
        self.journal.intent(name, 1, [self.worker.name], until=until)
        lease.begin(until)
        self._finish(instead_of)
        self.mapping.set(enabled=False)
        self.journal.done(name, 1)
        self.journal.close(name, Status.RUNNING, until=until)

    def resume(self, *, paused_by: Sequence[str] = ()) -> None:
        """Take again; every pause of the worker ends.

        :param paused_by: the operations of the journal.
        """
        self.mapping.set(enabled=True)
        self._finish(paused_by)

    def _finish(self, pauses: Sequence[str]) -> None:
        for name in pauses:
            self._lease(name).end()
            self.journal.take(name)
            self.journal.close(name, Status.FINISHED)

    def _lease(self, operation: str) -> Lease:
        arguments = {"Uuid": self.mapping.identity, "Enabled": True}
        ending = Ending("lambda", "updateEventSourceMapping", arguments)
        return Lease(self.scheduler, self.topology, operation, [ending], self.clock)


def open_pauses(journal: Journal, worker: str, *, days: int = 15) -> tuple[str, ...]:
    """The pauses of a worker that have not ended."""
    return tuple(head.operation for head in _open(journal, days) if head.worker == worker)


def told_pauses(journal: Journal, *, days: int = 15) -> dict[str, str]:
    """Since when, by whom and why workers are paused, by the workers' names; not by a pause whose time is over."""
    now = journal.clock()
    heads = [head for head in _open(journal, days) if head.plan.get("until", now) >= now]
    return {head.worker: _told(head) for head in reversed(heads)}


def _open(journal: Journal, days: int) -> Iterator[Head]:
    """The newest first. A queue keeps messages for 14 days, and no pause is longer."""
    return (head for head in journal.recent(days) if head.kind == KIND and head.status is not Status.FINISHED)


def _told(head: Head) -> str:
    since = datetime.fromisoformat(head.started_at).strftime("%d %b %H:%M UTC")
    who = head.who.rpartition("/")[2] or head.who or "somebody"
    return f'paused since {since} by {who}: "{head.why}"'
