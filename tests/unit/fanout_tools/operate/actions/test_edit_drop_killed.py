"""An edit, a drop and a resumption are killed before and after each of their calls to AWS, and resumed."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pytest

from fanout.events.envelope import Envelope
from fanout_tools.operate.actions.carrying import Carrier, Carrying, Result
from fanout_tools.operate.actions.drop import Drop
from fanout_tools.operate.actions.redrive import Redrive
from fanout_tools.operate.journal import HELD_S, Head
from fanout_tools.operate.limits import TokenBucket
from tests.unit.fanout_tools.operate.mortal import Dead, Deployment, Mortal, event

MESSAGES = 13
"""More than one step of ten."""
HEAD = Head(operation="op-1", kind="edit", worker="billing", why="a test", started_at="2026-11-28T00:00:00+00:00")
MODES = ("strict", "claim")
WRONG, RIGHT = event(0), event(0, corrected=True)


@dataclass
class S3:
    """A bucket."""

    objects: dict[str, bytes] = field(default_factory=dict)

    def put_object(self, **request: Any) -> None:
        self.objects[request["Key"]] = request["Body"]

    @property
    def kept(self) -> Counter[str]:
        """The ids of the messages that there are copies of."""
        lines = [line for body in self.objects.values() for line in body.splitlines()]
        return Counter(json.loads(line)["message_id"] for line in lines)


@dataclass
class World:
    """A deployment, and what its worker was given; it rejects what is not corrected."""

    deployment: Deployment
    s3: S3 = field(default_factory=S3)
    corrected: list[bool] = field(default_factory=list)

    @classmethod
    def edited(cls, mode: str) -> World:
        world = cls(Deployment(mode=mode))
        world.deployment.rejects = world.rejects
        world.deployment.dead_letter(0)
        return world

    @classmethod
    def dropped(cls) -> World:
        world = cls(Deployment())
        for number in range(MESSAGES):
            world.deployment.dead_letter(number)
        return world

    def rejects(self, envelope: Envelope) -> bool:
        self.corrected.append("corrected" in envelope.data)
        return "corrected" not in envelope.data

    def edit(self, mortal: Mortal, holder: str) -> Carrying:
        ids = [message.message_id for message in self.deployment.dlq.messages]
        fence, sqs = self.deployment.fence(mortal), mortal.wrap(self.deployment.sqs)
        again = self.deployment.worker.records_table is None
        carrier = Redrive(sqs, self.deployment.worker, fence, bodies=dict.fromkeys(ids, RIGHT), again=again)
        return self._carrying(mortal, holder, carrier)

    def drop(self, mortal: Mortal, holder: str) -> Carrying:
        return self._carrying(mortal, holder, Drop(mortal.wrap(self.s3), "bucket"))

    def _carrying(self, mortal: Mortal, holder: str, carrier: Carrier) -> Carrying:
        clock = self.deployment.clock
        return Carrying(
            self.deployment.journal(mortal, holder),
            self.deployment.dead_letters(mortal),
            carrier,
            TokenBucket(1_000, clock.time, clock.sleep),
            clock=clock.time,
            sleep=clock.sleep,
        )

    def next_process(self) -> None:
        """The journal lets another process take the operation."""
        self.deployment.clock.advance(HELD_S + 1)


def begin(work: Carrying) -> Result:
    return work.start(HEAD, work.queue.browse(100).letters)


def calls_of_edit(mode: str) -> list[str]:
    mortal = Mortal()
    begin(World.edited(mode).edit(mortal, "first"))
    return mortal.calls


def calls_of_drop() -> list[str]:
    mortal = Mortal()
    begin(World.dropped().drop(mortal, "first"))
    return mortal.calls


def opened(calls: list[str]) -> int:
    """The call that writes the operation's head: before, there is nothing to resume."""
    return calls.index("put_item", calls.index("put_item") + 1)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("worker_is_quick", [False, True])
@pytest.mark.parametrize("mode", [*MODES, "off"])
def test_an_edited_event_is_never_lost_and_never_given_back_as_it_was(
    mode: str, after: bool, worker_is_quick: bool
) -> None:
    calls = calls_of_edit(mode)
    for boundary in range(len(calls)):
        world = World.edited(mode)
        with pytest.raises(Dead):
            begin(world.edit(Mortal(boundary, after), "first"))
        assert world.deployment.where() == ["event-0"], calls[boundary]
        if worker_is_quick:
            world.deployment.work()
        if boundary > opened(calls):
            world.next_process()
            assert world.edit(Mortal(), "second").resume("op-1").whole
            assert not world.deployment.dlq.messages
        world.deployment.work()

        assert all(world.corrected)
        assert world.deployment.where() == ["event-0"]
        if boundary > opened(calls):
            assert world.deployment.effects[:1] == ["event-0"]
        if mode != "off":
            assert len(world.deployment.effects) <= 1, calls[boundary]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_what_is_dropped_has_a_copy_at_any_moment(after: bool) -> None:
    calls = calls_of_drop()
    for boundary in range(len(calls)):
        world = World.dropped()
        whole = ids(world)
        with pytest.raises(Dead):
            begin(world.drop(Mortal(boundary, after), "first"))
        assert {*ids(world), *world.s3.kept} == whole, calls[boundary]
        if boundary > opened(calls):
            world.next_process()
            assert world.drop(Mortal(), "second").resume("op-1").whole
            assert not world.deployment.dlq.messages
            assert set(world.s3.kept) == whole
        assert not world.deployment.queue.messages


def ids(world: World) -> set[str]:
    return {message.message_id for message in world.deployment.dlq.messages}


def cut_off(kind: str) -> World:
    """An operation that was cut off just after its first step had its effect."""
    world = World.edited("strict") if kind == "edit" else World.dropped()
    calls, step = (calls_of_edit("strict"), "send_message_batch") if kind == "edit" else (calls_of_drop(), "put_object")
    with pytest.raises(Dead):
        begin(process(world, kind, Mortal(calls.index(step), after=True), "first"))
    world.next_process()
    return world


def process(world: World, kind: str, mortal: Mortal, holder: str) -> Carrying:
    return world.edit(mortal, holder) if kind == "edit" else world.drop(mortal, holder)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("kind", ["edit", "drop"])
def test_a_resumption_that_dies_is_resumed(kind: str, after: bool) -> None:
    alive, world = Mortal(), cut_off(kind)
    process(world, kind, alive, "second").resume("op-1")
    for boundary, call in enumerate(alive.calls):
        world = cut_off(kind)
        whole = {*ids(world), *world.s3.kept}
        with pytest.raises(Dead):
            process(world, kind, Mortal(boundary, after), "second").resume("op-1")
        world.next_process()
        result = process(world, kind, Mortal(), "third").resume("op-1")

        assert result.whole, call
        assert not world.deployment.dlq.messages
        world.deployment.work()
        if kind == "edit":
            assert world.deployment.effects == ["event-0"]
            assert all(world.corrected)
        else:
            assert set(world.s3.kept) == whole
            assert len(whole) == MESSAGES
