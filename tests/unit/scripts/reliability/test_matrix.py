"""A fault at any call, in any mode, costs time at most."""

import pytest

from scripts.reliability import matrix
from scripts.reliability.matrix import LEFT_OUT, NOT_MADE, ROWS, Cell
from scripts.reliability.model.faults import Fault
from scripts.reliability.scenarios import SCENARIOS

RUNS = [(scenario.name, mode) for scenario in SCENARIOS for mode in scenario.modes]


@pytest.mark.parametrize(("scenario", "mode"), RUNS)
def test_without_a_fault_all_is_sound(scenario: str, mode: str) -> None:
    """GIVEN a scenario WHEN nothing happens to it THEN every effect is there once, and the DLQ is right."""
    assert matrix.faultless(scenario, mode).wrong == ()


@pytest.mark.parametrize("mode", ["strict", "claim"])
@pytest.mark.parametrize("scenario", ["killers", "fifo, killers"])
def test_what_kills_its_process_begins_as_often_as_it_may(scenario: str, mode: str) -> None:
    """GIVEN a batch with two records that kill the process WHEN nothing else happens to it THEN each begins at most
    ``max_receives`` times."""
    begun = matrix.faultless(scenario, mode).begun
    dead = matrix.scenario(scenario).dead

    assert max(begun[str(number)] for number in dead) <= 3


def test_every_call_of_the_core_has_a_row() -> None:
    """GIVEN all scenarios WHEN they run without a fault THEN each call that is made has a row, and each row is made."""
    seen = {call for scenario, mode in RUNS for call in matrix.faultless(scenario, mode).seen}

    assert seen == {row.call for row in ROWS}
    assert not seen & NOT_MADE.keys()


def test_what_is_left_out_has_a_reason() -> None:
    """GIVEN the product of calls and faults WHEN the cells are counted THEN it is whole but for those with a reason."""
    cells = list(matrix.cells())
    left_out = [(row, fault) for row in ROWS for fault in Fault if (row.call, fault) in LEFT_OUT]

    assert len(cells) + len(left_out) == len(ROWS) * len(Fault)
    assert len(cells) >= 100
    assert all(LEFT_OUT.values())


@pytest.mark.parametrize("cell", list(matrix.cells()), ids=str)
def test_a_fault_costs_time_at_most(cell: Cell) -> None:
    """GIVEN a fault at a call WHEN all is quiet again THEN nothing is lost, doubled or wrongly dead-lettered."""
    assert matrix.run(cell).wrong == ()
