"""Operations on dead letters, killed before and after each of their calls to AWS, and resumed by another process.

The deployment is the tests' model of one: a queue, a DLQ, a table, a bucket, a journal.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from fanout.events.envelope import Envelope
from fanout_tools.operate.actions.carrying import Carrier, Carrying
from fanout_tools.operate.actions.drop import Drop
from fanout_tools.operate.actions.redrive import Redrive
from fanout_tools.operate.journal import HELD_S, Head, UnknownOperationError
from fanout_tools.operate.limits import TokenBucket
from tests.unit.fanout_tools.operate.mortal import Dead, Deployment, Mortal, event

__all__ = ["Tally", "kill_all"]

MESSAGES = 13
"""Of a redrive or a drop: more than one step of ten."""
CASES = [
    *(("redrive", mode) for mode in ("strict", "claim", "off")),
    *(("edit", mode) for mode in ("strict", "claim", "off")),
    ("drop", "strict"),
]


@dataclass
class Tally:
    """What became of all messages."""

    kill_steps: int = 0
    """Calls to AWS at which a process was killed, twice each."""
    kills: int = 0
    messages: int = 0
    lost: int = 0
    """In no queue, no copy, and without an effect."""
    doubled: int = 0
    """Effects beyond the first of an event, of workers that remember."""


@dataclass
class _Bucket:
    copies: list[bytes] = field(default_factory=list)

    def put_object(self, **request: Any) -> None:
        self.copies.append(request["Body"])


class _World:
    def __init__(self, kind: str, mode: str) -> None:
        self.kind, self.mode = kind, mode
        self.deployment, self.bucket = Deployment(mode=mode), _Bucket()
        self.count = 1 if kind == "edit" else MESSAGES
        for number in range(self.count):
            self.deployment.dead_letter(number)
        self.ids = [message.message_id for message in self.deployment.dlq.messages]

    def process(self, mortal: Mortal, holder: str) -> Carrying:
        it, clock = self.deployment, self.deployment.clock
        bucket = TokenBucket(1_000, clock.time, clock.sleep)
        journal, queue = it.journal(mortal, holder), it.dead_letters(mortal)
        return Carrying(journal, queue, self._carrier(mortal), bucket, clock=clock.time, sleep=clock.sleep)

    def _carrier(self, mortal: Mortal) -> Carrier:
        if self.kind == "drop":
            return Drop(mortal.wrap(self.bucket), "bucket")
        bodies = dict.fromkeys(self.ids, event(0, corrected=True)) if self.kind == "edit" else {}
        it = self.deployment
        return Redrive(mortal.wrap(it.sqs), it.worker, it.fence(mortal), bodies=bodies, again=self.mode == "off")

    def begin(self, mortal: Mortal) -> None:
        work = self.process(mortal, "first")
        head = Head(operation="op", kind=self.kind, worker="billing", why="", started_at="2026-11-28T00:00:00+00:00")
        work.start(head, work.queue.browse(100).letters)

    def resume(self) -> None:
        self.deployment.clock.advance(HELD_S + 1)
        work = self.process(Mortal(), "second")
        try:
            work.journal.read("op")
        except UnknownOperationError:  # it died before it was written down
            self.begin(Mortal())
        else:
            work.resume("op")

    def lost(self) -> int:
        lines = [json.loads(line) for copy in self.bucket.copies for line in copy.splitlines()]
        copied = {Envelope.decode(line["body"]).metadata.event_id for line in lines}
        return len({f"event-{number}" for number in range(self.count)} - copied - set(self.deployment.where()))

    def doubled(self) -> int:
        effects = self.deployment.effects
        return 0 if self.mode == "off" else len(effects) - len(set(effects))


def kill_all() -> Tally:
    """Every case, at every call, before and after it."""
    tally = Tally()
    for kind, mode in CASES:
        alive = Mortal()
        _World(kind, mode).begin(alive)
        tally.kill_steps += len(alive.calls)
        for world in _killed(kind, mode, len(alive.calls)):
            tally.kills += 1
            tally.messages += world.count
            tally.lost += world.lost()
            tally.doubled += world.doubled()
    return tally


def _killed(kind: str, mode: str, boundaries: int) -> Iterator[_World]:
    """Each world after its process was killed at one call, and another has carried on."""
    for boundary in range(boundaries):
        for after in (False, True):
            world = _World(kind, mode)
            try:
                world.begin(Mortal(boundary, after))
            except Dead:
                world.deployment.work()
                world.resume()
            world.deployment.work()
            yield world
