"""How much a fault at any AWS call of the core costs; and that it costs time, never an event.

    python -m scripts.bench.reliability [--pairs 400] [--edits 40] [--no-mutants]

Every cell of the fault matrix, a sample of two faults in one run, a harmful record at each position of a batch, the
core without each of its recoveries, and a sample of generated edits of it, on a model of AWS in virtual time: see
docs/explanation/reliability.md. Fails when a cell is red, an innocent record is dead-lettered, or a recovery can be
taken away, or an edit made that nothing is said for, without a cell noticing.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from scripts.bench.support import Row, format_table, write_results
from scripts.reliability import generated, matrix, pairs, poison
from scripts.reliability.matrix import Cell, Result, faultless
from scripts.reliability.mutants import MUTANTS, caught_by
from scripts.reliability.unnoticed import UNNOTICED

__all__ = ["cost_rows"]

INNOCENT = "in the DLQ, though it could be handled"
AT_ONCE = 2
"""Mutants; each is a process."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run all; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m scripts.bench.reliability", description=__doc__)
    parser.add_argument("--no-mutants", action="store_true", help="leave both mutation runs out")
    parser.add_argument("--pairs", type=int, default=400, metavar="N", help="runs with two faults (%(default)s)")
    parser.add_argument("--edits", type=int, default=40, metavar="N", help="generated edits (%(default)s)")
    given = parser.parse_args(argv)
    results = {cell: matrix.run(cell) for cell in matrix.cells()}
    doubles = {str(pair): pairs.run(pair) for pair in pairs.sample(given.pairs)}
    poisons = {str(case): poison.run(case) for case in poison.cases()}
    mutants = {} if given.no_mutants else _mutants()
    edits = {} if given.no_mutants else _edits(given.edits)
    rows = cost_rows(results)
    wrong = [f"{cell}: {each}" for cell, result in results.items() for each in result.wrong]
    wrong += [f"{pair}: {each}" for pair, result in doubles.items() for each in result.wrong]
    wrong += [f"{case}: {each}" for case, found in poisons.items() for each in found]
    wrong += [f"nothing notices that it is gone: {recovery}" for recovery, cell in mutants.items() if cell is None]
    wrong += [f"nothing notices the edit: {edit}" for edit, cell in edits.items() if cell is None]
    figures = {
        "cells": len(results),
        "failed_cells": sum(bool(result.wrong) for result in results.values()),
        "pairs": len(doubles),
        "pairs_both_hit": sum(not result.missed for result in doubles.values()),
        "failed_pairs": sum(bool(result.wrong) for result in doubles.values()),
        "poisons": len(poisons),
        "failed_poisons": sum(map(bool, poisons.values())),
        "innocents_dead_lettered": sum(INNOCENT in each for each in wrong),
        "mutants": len(mutants),
        "mutants_caught": sum(cell is not None for cell in mutants.values()),
        "edits": len(edits),
        "edits_caught": sum(cell is not None and edit not in UNNOTICED for edit, cell in edits.items()),
        "edits_argued": sum(edit in UNNOTICED for edit in edits),
    }
    print(format_table(rows))
    print("\n".join(f"{name}: {value:,}" for name, value in figures.items()))
    print(write_results("reliability", rows, figures))
    print("\n".join(wrong), file=sys.stderr, end="\n" if wrong else "")
    return 1 if wrong else 0


def _mutants() -> dict[str, str | None]:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        caught = pool.map(caught_by, MUTANTS)
        return {mutant.recovery: cell for mutant, cell in zip(MUTANTS, caught, strict=True)}


def _edits(count: int) -> dict[str, str | None]:
    """Each generated edit, with the cell that notices it, or why none can."""
    sample = generated.sample(count)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = pool.map(lambda edit: UNNOTICED.get(str(edit)) or generated.noticed_by(edit), sample)
        return {str(edit): cell for edit, cell in zip(sample, found, strict=True)}


def cost_rows(results: Mapping[Cell, Result]) -> list[Row]:
    """What each fault costs at each call, over the same scenario without it: the most of its cells."""
    found: dict[tuple[str, str], list[tuple[int, int, float]]] = defaultdict(list)
    red: dict[tuple[str, str], int] = defaultdict(int)
    for cell, result in results.items():
        usual = faultless(cell.row.scenario, cell.row.mode)
        key = (cell.row.call, str(cell.fault))
        more = (result.invocations - usual.invocations, result.calls - usual.calls, result.seconds - usual.seconds)
        found[key].append(more)
        red[key] += bool(result.wrong)
    return [_row(call, fault, costs, red[call, fault]) for (call, fault), costs in found.items()]


def _row(call: str, fault: str, costs: Sequence[tuple[int, int, float]], red: int) -> dict[str, Any]:
    invocations, calls, seconds = (max(each) for each in zip(*costs, strict=True))
    return {
        "call": call,
        "fault": fault,
        "cells": len(costs),
        "red": red,
        "more invocations": max(0, invocations),
        "more calls": max(0, calls),
        "more seconds": round(max(0.0, seconds), 1),
    }


if __name__ == "__main__":
    sys.exit(main())
