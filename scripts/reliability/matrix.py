"""The fault matrix: every AWS call of the core times what can happen to it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from fanout.processing import timing as watch
from scripts.reliability.model.faults import Fault, Faults, Hit
from scripts.reliability.scenario import Scenario
from scripts.reliability.scenarios import SCENARIOS
from scripts.reliability.verdict import verdict
from scripts.reliability.world import World

__all__ = ["LEFT_OUT", "ROWS", "Cell", "Result", "cells", "faultless", "run", "run_hits"]


@dataclass(frozen=True)
class Row:
    """A call, and where the core makes it."""

    call: str
    scenario: str
    mode: str
    nth: int = 1
    """Which of the scenario's calls of that name is hit."""


_FENCED = ("strict", "claim")

_FIFO = {
    "lock": 2,
    "take over": 2,
    "read": 2,
    "complete": 2,
    "release": 2,
    "commit": 2,
    "forget pending": 1,
    "publish": 1,
    "dead-letter": 3,
    "back off": 2,
    "handler's own write": 4,
}
"""How many of the calls of a FIFO worker are hit."""

_KILLERS = {"lock": 3, "take over": 3, "read": 3, "complete": 1, "dead-letter": 1, "delete": 1}
"""How many of the calls are hit where a record kills its process."""

_TOLD_TWICE = ("lock", "take over", "read", "complete", "release", "commit", "publish", "handler's own write")

ROWS = [
    *(Row("lock", scenario, mode) for scenario in ("clean", "mixed") for mode in _FENCED),
    *(Row("take over", "mixed", mode) for mode in _FENCED),
    *(Row("read", scenario, mode) for scenario in ("clean", "mixed") for mode in _FENCED),
    Row("complete", "clean", "strict"),
    *(Row("complete", "mixed", mode) for mode in _FENCED),
    Row("batch mark", "clean", "claim"),
    Row("read mark", "clean", "claim"),
    *(Row("release", "mixed", mode) for mode in _FENCED),
    *(Row("commit", "mixed", mode, nth) for mode in _FENCED for nth in (1, 2)),
    *(Row("forget pending", "mixed", mode) for mode in _FENCED),
    *(Row("publish", "mixed", mode) for mode in _FENCED),
    *(Row("dead-letter", "mixed", mode) for mode in _FENCED),
    *(Row("back off", "mixed", mode) for mode in _FENCED),
    *(Row("handler's own write", "mixed", mode, nth) for mode in _FENCED for nth in (1, 2)),
    *(Row(call, "fifo", mode, nth) for mode in _FENCED for call, times in _FIFO.items() for nth in range(1, times + 1)),
    *(
        Row(call, scenario, mode, nth)
        for scenario in ("killers", "fifo, killers")
        for mode in _FENCED
        for call, times in _KILLERS.items()
        for nth in range(1, times + 1)
    ),
    *(Row(call, "told twice", mode) for mode in _FENCED for call in _TOLD_TWICE),
    *(Row(call, "told twice, later", mode) for mode in _FENCED for call in ("lock", "complete", "publish")),
    *(Row(call, "unfenced", "off") for call in ("handler's own write", "publish", "dead-letter", "back off")),
    Row("payload put", "payload", "strict"),
    Row("payload get", "payload", "strict"),
    Row("parameters", "parameters", "strict"),
    Row("secret", "parameters", "strict"),
    *(Row(call, "outbox", "strict") for call in ("commit", "publish", "outbox: mark relayed", "outbox: mark refused")),
    *(
        Row(f"gather: {call}", "gather", "strict")
        for call in (
            "keep request",
            "keep gather",
            "set timer",
            "keep part",
            "count",
            "wake",
            "read gather",
            "close",
            "read request",
            "read parts",
        )
    ),
    *(Row(call, "gather", "strict") for call in ("lock", "complete", "publish")),
    *(Row(call, "gather, a part rejected", "strict") for call in ("gather: keep part", "dead-letter", "publish")),
    *(
        Row(f"gather: {call}", "gather, a part late", "strict")
        for call in ("undo late part", "read part", "close", "set timer")
    ),
    *(
        Row(f"gather: {call}", scenario, mode, nth)
        for scenario in ("gather, parts elsewhere", "gather, a part elsewhere rejected")
        for mode in _FENCED
        for call, nth in (("report part", 1), ("report part", 3), ("keep part", 1), ("count", 3), ("wake", 1))
    ),
    *(
        Row(call, "gather, parts elsewhere", mode, nth)
        for mode in _FENCED
        for call in ("lock", "complete")
        for nth in (1, 2, 3)
    ),
    *(Row("dead-letter", "gather, a part elsewhere rejected", mode) for mode in _FENCED),
]
"""Every call that a faultless run of a scenario makes has a row; a test sees to it."""

