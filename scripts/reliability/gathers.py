"""Scenarios of workers that gather, and of workers that handle parts of another's gathers."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from fanout import Context, Event, Reject, Retry, Worker
from scripts.reliability.scenario import PATIENT, SOURCE, Scenario
from scripts.reliability.site import WORKER, Define, Helper
from scripts.reliability.world import World

__all__ = ["GATHERS"]


class Scattered(Event, source=SOURCE, version=1):
    parts: int


class PartAsked(Event, source=SOURCE, version=1):
    index: int


class Gathered(Event, source=SOURCE, version=1):
    results: list[int]
    missing: list[int]


class Undone(Event, source=SOURCE, version=1):
    index: int


def _part(deadline: timedelta, rejected: int = -1, late: int = -1) -> Define:
    def define(worker: Worker, world: World) -> None:
        @worker.handles_part(PartAsked)
        def part(event: PartAsked, _: Context) -> int:
            tries = world.begin(f"part {event.index}")
            if event.index == rejected:
                raise Reject("this part cannot be handled")
            if event.index == late and tries == 1:
                raise Retry("this part is late", after=2 * deadline.total_seconds())
            world.conditional_effect(f"part {event.index}")
            return event.index * 10

    return define


def _gather(deadline: timedelta, *, rejected: int = -1, late: int = -1, elsewhere: bool = False) -> Define:
    """
    :param elsewhere: another worker handles the parts.
    """

    def define(worker: Worker, world: World) -> None:
        @worker.handles(Scattered)
        def split(event: Scattered, context: Context) -> None:
            context.scatter((PartAsked(index=i) for i in range(event.parts)), into=Gathered, deadline=deadline)

        if not elsewhere:
            _part(deadline, rejected, late)(worker, world)

        @worker.gathers(Gathered, on_failure=lambda _, part: Undone(index=part.index))
        def combine(_: Any, gathered: Any) -> Gathered:
            return Gathered(
                results=[part.result for part in gathered.succeeded],
                missing=sorted(set(range(3)) - {part.index for part in gathered.succeeded}),
            )

    return define


def _scatter(world: World) -> None:
    world.send(Scattered(parts=3))


_ELSEWHERE: Any = {
    "events": ("Scattered",),
    "send": _scatter,
    "sections": {"gathers": True, **PATIENT},
}
_HELPER: Any = {"subscribes": [{"event": f"{SOURCE}/PartAsked"}], "parts_of": [WORKER], **PATIENT}

_GATHERING: Any = {
    "events": ("Scattered", "PartAsked"),
    "send": _scatter,
    "modes": ("strict",),
    "sections": {"gathers": True, **PATIENT},
}

GATHERS = [
    Scenario(
        "gather",
        define=_gather(timedelta(hours=2)),
        effects=frozenset({"part 0", "part 1", "part 2"}),
        published={"Gathered": [{"results": [0, 10, 20], "missing": []}], "Undone": []},
        **_GATHERING,
    ),
    Scenario(
        "gather, a part rejected",
        define=_gather(timedelta(hours=2), rejected=2),
        effects=frozenset({"part 0", "part 1"}),
        published={"Gathered": [{"results": [0, 10], "missing": [2]}], "Undone": [{"index": 0}, {"index": 1}]},
        dead=frozenset({2}),
        **_GATHERING,
    ),
    Scenario(
        "gather, a part late",
        define=_gather(timedelta(hours=2), late=2),
        effects=frozenset({"part 0", "part 1", "part 2"}),
        published={
            "Gathered": [{"results": [0, 10], "missing": [2]}],
            "Undone": [{"index": 0}, {"index": 1}, {"index": 2}],
        },
        **_GATHERING,
    ),
    Scenario(
        "gather, parts elsewhere",
        define=_gather(timedelta(hours=2), elsewhere=True),
        effects=frozenset({"part 0", "part 1", "part 2"}),
        published={"Gathered": [{"results": [0, 10, 20], "missing": []}], "Undone": []},
        elsewhere=Helper(_HELPER, _part(timedelta(hours=2))),
        **_ELSEWHERE,
    ),
    Scenario(
        "gather, a part elsewhere rejected",
        define=_gather(timedelta(hours=2), elsewhere=True),
        effects=frozenset({"part 0", "part 1"}),
        published={"Gathered": [{"results": [0, 10], "missing": [2]}], "Undone": [{"index": 0}, {"index": 1}]},
        dead=frozenset({2}),
        elsewhere=Helper(_HELPER, _part(timedelta(hours=2), rejected=2)),
        **_ELSEWHERE,
    ),
]
