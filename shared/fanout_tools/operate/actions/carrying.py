"""Take messages out of a dead-letter queue, each by the same steps, so that none is lost wherever the process dies.

For up to ten messages at a time: an intent in the journal; the messages are carried to where they go; those that have
arrived are deleted from the queue; a done in the journal. So a message is in the queue, or where it goes, or in both.
Whoever resumes after a death looks at the intents without a done: which of their messages have arrived the carrier
finds out, or it carries them again, if that does no harm.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from fanout_tools.operate.dead_letters import DeadLetter
from fanout_tools.operate.journal import Head, Journal, Operation, Status
from fanout_tools.operate.limits import TokenBucket
from fanout_tools.operate.sources.dead_letters import DeadLetterQueue

__all__ = ["AT_ONCE", "HOLD_S", "MOST", "Carried", "Carrier", "Carrying", "Doubt", "Result", "Trial"]

AT_ONCE = 10
"""Messages of one step: what SQS takes in one call."""
MAX_CALL_BYTES = 1024 * 1024
"""Of one call's messages together
(https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html)."""
ATTRIBUTE_BYTES = 1_000
"""Kept for each message's attributes."""
HOLD_S = 120
"""How long messages are hidden from others at a time; prolonged while the operation goes on."""
MOST = 20_000
"""Messages that are held at once, of the 120,000 that a standard queue may have in flight
(https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html)."""


class Carried(NamedTuple):
    """What became of a step's messages."""

    arrived: Sequence[DeadLetter]
    refused: dict[str, str]
    """Why a message was not taken, by its id; it stays in the queue."""


class Doubt(NamedTuple):
    """Messages of which it is not known whether they have arrived."""

    arrived: Sequence[DeadLetter]
    again: Sequence[DeadLetter]
    """To be carried once more, which does no harm."""
    left: Sequence[DeadLetter]
    """Carrying them once more might: they stay where they are."""


class Carrier(Protocol):
    """Where the messages go."""

    def carry(self, operation: str, number: int, letters: Sequence[DeadLetter]) -> Carried:
        """Bring up to ten messages there. May be called again for the same messages after a death."""

    def doubt(self, letters: Sequence[DeadLetter]) -> Doubt:
        """What to do about messages that are in the queue and may have arrived."""


class Trial(Protocol):
    """Goes in growing steps, and waits after each for what became of it."""

    def sizes(self) -> Iterator[int]:
        """Of the steps."""

    def begin(self, letters: Sequence[DeadLetter]) -> None:
        """A step is about to be carried."""

    def undecided(self) -> int:
        """Of how many of the step's messages it is not known yet what became of them."""

    def verdict(self) -> str:
        """Why no further step should follow, or nothing."""


@dataclass(slots=True)
class Result:
    """What became of an operation's messages."""

    carried: int = 0
    refused: dict[str, str] = field(default_factory=dict)
    gone: int = 0
    """In the plan, and not in the queue any more: carried before, or expired."""
    left: list[str] = field(default_factory=list)
    """Of which it is not known whether they have arrived, and that were not carried again."""
    stopped: str = ""
    """Why it did not go on to its end."""

    @property
    def whole(self) -> bool:
        return not (self.refused or self.left or self.stopped)

    def to_json(self) -> dict[str, Any]:
        return {
            "carried": self.carried,
            "refused": self.refused,
            "gone": self.gone,
            "left": self.left,
            "stopped": self.stopped,
        }


def _unhindered(bucket: TokenBucket) -> str:
    """The rate stays as it is."""
    del bucket
    return ""


def _nobody(done: int, total: int) -> None:
    """Nobody is told."""
    del done, total


def _nothing() -> None:
    """Nothing else has to be kept."""