_READS = ("read", "read mark")
_UNREAD = (Fault.REFUSED, Fault.OUTAGE, Fault.LOST, Fault.NEVER)

_ONE_ANSWER = "the call has one answer, no entries that succeed and fail each for itself"

LEFT_OUT: dict[tuple[str, Fault], str] = {
    (call, Fault.PARTIAL): _ONE_ANSWER
    for call in (
        "commit",
        "handler's own write",
        "payload put",
        "payload get",
        "parameters",
        "secret",
        *(row.call for row in ROWS if row.call.startswith("gather: ")),
    )
}
"""The cells that do not exist, by call and fault, each with the reason."""

NOT_MADE = {
    "payload head": "the core stores payloads under a key of their content, and never asks whether one is there",
}
"""Calls that the core does not make."""


@dataclass(frozen=True)
class Cell:
    row: Row
    fault: Fault

    def __str__(self) -> str:
        row = self.row
        return f"{row.call} #{row.nth}, {row.scenario}, {row.mode}: {self.fault}"


@dataclass(frozen=True)
class Result:
    """What became of a world."""

    wrong: tuple[str, ...]
    calls: int
    """AWS calls of the core."""
    seconds: float
    """Of virtual time, until it was quiet."""
    invocations: int
    seen: frozenset[str]
    """The names of the calls."""
    begun: Mapping[str, int]
    """How often each handler began."""
    missed: int
    """Faults whose call was not made."""


def cells() -> Iterator[Cell]:
    for row in ROWS:
        for fault in Fault:
            if (row.call, fault) not in LEFT_OUT:
                yield Cell(row, fault)


def scenario(name: str) -> Scenario:
    return next(each for each in SCENARIOS if each.name == name)


@cache
def faultless(name: str, mode: str) -> Result:
    """What a scenario costs when nothing happens to it."""
    return _run(scenario(name), mode, Faults())


def run(cell: Cell) -> Result:
    """What becomes of the scenario when the fault happens to the call."""
    row = cell.row
    result = run_hits(row.scenario, row.mode, Hit(row.call, row.nth, cell.fault))
    missed = ["the fault hit nothing: no such call was made"] * result.missed
    repeated = _repeated(cell, result, faultless(row.scenario, row.mode))
    return replace(result, wrong=(*result.wrong, *missed, *repeated, *_killed(cell, result)))


def run_hits(name: str, mode: str, *hits: Hit) -> Result:
    """What becomes of a scenario when all that happens to it."""
    return _run(scenario(name), mode, Faults(*hits))


def _repeated(cell: Cell, result: Result, usual: Result) -> Iterator[str]:
    """A repeated call is recognised as one's own, and what was throttled is tried again within the invocation that
    has the effect: neither makes a handler begin once more, nor does what could not be read."""
    twice = cell.fault in (Fault.LOST_REPEATED, Fault.TWICE)
    if twice and cell.row.call != "publish" and result.invocations > usual.invocations:  # the bus delivers both
        yield f"{result.invocations} invocations, not {usual.invocations}: a repetition was not recognised"
    read = cell.row.call in _READS and cell.fault in _UNREAD
    dead = {name for number in scenario(cell.row.scenario).dead for name in (str(number), f"part {number}")}
    if twice or read or cell.fault is Fault.PARTIAL:
        for name, times in result.begun.items():
            if name not in dead and times > usual.begun.get(name, 0):
                yield f"handler {name} began {times} times, not {usual.begun.get(name, 0)}"


def _killed(cell: Cell, result: Result) -> Iterator[str]:
    """A record that killed its process as often as it may does not begin again because the DLQ did not take it."""
    of = scenario(cell.row.scenario)
    if cell.row.call != "dead-letter" or "killers" not in of.name:
        return
    most = of.sections["queue"]["max_receives"]
    for number in of.dead:
        if result.begun[str(number)] > most:
            yield f"handler {number} began {result.begun[str(number)]} times, not at most {most}"


@contextmanager
def _no_real_timer() -> Iterator[None]:
    """No handler of the matrix hangs, and its time is virtual: the batch's timer, which is real, would interrupt one
    whose virtual deadline is near on a busy machine."""
    least_s, watch.LEAST_S = watch.LEAST_S, 60.0
    try:
        yield
    finally:
        watch.LEAST_S = least_s


def _run(of: Scenario, mode: str, faults: Faults) -> Result:
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder), of.manifest(mode), of.define, faults, of.routes, of.helper(mode))
        of.send(world)
        with world.running(), _no_real_timer():
            world.run()
    return Result(
        tuple(verdict(world, of)),
        sum(faults.seen.values()),
        world.quiet_after_s,
        len(world.calls),
        frozenset(faults.seen),
        dict(world.begun),
        len(faults.left),
    )
