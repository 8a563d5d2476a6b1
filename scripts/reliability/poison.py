"""A record that harms its process, at each position of a batch of ten: none of the others may suffer for it."""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from fanout import Context, Envelope, Worker
from scripts.reliability.scenario import Scenario
from scripts.reliability.scenarios import Asked
from scripts.reliability.verdict import verdict
from scripts.reliability.world import World

__all__ = ["BATCH", "Case", "Poison", "Way", "cases", "run"]

BATCH = 10
TIMEOUT_S = 1
"""Of the function in the cases in which a record hangs: what hangs takes real time until the batch's timer rings."""
HANGS_S = 5.0


class Poison(StrEnum):
    """What the bad record does."""

    KILLS = "kills the process"
    HANGS = "hangs"
    EXITS = "calls sys.exit"
    INTERRUPTS = "raises KeyboardInterrupt"
    CANCELS = "raises CancelledError"
    GROUPS = "raises an exception group"
    STOPS = "raises StopIteration"
    SPEAKS_NOT = "raises an exception whose text fails"


class Way(StrEnum):
    """How the worker runs its handlers."""

    IN_PLACE = "in place"
    THREADS = "concurrency"
    ASYNC = "async"
    BATCH = "batch handler"


class _Speechless(Exception):  # noqa: N818
    def __str__(self) -> str:
        raise RuntimeError("no text")


@dataclass(frozen=True)
class Case:
    poison: Poison
    way: Way
    mode: str
    position: int

    def __str__(self) -> str:
        return f"{self.poison}, {self.way}, {self.mode}, at {self.position}"


def cases() -> Iterator[Case]:
    """Those that kill at each position; the others, of which the process survives, in the middle of the batch."""
    for way in (Way.IN_PLACE, Way.THREADS, Way.ASYNC):
        for mode in ("strict", "claim"):
            for position in range(BATCH):
                yield Case(Poison.KILLS, way, mode, position)
            for poison in Poison:
                if poison is not Poison.KILLS:
                    yield Case(poison, way, mode, BATCH // 2)
    for mode in ("strict", "claim"):  # what a batch handler raises is the outcome of all its records, as documented
        for position in range(BATCH):
            yield Case(Poison.KILLS, Way.BATCH, mode, position)


def run(case: Case) -> list[str]:
    """What does not hold: innocents in the DLQ, the poison not in it, effects that are missing or doubled."""
    innocents = frozenset(str(number) for number in range(BATCH) if number != case.position)
    scenario = Scenario(
        "poison",
        ("Asked",),
        _define(case),
        _send,
        effects=innocents,
        dead=frozenset({case.position}),
        sections=_sections(case),
    )
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder), scenario.manifest(case.mode), scenario.define)
        scenario.send(world)
        with world.running():
            world.run()
    return verdict(world, scenario)


def _sections(case: Case) -> dict[str, Any]:
    sections: dict[str, Any] = {"queue": {"max_receives": 3}}
    batch: dict[str, Any] = {"size": BATCH}
    if case.way in (Way.THREADS, Way.ASYNC):
        batch["concurrency"] = 4
    if case.poison is Poison.HANGS:
        sections["function"] = {"timeout_s": TIMEOUT_S}
    return {**sections, "batch": batch}


def _send(world: World) -> None:
    for number in range(BATCH):
        world.send(Asked(number=number, kind="plain"))


def _define(case: Case) -> Callable[[Worker, World], None]:
    def define(worker: Worker, world: World) -> None:
        if case.way is Way.BATCH:
            worker.handles_batch(_batch_handler(case, world))
        elif case.way is Way.ASYNC:
            worker.handles(Asked)(_coroutine(case, world))
        else:
            worker.handles(Asked)(_function(case, world))

    return define


def _function(case: Case, world: World) -> Callable[[Asked, Context], None]:
    def handle(event: Asked, _: Context) -> None:
        if event.number == case.position:
            _harm(case.poison, world)
        world.conditional_effect(str(event.number))

    return handle


def _coroutine(case: Case, world: World) -> Callable[[Asked, Context], Awaitable[None]]:
    async def handle(event: Asked, _: Context) -> None:
        if event.number == case.position:
            if case.poison is Poison.HANGS:
                await asyncio.sleep(HANGS_S)
            _harm(case.poison, world)
        world.conditional_effect(str(event.number))

    return handle


def _batch_handler(case: Case, world: World) -> Callable[[Sequence[Envelope]], None]:
    def handle(envelopes: Sequence[Envelope]) -> None:
        for envelope in envelopes:
            number = envelope.data["number"]
            if number == case.position:
                _harm(case.poison, world)
            world.conditional_effect(str(number))

    return handle


def _harm(poison: Poison, world: World) -> None:
    match poison:
        case Poison.KILLS:
            world.die()
        case Poison.HANGS:
            time.sleep(HANGS_S)
        case Poison.EXITS:
            sys.exit(3)
        case Poison.INTERRUPTS:
            raise KeyboardInterrupt
        case Poison.CANCELS:
            raise asyncio.CancelledError
        case Poison.GROUPS:
            raise ExceptionGroup("two of a kind", [ValueError("one"), ValueError("two")])
        case Poison.STOPS:
            raise StopIteration
        case Poison.SPEAKS_NOT:
            raise _Speechless
