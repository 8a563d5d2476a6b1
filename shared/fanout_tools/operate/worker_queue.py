"""A worker's dead-letter queue, with what its fence knows of the messages in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from fanout_tools.operate.actions.carrying import MOST
from fanout_tools.operate.actions.redrive import Plan, plan
from fanout_tools.operate.actions.selection import Selection
from fanout_tools.operate.dead_letters import DeadLetter
from fanout_tools.operate.fence import UNKNOWN, Known
from fanout_tools.operate.operating import NotFoundError, Operating
from fanout_tools.operate.sources.dead_letters import Browsed, DeadLetterQueue
from fanout_tools.operate.topology import WorkerPlace

__all__ = ["WorkerQueue"]


@dataclass(frozen=True)
class WorkerQueue:
    """One worker's DLQ."""

    operating: Operating
    worker: WorkerPlace
    queue: DeadLetterQueue

    @classmethod
    def at(cls, operating: Operating, worker: str, *, undelivered: bool = False) -> Self:
        """
        :param undelivered: of a FIFO worker, the queue of what did not reach its own.
        :raises UnknownWorkerError: there is none of that name.
        """
        place = operating.topology.worker(worker)
        return cls(operating, place, operating.dead_letters(place, undelivered=undelivered))

    @property
    def name(self) -> str:
        return self.queue.url.rpartition("/")[2]

    def chosen(self, selection: Selection, sample: int) -> tuple[Browsed, list[DeadLetter]]:
        """What a look at up to so many messages saw, and which of them are chosen."""
        browsed = self.queue.browse(sample)
        return browsed, selection.of(browsed.letters)

    def one(self, identity: str) -> DeadLetter:
        """The message of a message or event id, or of an id's beginning.

        :raises NotFoundError: there is none, or there are several.
        """
        _, letters = self.chosen(Selection(ids=(identity,)), MOST)
        if len(letters) != 1:
            found = f"{len(letters)} messages" if letters else "no message"
            raise NotFoundError(f"{identity}: {found} of that id in {self.name}")
        return letters[0]

    def known(self, letters: Sequence[DeadLetter]) -> list[Known]:
        """What the fence knows of each; of what is no event nothing."""
        readable = [letter for letter in letters if letter.envelope is not None]
        found = self.operating.fence(self.worker).look(it.envelope for it in readable if it.envelope is not None)
        by_id = {letter.message_id: known for letter, known in zip(readable, found, strict=True)}
        return [by_id.get(letter.message_id, UNKNOWN) for letter in letters]

    def redrive_plan(
        self, letters: Sequence[DeadLetter], *, now: float, again: bool = False
    ) -> tuple[Plan, Sequence[str]]:
        """What a redrive of these would do, and what speaks against it at this moment."""
        decided = plan(self.worker, letters, self.known(letters), now=now, again=again)
        if not decided.chosen:
            return decided, []
        failed_ms = max(letter.sent_ms for letter in decided.chosen)
        return decided, self.operating.paused_and_idle_since(self.worker, failed_ms)
