"""Give dead letters back to their worker's queue: a chosen set, at a rate, by trial if wanted, resumable.

What keeps a message that was sent twice from a second effect is the worker's own idempotency store. An event that a
dead process left locked there is freed first, else the worker rejects it again without a try.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from fanout.processing.delivery import SENT_BY
from fanout_tools.operate.actions.carrying import Carried, Doubt
from fanout_tools.operate.dead_letters import DeadLetter
from fanout_tools.operate.fence import Fence, Known, State
from fanout_tools.operate.topology import WorkerPlace

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

__all__ = ["HANDLED", "Canary", "Plan", "Redrive", "plan"]

HANDLED = "handled already: fanout dlq drop takes them away"

MOST_BACK = 0.1
"""Of a trial's step: the share that may come back before it stops."""
_SIZES = (1, 2, 5, 10, 20, 50, 100, 200, 500)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a redrive would do."""

    chosen: tuple[DeadLetter, ...]
    left_out: Mapping[str, int]
    """How many stay in the queue, by the reason."""
    surprises: tuple[str, ...]
    """What the operator should know before."""

    def to_json(self) -> dict[str, Any]:
        kinds = Counter(letter.kind.value for letter in self.chosen)
        return {
            "chosen": len(self.chosen),
            "kinds": dict(kinds),
            "left_out": dict(self.left_out),
            "surprises": list(self.surprises),
        }


def plan(
    worker: WorkerPlace, letters: Sequence[DeadLetter], known: Sequence[Known], *, now: float, again: bool = False
) -> Plan:
    """Which of the letters a redrive would give back; pure.

    :param known: what the worker's fence knows of each; of one without an event anything.
    :param again: take those too that have been handled; the fence will have them acknowledged without an effect.
    """
    paths = [tuple(path.split(".")) for path in worker.manifest.idempotency.key]
    chosen, left = list[tuple[DeadLetter, Known]](), Counter[str]()
    for letter, it in zip(letters, known, strict=True):
        reason = _against(letter, it, paths, again=again)
        if reason:
            left[reason] += 1
        else:
            chosen.append((letter, it))
    return Plan(
        chosen=tuple(letter for letter, _ in chosen),
        left_out=left,
        surprises=tuple(_surprises(worker, chosen, now)),
    )


def _against(letter: DeadLetter, known: Known, paths: Sequence[tuple[str, ...]], *, again: bool) -> str:
    if not letter.redrivable or letter.envelope is None:
        return f"{letter.kind.value}: no event that the worker could take"
    if known.state is State.COMPLETED and not again:
        return HANDLED
    if known.state in (State.COMPLETED, State.HELD) and known.differs(letter.envelope, paths):
        return "the fence has seen its id with other data"
    return ""


def _surprises(worker: WorkerPlace, chosen: Sequence[tuple[DeadLetter, Known]], now: float) -> Iterator[str]:
    if worker.records_table is None and chosen:
        yield f"{worker.name} remembers nothing (idempotency: off): what is sent twice has two effects"
    expired = sum(_expired(letter, now) for letter, _ in chosen)
    if expired:
        yield f"{expired} are past their expires_at: the worker acknowledges them unheard"
    died = sum(known.state is State.DIED for _, known in chosen)
    if died:
        yield f"{died} were left locked by a process that died: they are freed, and begin anew"
    held = sum(known.state is State.HELD for _, known in chosen)
    if held:
        yield f"{held} are being handled at this moment"
    forgotten = sum(known.state is State.ABSENT and letter.tries > 0 for letter, known in chosen)
    if forgotten:
        yield f"{forgotten} have no record any more: whether they had an effect is not known"


def _expired(letter: DeadLetter, now: float) -> bool:
    moment = letter.envelope.metadata.expires_at if letter.envelope else None
    if not moment:
        return False
    try:
        return datetime.fromisoformat(moment).timestamp() <= now
    except ValueError:
        return False


@dataclass(frozen=True)
class Redrive:
    """The way back into the worker's queue: a :class:`~fanout_tools.operate.actions.carrying.Carrier`.

    :ivar bodies: other bodies for some messages, by message id: an edited event.
    :ivar again: send again what may have been sent before, though no fence keeps a second effect.
    """

    sqs: SQSClient = field(repr=False)
    worker: WorkerPlace
    fence: Fence
    bodies: Mapping[str, str] = field(default_factory=dict)
    again: bool = False

    def carry(self, operation: str, number: int, letters: Sequence[DeadLetter]) -> Carried:  # noqa: ARG002
        """Free what a dead process holds, then send."""
        self._free(letters)
        response = self.sqs.send_message_batch(
            QueueUrl=self.worker.queue_url,
            Entries=[self._entry(operation, str(index), letter) for index, letter in enumerate(letters)],
        )
        refused = {int(it["Id"]): f"{it['Code']}: {it.get('Message', '')}" for it in response.get("Failed", ())}
        return Carried(
            [letter for index, letter in enumerate(letters) if index not in refused],
            {letters[index].message_id: why for index, why in refused.items()},
        )

    def doubt(self, letters: Sequence[DeadLetter]) -> Doubt:
        """What the fence has as completed has arrived. The rest is sent again: of two, the fence lets one have an
        effect; where there is no fence, only if that is wanted."""
        if self.worker.records_table is None and not self.again:
            return Doubt([], [], letters)
        known = self.fence.look(letter.envelope for letter in letters if letter.envelope is not None)
        handled = [it for it, found in zip(letters, known, strict=True) if found.state is State.COMPLETED]
        return Doubt(handled, [it for it in letters if it not in handled], [])

    def _free(self, letters: Sequence[DeadLetter]) -> None:
        for known in self.fence.look(it.envelope for it in letters if it.envelope is not None):
            if known.state is State.DIED:
                self.fence.free(known)

    def _entry(self, operation: str, identity: str, letter: DeadLetter) -> Any:
        noted = {"fanout_operation": operation}
        if SENT_BY in letter.attributes:  # whoever sends it again, it is taken as what its first sender may send
            noted[SENT_BY] = letter.attributes[SENT_BY]
        entry: dict[str, Any] = {
            "Id": identity,
            "MessageBody": self.bodies.get(letter.message_id, letter.body),
            "MessageAttributes": {name: {"DataType": "String", "StringValue": value} for name, value in noted.items()},
        }
        if self.worker.fifo:
            entry["MessageGroupId"] = letter.original_group or self.worker.name
            # The same when this operation is resumed, another in the next: else SQS would take a second redrive within
            # five minutes for a repetition, and the message would be deleted though nothing was sent.
            entry["MessageDeduplicationId"] = sha256(f"{operation}/{letter.message_id}".encode()).hexdigest()
        return entry


@dataclass(eq=False)
class Canary:
    """A trial: steps of 1, 2, 5, 10 and so on; it stops when over a tenth of a step comes back.

    An event has come back when its record was released with no tries left over by a delivery that was not there
    before: so the worker leaves what it moves to the DLQ.
    """

    fence: Fence
    _step: list[DeadLetter] = field(default_factory=list, init=False)
    _before: list[Known] = field(default_factory=list, init=False)
    back: list[DeadLetter] = field(default_factory=list, init=False)
    """Those of the last step."""

    def sizes(self) -> Iterator[int]:
        """Each over the one before; then all that is left at once."""
        yield from _SIZES

    def begin(self, letters: Sequence[DeadLetter]) -> None:
        """Note what the fence knows before."""
        self._step, self.back = list(letters), []
        self._before = self._look()

    def undecided(self) -> int:
        """As the fence says now."""
        now = self._look()
        back = [_has_come_back(before, known) for before, known in zip(self._before, now, strict=True)]
        done = [known.state is State.COMPLETED for known in now]
        self.back = [letter for letter, it in zip(self._step, back, strict=True) if it]
        return len(now) - sum(back) - sum(done)

    def verdict(self) -> str:
        """Stop, if too many have come back."""
        if len(self.back) <= MOST_BACK * len(self._step):
            return ""
        return f"{len(self.back)} of {len(self._step)} came back"

    def _look(self) -> list[Known]:
        return self.fence.look(letter.envelope for letter in self._step if letter.envelope is not None)


def _has_come_back(before: Known, now: Known) -> bool:
    return now.state is State.RELEASED and now.tries == 0 and now.owner != before.owner