@dataclass(eq=False)
class Carrying:
    """
    :ivar brake: called before each step: may change the bucket's rate, or say why no further step should follow.
    :ivar told: is told of the progress: how many of how many.
    :ivar alive: called before each step, and while a trial is waited for: to keep what would end without it.
    :ivar clock: seconds since 1970; with ``sleep``, tests give their own.
    """

    journal: Journal
    queue: DeadLetterQueue
    carrier: Carrier
    bucket: TokenBucket
    trial: Trial | None = None
    patience_s: float = 300.0
    """How long a trial's step is waited for."""
    brake: Callable[[TokenBucket], str] = _unhindered
    told: Callable[[int, int], None] = _nobody
    alive: Callable[[], None] = _nothing
    clock: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep
    _held: list[DeadLetter] = field(default_factory=list, init=False)
    _held_until: float = field(default=0.0, init=False)

    def start(self, head: Head, letters: Sequence[DeadLetter]) -> Result:
        """A new operation for these messages.

        :raises Held: another process has taken it over meanwhile.
        """
        planned = tuple(letter.message_id for letter in letters)
        self.journal.open(head, planned)
        return self._run(Operation(head, planned, ()))

    def resume(self, operation: str) -> Result:
        """Carry on what was cut off or has stopped.

        :raises UnknownOperationError: there is no such operation.
        :raises Held: another process carries it on.
        """
        self.journal.take(operation)
        return self._run(self.journal.read(operation))

    def _run(self, operation: Operation) -> Result:
        result, name = Result(), operation.head.operation
        doubtful, wanted = operation.doubtful, set(operation.planned) - operation.settled
        try:
            held = self._take(name, wanted)
            result.gone = len(wanted) - len(held)
            number = self._recover(operation, [it for it in held if it.message_id in doubtful], result)
            rest = [it for it in held if it.message_id not in doubtful]
            self._carry_all(name, number, rest, result)
        finally:
            self.queue.give_back(self._held)
        status = Status.STOPPED if result.stopped else Status.FINISHED
        self.journal.close(name, status, **result.to_json())
        return result

    def _take(self, name: str, wanted: set[str]) -> list[DeadLetter]:
        """Those of the messages that are in the queue, hidden from others, in the order in which they go.

        Some may be hidden at first: by somebody who looks at them, or by ourselves before our process died.
        """
        until = self.clock() + 2 * HOLD_S
        while missing := wanted - {it.message_id for it in self._held}:
            taken = self.queue.take(MOST, HOLD_S)
            others = [it for it in taken if it.message_id not in missing]
            self._held += [it for it in taken if it.message_id in missing]
            self._held_until = self._held_until or self.clock() + HOLD_S
            hidden = self.queue.depth() > len(self._held) + len(others)
            self.queue.give_back(others)
            self.journal.keep(name)
            if not hidden or len(taken) == len(missing) + len(others) or self.clock() >= until:
                break
            self.sleep(5.0)
            self._keep()
        self._held.sort(key=lambda it: it.order)
        return list(self._held)

    def _recover(self, operation: Operation, letters: Sequence[DeadLetter], result: Result) -> int:
        """Settle the steps that were begun and not finished; the number of the next one."""
        name, number = operation.head.operation, operation.next_number
        doubt = self.carrier.doubt(letters)
        result.left += [it.message_id for it in doubt.left]
        self._delete(doubt.arrived)
        result.carried += len(doubt.arrived)
        for chunk in _chunks(doubt.again):
            self._step(name, number, chunk, result)
            number += 1
        for step in operation.in_doubt:
            self.journal.done(name, step.number, resumed=True)
        return number

    def _carry_all(self, name: str, number: int, letters: Sequence[DeadLetter], result: Result) -> None:
        rest, sizes = list(letters), self.trial.sizes() if self.trial else None
        total = len(rest)
        while rest and not result.stopped:
            size = next(sizes, len(rest)) if sizes else len(rest)
            stage, rest = rest[:size], rest[size:]
            if self.trial:
                self.trial.begin(stage)
            for chunk in _chunks(stage):
                result.stopped = self.brake(self.bucket)
                if result.stopped:
                    return
                self.bucket.take(len(chunk))
                self._step(name, number, chunk, result)
                number += 1
                self.told(result.carried, total)
            if self.trial:
                result.stopped = self._await(name, self.trial)

    def _step(self, name: str, number: int, chunk: Sequence[DeadLetter], result: Result) -> None:
        self._keep()
        ids = [it.message_id for it in chunk]
        self.journal.intent(name, number, ids, events=[it.event_id for it in chunk])
        carried = self.carrier.carry(name, number, chunk)
        undeleted = self._delete(carried.arrived)
        self.journal.done(name, number, refused=carried.refused, undeleted=[it.message_id for it in undeleted])
        result.carried += len(carried.arrived)
        result.refused |= carried.refused

    def _delete(self, letters: Sequence[DeadLetter]) -> list[DeadLetter]:
        undeleted = self.queue.delete(letters)
        away = {it.message_id for it in letters} - {it.message_id for it in undeleted}
        self._held = [it for it in self._held if it.message_id not in away]
        return undeleted

    def _keep(self) -> None:
        """Prolong the hold on what is still to be carried, before others are shown it."""
        self.alive()
        if self.clock() > self._held_until - HOLD_S / 2:
            self.queue.hide(self._held, HOLD_S)
            self._held_until = self.clock() + HOLD_S

    def _await(self, name: str, trial: Trial) -> str:
        until = self.clock() + self.patience_s
        while undecided := trial.undecided():
            if self.clock() >= until:
                return f"after {self.patience_s:.0f} s it is not known what became of {undecided}"
            self._keep()
            self.journal.keep(name)
            self.sleep(1.0)
        return trial.verdict()


def _chunks(letters: Sequence[DeadLetter]) -> Iterator[list[DeadLetter]]:
    """Within the count and the bytes of one call."""
    chunk, size = list[DeadLetter](), 0
    for letter in letters:
        length = len(letter.body.encode()) + ATTRIBUTE_BYTES
        if chunk and (len(chunk) == AT_ONCE or size + length > MAX_CALL_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append(letter)
        size += length
    if chunk:
        yield chunk
