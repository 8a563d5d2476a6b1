"""Two faults in one run: a sample of two cells of the same scenario and mode, the second after the first."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from scripts.reliability import matrix
from scripts.reliability.matrix import Cell, Result
from scripts.reliability.model.faults import Hit

__all__ = ["Pair", "run", "sample"]

SEED = 1997
LATEST = 3
"""The second fault hits the first, second or third call of its name after the first fault."""


@dataclass(frozen=True)
class Pair:
    """
    :param later: which of the second call's calls after the first fault is hit, from 1.
    """

    first: Cell
    second: Cell
    later: int

    def __str__(self) -> str:
        row = self.second.row
        return f"{self.first}; then {row.call} #{self.later}: {self.second.fault}"


def sample(count: int) -> Iterator[Pair]:
    """Pairs that are the same each time; those of a smaller count come first in those of a greater."""
    alike: defaultdict[tuple[str, str], list[Cell]] = defaultdict(list)
    every = list(matrix.cells())
    for cell in every:
        alike[cell.row.scenario, cell.row.mode].append(cell)
    chance = random.Random(SEED)
    for _ in range(count):
        first = chance.choice(every)
        second = chance.choice(alike[first.row.scenario, first.row.mode])
        yield Pair(first, second, chance.randint(1, LATEST))


def run(pair: Pair) -> Result:
    """What becomes of the scenario. A second fault may hit nothing, because its call is not made so often any more."""
    row, second = pair.first.row, pair.second
    return matrix.run_hits(
        row.scenario,
        row.mode,
        Hit(row.call, row.nth, pair.first.fault),
        Hit(second.row.call, pair.later, second.fault),
    )
