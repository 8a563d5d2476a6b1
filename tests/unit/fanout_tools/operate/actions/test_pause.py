"""A worker stands still for a time, and takes again whatever becomes of the laptop."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fanout_tools.operate.actions.pause import Mapping, Pause, PauseError, loss_clock, open_pauses, told_pauses
from fanout_tools.operate.journal import HELD_S, Head, Status
from tests.unit.fanout_tools.operate.actions.conftest import Lambda, Scheduler
from tests.unit.fanout_tools.operate.mortal import Dead, Deployment, Mortal

HEAD = Head(operation="op-1", kind="pause", worker="billing", why="a test", started_at="2027-01-15T08:00:00+00:00")
HOUR_S, DAY_S = 3_600, 86_400


class World:
    def __init__(self) -> None:
        self.deployment, self.lambdas, self.scheduler = Deployment(), Lambda(), Scheduler()

    def pause(self, mortal: Mortal | None = None, holder: str = "first") -> Pause:
        mortal, clock = mortal or Mortal(), self.deployment.clock
        return Pause(
            self.deployment.topology,
            self.deployment.worker,
            Mapping(mortal.wrap(self.lambdas), "arn:q", clock.time, clock.sleep),
            self.deployment.journal(mortal, holder),
            mortal.wrap(self.scheduler),
            clock.time,
        )

    def ring(self) -> None:
        def call(action: str, arguments: dict[str, object]) -> None:
            assert action == "updateEventSourceMapping"
            self.lambdas.update_event_source_mapping(UUID=arguments["Uuid"], Enabled=arguments["Enabled"])

        self.scheduler.ring({"lambda": call})


def test_messages_are_lost_when_the_oldest_is_as_old_as_the_queue_keeps_it() -> None:
    clock = loss_clock(4 * DAY_S, oldest_s=DAY_S, now=1_800_000_000)

    assert clock.loses_at == 1_800_000_000 + 3 * DAY_S
    assert str(clock) == "messages begin to be lost on Mon 18 Jan 2027 08:00 UTC"


def test_a_pause_beyond_that_is_refused() -> None:
    pause = World().pause()

    pause.plan(2 * DAY_S, oldest_s=DAY_S)
    with pytest.raises(PauseError, match=r"messages begin to be lost on .* pause it for less"):
        pause.plan(3 * DAY_S, oldest_s=DAY_S)


def test_a_paused_worker_is_resumed_by_hand() -> None:
    world = World()
    world.pause().apply(HEAD, HOUR_S)
    assert not world.lambdas.enabled

    world.pause(holder="second").resume(paused_by=("op-1",))

    assert world.lambdas.enabled
    assert world.scheduler.schedules == {}


def test_a_paused_worker_is_resumed_by_its_schedule() -> None:
    world = World()
    world.pause().apply(HEAD, HOUR_S)

    world.ring()

    assert world.lambdas.enabled


def test_a_second_pause_takes_the_place_of_the_first() -> None:
    world = World()
    world.pause().apply(HEAD, HOUR_S)

    longer = replace(HEAD, operation="op-2")
    world.pause(holder="second").apply(longer, 4 * HOUR_S, instead_of=("op-1",))

    assert world.scheduler.earliest() == world.deployment.clock.time() + 4 * HOUR_S
    journal = world.deployment.journal(Mortal(), "third")
    assert journal.read("op-1").head.status == Status.FINISHED
    assert journal.read("op-2").head.status == Status.RUNNING


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_laptop_that_dies_at_any_call_leaves_no_worker_paused_for_ever(after: bool) -> None:
    alive = Mortal()
    World().pause(alive).apply(HEAD, HOUR_S)
    for boundary in range(len(alive.calls)):
        world = World()
        with pytest.raises(Dead):
            world.pause(Mortal(boundary, after)).apply(HEAD, HOUR_S)

        world.ring()

        assert world.lambdas.enabled, alive.calls[boundary]


def test_a_worker_without_a_mapping_is_told() -> None:
    world = World()
    world.lambdas.list_event_source_mappings = lambda **_: {"EventSourceMappings": []}  # type: ignore[method-assign]

    with pytest.raises(PauseError, match="no function takes from it"):
        world.pause().apply(HEAD, HOUR_S)


def test_only_pauses_of_the_worker_that_have_not_ended_are_open() -> None:
    class Journal:
        def recent(self, days: int) -> list[Head]:
            assert days == 15
            return [
                HEAD,
                Head(operation="op-2", kind="pause", worker="audit", why=""),
                Head(operation="op-3", kind="redrive", worker="billing", why=""),
            ]

    assert open_pauses(Journal(), "billing") == ("op-1",)  # type: ignore[arg-type]


def test_who_has_paused_a_worker_and_why_is_told_for_as_long_as_it_lasts() -> None:
    def head(worker: str, until: float, why: str) -> Head:
        who, began = "arn:aws:sts::1:assumed-role/operator/ann", "2026-11-28T14:02:00+00:00"
        return Head(
            operation=why, kind="pause", worker=worker, why=why, who=who, started_at=began, plan={"until": until}
        )

    class Journal:
        def clock(self) -> float:
            return 1_000.0

        def recent(self, _: int) -> list[Head]:
            return [head("mail", 2_000, "SES limit"), head("mail", 3_000, "older"), head("audit", 900, "over")]

    assert told_pauses(Journal()) == {  # type: ignore[arg-type]
        "mail": 'paused since 28 Nov 14:02 UTC by ann: "SES limit"'
    }


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_laptop_that_dies_while_it_resumes_a_worker_leaves_it_resumed_in_the_end(after: bool) -> None:
    """GIVEN a paused worker WHEN its resumption dies at any call THEN the schedule or the next resumption ends the
    pause, and the journal says so."""
    alive, world = Mortal(), World()
    world.pause().apply(HEAD, HOUR_S)
    world.pause(alive, "second").resume(paused_by=("op-1",))
    for boundary, call in enumerate(alive.calls):
        for next_is_the_schedule in (True, False):
            world = World()
            world.pause().apply(HEAD, HOUR_S)
            with pytest.raises(Dead):
                world.pause(Mortal(boundary, after), "second").resume(paused_by=("op-1",))

            if next_is_the_schedule:
                world.ring()
            else:
                world.deployment.clock.advance(HELD_S + 1)
                world.pause(holder="third").resume(paused_by=("op-1",))
                assert world.deployment.journal(Mortal(), "fourth").read("op-1").head.status is Status.FINISHED
                assert not world.scheduler.schedules, call
            assert world.lambdas.enabled, call


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_second_pause_that_dies_leaves_no_worker_paused_for_ever(after: bool) -> None:
    longer = replace(HEAD, operation="op-2")
    alive, world = Mortal(), World()
    world.pause().apply(HEAD, HOUR_S)
    world.pause(alive, "second").apply(longer, 4 * HOUR_S, instead_of=("op-1",))
    for boundary, call in enumerate(alive.calls):
        world = World()
        world.pause().apply(HEAD, HOUR_S)
        with pytest.raises(Dead):
            world.pause(Mortal(boundary, after), "second").apply(longer, 4 * HOUR_S, instead_of=("op-1",))

        world.ring()

        assert world.lambdas.enabled, call
