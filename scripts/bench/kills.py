"""A redrive is killed before and after each of its calls to AWS, and resumed by another process; what is lost or done
twice is counted. The deployment is the model of the unit tests, in memory, and its time virtual.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fanout_tools.operate.actions.carrying import Carrying
from fanout_tools.operate.actions.redrive import Redrive
from fanout_tools.operate.dead_letters import DeadLetter
from fanout_tools.operate.journal import HELD_S, Head, UnknownOperationError
from fanout_tools.operate.limits import TokenBucket
from tests.unit.fanout_tools.operate.mortal import Dead, Deployment, Mortal

__all__ = ["Kills", "kills"]

MESSAGES = 25
"""Three steps, the last one smaller."""
HEAD = Head(operation="op-1", kind="redrive", worker="billing", why="a bench", started_at="2026-11-28T00:00:00+00:00")


@dataclass(slots=True)
class Kills:
    """What became of all of them."""

    steps: int = 0
    """The calls at whose boundaries a process is killed."""
    kills: int = 0
    messages: int = 0
    lost: int = 0
    """Events that are neither in a queue nor among the effects."""
    doubled: int = 0
    """Effects beyond one of an event."""


def kills(modes: Sequence[str] = ("strict", "claim")) -> Kills:
    """Of all boundaries, in each mode of the idempotency store."""
    found = Kills()
    for mode in modes:
        alive = Mortal()
        _begin(_full(mode), alive)
        found.steps += len(alive.calls)
        for boundary, after in _boundaries(alive):
            _killed(mode, Mortal(boundary, after), found)
    return found


def _boundaries(alive: Mortal) -> Iterator[tuple[int, bool]]:
    for boundary in range(len(alive.calls)):
        yield boundary, False
        yield boundary, True


def _killed(mode: str, mortal: Mortal, found: Kills) -> None:
    deployment = _full(mode)
    try:
        _begin(deployment, mortal)
    except Dead:
        found.kills += 1
    if mortal.dies_at % 2:  # what has arrived is handled before the operation is resumed, or with the rest
        deployment.work()
    deployment.clock.advance(HELD_S + 1)
    try:
        deployment.journal(Mortal(), "second").read(HEAD.operation)
        _carrying(deployment, Mortal(), "second").resume(HEAD.operation)
    except UnknownOperationError:
        pass  # it died before it had begun: all is where it was
    deployment.work()
    found.messages += MESSAGES
    found.lost += MESSAGES - len(deployment.where())
    found.doubled += sum(count - 1 for count in Counter(deployment.effects).values())


def _full(mode: str) -> Deployment:
    deployment = Deployment(mode=mode)
    for number in range(MESSAGES):
        deployment.dead_letter(number)
    return deployment


def _begin(deployment: Deployment, mortal: Mortal) -> None:
    work = _carrying(deployment, mortal, "first")
    letters: Sequence[DeadLetter] = work.queue.browse(100).letters
    work.start(HEAD, letters)


def _carrying(deployment: Deployment, mortal: Mortal, holder: str) -> Carrying:
    clock = deployment.clock
    return Carrying(
        deployment.journal(mortal, holder),
        deployment.dead_letters(mortal),
        Redrive(mortal.wrap(deployment.sqs), deployment.worker, deployment.fence(mortal)),
        TokenBucket(1_000, clock.time, clock.sleep),
        clock=clock.time,
        sleep=clock.sleep,
    )
