"""A replay to one worker: what of the archive it gets, and that a laptop that dies leaves nothing and loses nothing."""

from __future__ import annotations

import dataclasses
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import ClientError

from fanout_tools.operate.actions.carrying import Carrying, Result
from fanout_tools.operate.actions.redrive import Redrive
from fanout_tools.operate.actions.replay import Replay, ReplayError, Staged
from fanout_tools.operate.journal import HELD_S, Head, Status, UnknownOperationError
from fanout_tools.operate.lease import LEASE_S
from fanout_tools.operate.limits import TokenBucket
from fanout_tools.operate.sources.dead_letters import DeadLetterQueue
from tests.unit.fanout_tools.operate.actions.conftest import Events, Scheduler, TemporaryQueues
from tests.unit.fanout_tools.operate.mortal import Dead, Deployment, Mortal, event

HEAD = Head(
    operation="op-1",
    kind="replay",
    worker="billing",
    why="a test",
    started_at="2026-11-28T00:00:00+00:00",
    plan={"begin": 0.0, "end": 1.0, "rate": "20/s"},
)
DAY_S = 86_400


@dataclass
class World:
    deployment: Deployment
    events: Events
    scheduler: Scheduler
    queues: TemporaryQueues
    in_log: frozenset[str] = frozenset()
    """The events that the worker's log tells as handled."""

    @classmethod
    def of(cls, archive: list[str], mode: str = "strict") -> World:
        deployment = Deployment(mode=mode)
        return cls(deployment, Events(deployment, archive), Scheduler(), TemporaryQueues(deployment))

    def replay(self, mortal: Mortal | None = None, holder: str = "first", per_s: float = 1_000) -> Replay:
        mortal = mortal or Mortal()
        it, clock = self.deployment, self.deployment.clock
        fence, sqs, journal = it.fence(mortal), mortal.wrap(self.queues), it.journal(mortal, holder)

        def carrying(queue: DeadLetterQueue) -> Carrying:
            bucket = TokenBucket(per_s, clock.time, clock.sleep)
            carrier = Redrive(sqs, it.worker, fence)
            return Carrying(journal, queue, carrier, bucket, clock=clock.time, sleep=clock.sleep)

        return Replay(
            it.topology,
            it.worker,
            mortal.wrap(self.events),
            sqs,
            mortal.wrap(self.scheduler),
            journal,
            fence,
            carrying,
            self.logged,
            clock=clock.time,
            sleep=clock.sleep,
            wait_s=0,
        )

    def logged(self, begin: float) -> frozenset[str]:
        assert begin == HEAD.plan["begin"]
        return self.in_log

    @property
    def leftovers(self) -> list[str]:
        queues = [url for url in self.deployment.sqs.queues if "-replay-" in url]
        return [*self.scheduler.schedules, *self.events.rules, *queues]


def run(world: World, mortal: Mortal | None = None, head: Head = HEAD) -> tuple[Staged, Result]:
    replay = world.replay(mortal)
    staged = replay.stage(head)
    return staged, replay.send(head, staged)


def archive() -> list[str]:
    """Thirteen events, one of them twice, and one that the worker does not subscribe to."""
    other = event(99).replace("OrderPlaced", "OrderPaid")
    return [*(event(number) for number in range(13)), event(0), other]


def test_a_worker_gets_what_it_subscribes_to_and_has_not_handled() -> None:
    world = World.of(archive())
    world.deployment.queue.send(event(3))
    world.deployment.work()

    staged, result = run(world)
    world.deployment.work()

    assert staged.to_json() == {
        "staged": 15,
        "chosen": 12,
        "handled": 0,
        "left_out": {
            "not selected by the worker's subscriptions, or the pattern": 1,
            "handled already": 1,
            "in the archive twice": 1,
        },
    }
    assert (result.carried, result.whole) == (12, True)
    assert sorted(world.deployment.effects) == sorted(f"event-{number}" for number in range(13))
    assert world.leftovers == []
    assert world.deployment.journal(Mortal(), "x").read("op-1").head.status is Status.FINISHED


def test_a_replay_that_takes_long_keeps_its_staging_queue() -> None:
    """GIVEN a rate at which sending takes longer than the lease WHEN the schedules come due meanwhile THEN none does:
    their times move on, and all is sent."""
    world = World.of([event(number) for number in range(60)])
    replay, clock = world.replay(per_s=0.02), world.deployment.clock
    staged = replay.stage(HEAD)
    clock.advance(LEASE_S - 1)  # a person has thought about it
    ends = list[float]()

    def told(_done: int, _total: int) -> None:
        ends.append(world.scheduler.earliest() - clock.time())

    carrying = replay.carrying

    def slow(queue: DeadLetterQueue) -> Carrying:
        work = carrying(queue)
        work.told = told
        return work

    began = clock.time()
    result = dataclasses.replace(replay, carrying=slow).send(HEAD, staged)

    assert clock.time() - began > 2 * LEASE_S
    assert min(ends) > 0
    assert result.carried == 60
    assert world.leftovers == []


def test_a_replay_that_was_left_for_too_long_says_so() -> None:
    """GIVEN what is staged and has been swept WHEN it is to be sent THEN the error says what to do."""
    world = World.of(archive())
    replay = world.replay()
    staged = replay.stage(HEAD)
    world.deployment.sqs.queues = {url: it for url, it in world.deployment.sqs.queues.items() if "-replay-" not in url}

    with pytest.raises(ReplayError, match="run `fanout replay` again"):
        replay.send(HEAD, staged)


