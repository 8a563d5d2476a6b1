"""The recoveries of the core, each taken out of it by one edit: a cell of the matrix, or a poison, must notice."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts.paths import REPOSITORY
from scripts.reliability import matrix, poison
from scripts.reliability.matrix import Cell, Result, faultless
from scripts.reliability.model.faults import Fault
from scripts.reliability.scenarios import SCENARIOS

__all__ = ["ANY", "MUTANTS", "Mutant", "caught_by", "first_red", "red_with"]

PATIENCE_S = 300
ANY = "any"
"""In place of a call: the scenarios without a fault, then some of all cells and poisons, then the rest."""


@dataclass(frozen=True)
class Mutant:
    recovery: str
    """What the edit takes away."""
    file: str
    """Under shared/fanout."""
    old: str
    new: str
    call: str
    """The calls whose cells are tried first."""

    def applies(self, source: str) -> bool:
        return source.count(self.old) == 1


MUTANTS = [
    Mutant(
        "a commit whose answer was lost is looked up",
        "idempotency/dynamodb.py",
        "if self._has_committed(completion.lock):",
        "if False:",
        "commit",
    ),
    Mutant(
        "a repeated lock is known as one's own",
        "idempotency/dynamodb.py",
        "if owner == request.owner:  # our own, repeated by the client",
        "if False:",
        "lock",
    ),
    Mutant(
        "a repeated take-over is known as one's own",
        "idempotency/dynamodb.py",
        "for lock in self._look_up(lost)} if lost else {}",
        "for lock in self._look_up(lost)} if False else {}",
        "take over",
    ),
    Mutant(
        "throttled statements are tried again",
        "idempotency/calls.py",
        "while again := [i for i, response in enumerate(responses) if _may_pass(response)]:",
        "while again := [i for i, response in enumerate(responses) if _may_pass(response) and False]:",
        "complete",
    ),
    Mutant(
        "a batch has its mark only if all its records were handled",
        "processing/locks.py",
        'return batch if handled == len(locked) == self._sizes.get(batch) else ""',
        "return batch",
        "complete",
    ),
    Mutant(
        "what a commit promised to publish is published by its duplicate",
        "processing/locks.py",
        "delivery.result, delivery.published = lock.result, published",
        "delivery.result = lock.result",
        "commit",
    ),
    Mutant(
        "a store that does not answer has the record come again",
        "processing/locks.py",
        'delivery.retry(Retry(f"the idempotency store did not answer: {lock.reason}"))',
        "delivery.reject(Reject(lock.reason))",
        "lock",
    ),
    Mutant(
        "a record that killed its process too often goes to the DLQ",
        "processing/locks.py",
        "if delivery.undecided and died and before.tries >= self.settings.max_receives:",
        "if False:",
        "",
    ),
    Mutant(
        "what died is handled after the others are recorded",
        "processing/locks.py",
        "_WAITING = {LockState.RELEASED: RELEASED, LockState.DIED: DIED}",
        "_WAITING = {LockState.RELEASED: FRESH, LockState.DIED: FRESH}",
        "",
    ),
    Mutant(
        "a record that the DLQ does not take stays in the queue",
        "processing/settlement.py",
        "delivery.dead_lettered = str(index) not in failed",
        "delivery.dead_lettered = True",
        "dead-letter",
    ),
    Mutant(
        "an event that the bus did not take is published again",
        "processing/batch.py",
        "if receipt.accepted or delivery.outcome in UNSUCCESSFUL:",
        "if True:",
        "publish",
    ),
    Mutant(
        "entries that the bus throttled are sent again",
        "publish/batches.py",
        "MAX_ATTEMPTS = 5",
        "MAX_ATTEMPTS = 1",
        "publish",
    ),
    Mutant(
        "data that cannot be fetched have their event come again",
        "processing/payloads.py",
        "delivery.retry(error)",
        "delivery.reject(error)",
        "payload get",
    ),
    Mutant(
        "a batch's first record begins, however slow an earlier one was",
        "processing/timing.py",
        "or (self.fresh and left_s > 0)",
        "",
        "handler's own write",
    ),
    Mutant(
        "what the relay could not publish comes again",
        "outbox/relay.py",
        "for sequence_number in held]}",
        "for sequence_number in held[:0]]}",
        "publish",
    ),
    Mutant(
        "the timer that closed a gather publishes when it comes again",
        "gather/state.py",
        "return Turn.PUBLISH if self.closed_by == timer_id else Turn.LEAVE",
        "return Turn.LEAVE",
        "gather: close",
    ),
    Mutant(
        "the records behind a failed one of their message group wait",
        "processing/execution.py",
        "if self._stopped and delivery.record.group in self._stopped:",
        "if False:",
        "dead-letter",
    ),
    Mutant(
        "the records of a message group are handled together, in their order",
        "processing/locks.py",
        "turns = {id(delivery): latest[delivery.record.group] for delivery in deliveries}",
        "pass",
        "dead-letter",
    ),
    Mutant(
        "an entry of a FIFO DLQ has a message group",
        "processing/settlement.py",
        'entry["MessageGroupId"] = record.message_id',
        "pass",
        "dead-letter",
    ),
    Mutant(
        "an event that is told twice under two ids is one",
        "processing/locks.py",
        "delivery.key = event_key(worker, envelope, paths)",
        "delivery.key = event_key(worker, envelope)",
        "complete",
    ),
    Mutant(
        "a source that tells twice may tell more the second time",
        "processing/locks.py",
        "data = self._fingerprint(envelope) if paths else fingerprint(envelope.data)",
        "data = fingerprint(envelope.data)",
        "complete",
    ),
    Mutant(
        "a report that the gather's worker was not sent is sent when the part comes again",
        "gather/parts.py",
        "        self._timers.send(self._queues[reference.worker], envelope, 0)",
        """        try:
            self._timers.send(self._queues[reference.worker], envelope, 0)
        except Exception:
            pass""",
        "gather: report part",
    ),
    Mutant(
        "what is in the DLQ is deleted before more records begin",
        "processing/batch.py",
        "self.settlement.delete(gone)",
        "pass",
        "dead-letter",
    ),
]


def caught_by(mutant: Mutant) -> str | None:
    """The cell that is red without the recovery; None if all stay green.

    :raises ValueError: the core no longer has what the edit takes away.
    """
    source = (REPOSITORY / "shared" / "fanout" / mutant.file).read_text()
    if not mutant.applies(source):
        raise ValueError(f"{mutant.file}: {mutant.old!r} is there {source.count(mutant.old)} times, not once")
    return red_with(mutant.file, source.replace(mutant.old, mutant.new), mutant.call)


def red_with(file: str, changed: str, first: str) -> str | None:
    """The cell that is red when a file of shared/fanout reads so; None if all stay green.

    :param first: the calls whose cells are tried first; none: the poisons first; ``ANY``: a mixture.
    """
    with tempfile.TemporaryDirectory() as folder:
        shared = Path(folder) / "shared"
        shutil.copytree(REPOSITORY / "shared", shared, ignore=shutil.ignore_patterns("__pycache__"))
        (shared / "fanout" / file).write_text(changed)
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(shared), str(REPOSITORY / "router"), str(REPOSITORY)]),
        }
        command = [sys.executable, "-m", "scripts.reliability.mutants", first]
        try:
            done = subprocess.run(
                command,
                cwd=REPOSITORY,
                env=environment,
                capture_output=True,
                text=True,
                timeout=PATIENCE_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return f"it does not end within {PATIENCE_S} s"
    if done.returncode:
        return f"it does not run at all: {done.stderr.strip().splitlines()[-1]}"
    return done.stdout.strip() or None


def first_red(call: str) -> str | None:
    """The first red cell, those of the call before the others; without a call the poisons first."""
    cells = sorted(matrix.cells(), key=lambda cell: (cell.row.call != call, cell.fault is Fault.NEVER))
    poisons = [case for case in poison.cases() if case.poison is poison.Poison.KILLS and case.position == 0]
    if call == ANY:
        random.Random(ANY).shuffle(cells)
    tries = [*_faultless(), *_judged(cells[:40], matrix.run), *_poisoned(poisons), *_judged(cells[40:], matrix.run)]
    if call != ANY:
        runs = _judged(cells, matrix.run)
        tries = [*runs, *_poisoned(poisons)] if call else [*_poisoned(poisons), *runs]
    for name, judge in tries:
        if wrong := judge():
            return f"{name}: {wrong[0]}"
    return None


Try = tuple[str, Callable[[], Sequence[str]]]


def _judged(cells: Sequence[Cell], run: Callable[[Cell], Result]) -> list[Try]:
    return [(str(cell), lambda cell=cell: run(cell).wrong) for cell in cells]  # type: ignore[misc]


def _poisoned(cases: Sequence[poison.Case]) -> list[Try]:
    return [(str(case), lambda case=case: poison.run(case)) for case in cases]  # type: ignore[misc]


def _faultless() -> list[Try]:
    runs = [(scenario.name, mode) for scenario in SCENARIOS for mode in scenario.modes]
    return [(f"{name}, {mode}: no fault", lambda run=(name, mode): faultless(*run).wrong) for name, mode in runs]  # type: ignore[misc]


if __name__ == "__main__":
    print(first_red(sys.argv[1]) or "")