def test_a_dry_run_leaves_nothing() -> None:
    world = World.of(archive())
    replay = world.replay()

    replay.end(HEAD, **replay.stage(HEAD).to_json())

    assert (world.leftovers, world.deployment.queue.messages) == ([], [])


def test_a_pattern_chooses_among_them() -> None:
    world = World.of(archive())
    pattern = {"detail": {"data": {"number": [{"numeric": ["<", 2]}]}}}
    head = Head(**{**_fields(HEAD), "plan": {**HEAD.plan, "pattern": pattern}})

    assert len(world.replay().stage(head).chosen) == 2


def _fields(head: Head) -> dict[str, Any]:
    return {name: getattr(head, name) for name in Head.__slots__}


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_laptop_that_dies_at_any_call_loses_nothing_when_resumed(after: bool) -> None:
    alive = Mortal()
    run(World.of(archive()), alive)
    for boundary in range(1, len(alive.calls)):
        world = World.of(archive())
        with pytest.raises(Dead):
            run(world, Mortal(boundary, after))
        world.deployment.work()
        world.deployment.clock.advance(HELD_S + 1)

        if world.deployment.journal(Mortal(), "x").read("op-1").head.status is not Status.FINISHED:
            assert world.replay(holder="second").resume(HEAD).whole
        world.deployment.work()

        assert sorted(world.deployment.effects) == sorted(f"event-{number}" for number in range(13)), alive.calls[
            boundary
        ]
        assert world.leftovers == [], alive.calls[boundary]


BY_LOGS = dataclasses.replace(HEAD, plan={**HEAD.plan, "fence": "logs"})


def test_what_the_store_has_forgotten_is_left_out_if_the_log_has_it() -> None:
    """GIVEN an event that the store has, and another that the log has alone WHEN the log is asked THEN neither has a
    second effect."""
    world = World.of(archive())
    world.in_log = frozenset({"event-3", "event-5"})
    world.deployment.queue.send(event(3))
    world.deployment.work()

    staged, _ = run(world, head=BY_LOGS)
    world.deployment.work()

    assert (staged.left_out["handled already"], staged.left_out["handled already, as the log tells"]) == (1, 1)
    assert sorted(world.deployment.effects) == sorted(f"event-{number}" for number in range(13) if number != 5)


def test_the_log_is_not_asked_unless_that_is_said() -> None:
    world = World.of(archive())
    world.in_log = frozenset({"event-5"})

    assert len(run(world)[0].chosen) == 13


def test_a_log_with_gaps_ends_a_replay_before_anything_is_made() -> None:
    world = World.of(archive())

    def gap(_: float) -> frozenset[str]:
        raise ReplayError("kept for 14 days")

    with pytest.raises(ReplayError, match="14 days"):
        dataclasses.replace(world.replay(), logged=gap).stage(BY_LOGS)
    assert world.leftovers == []
    with pytest.raises(UnknownOperationError):
        world.deployment.journal(Mortal(), "x").read(BY_LOGS.operation)


AGAIN = dataclasses.replace(HEAD, plan={**HEAD.plan, "again": True})


@pytest.mark.parametrize("mode", ["strict", "claim"])
def test_what_was_handled_has_a_second_effect_if_that_is_wanted(mode: str) -> None:
    world = World.of(archive(), mode)
    world.deployment.queue.send(event(3))
    world.deployment.work()

    staged, result = run(world, head=AGAIN)
    world.deployment.work()

    assert (len(staged.chosen), len(staged.handled), result.carried) == (13, 1, 13)
    assert sorted(world.deployment.effects) == sorted(["event-3", *(f"event-{number}" for number in range(13))])


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_second_effect_is_one_wherever_the_laptop_dies(after: bool) -> None:
    """GIVEN events that were handled WHEN they are replayed again and the laptop dies at any call, and its operation is
    resumed THEN each has had two effects: not one, not three."""

    def handled() -> World:
        world = World.of([event(number) for number in range(3)])
        for number in range(3):
            world.deployment.queue.send(event(number))
        world.deployment.work()
        return world

    alive = Mortal()
    run(handled(), alive, AGAIN)
    for boundary in range(1, len(alive.calls)):
        world = handled()
        with pytest.raises(Dead):
            run(world, Mortal(boundary, after), AGAIN)
        world.deployment.work()
        world.deployment.clock.advance(HELD_S + 1)

        if world.deployment.journal(Mortal(), "x").read("op-1").head.status is not Status.FINISHED:
            assert world.replay(holder="second").resume(AGAIN).whole
        world.deployment.work()

        assert sorted(world.deployment.effects) == sorted(2 * [f"event-{number}" for number in range(3)]), alive.calls[
            boundary
        ]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_laptop_that_never_comes_back_leaves_nothing_when_its_lease_ends(after: bool) -> None:
    alive = Mortal()
    run(World.of(archive()), alive)
    for boundary in range(1, len(alive.calls)):
        world = World.of(archive())
        with pytest.raises(Dead):
            run(world, Mortal(boundary, after))

        world.scheduler.ring(_universal(world))

        assert world.leftovers == [], alive.calls[boundary]


def _universal(world: World) -> dict[str, Any]:
    """As Scheduler calls them; what is gone is gone."""
    methods = {
        "removeTargets": world.events.remove_targets,
        "deleteRule": world.events.delete_rule,
        "deleteQueue": world.queues.delete_queue,
    }

    def call(action: str, arguments: dict[str, Any]) -> None:
        with suppress(ClientError):
            methods[action](**arguments)

    return {"eventbridge": call, "sqs": call}
