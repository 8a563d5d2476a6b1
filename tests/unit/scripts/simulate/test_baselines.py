"""The peer's scaling formulas and their pacing, point by point: the simulator compares with these."""

import pytest

from scripts.simulate.baselines import EwmaScaler, PacedSteps
from tests.unit.fanout_router.test_scaler import load


@pytest.mark.parametrize(
    ("rate", "milliseconds", "expected"),
    # target = ceil(10 / 2) = 5; ceil(1.2 rate / (1,000 / max(2, ms) x 5))
    [
        *((1, 0.1, 1), (1, 2, 1), (1, 10, 1), (1, 100, 1), (1, 1_000, 1), (1, 10_000, 3)),
        *((10, 0.1, 1), (10, 2, 1), (10, 10, 1), (10, 100, 1), (10, 1_000, 3), (10, 10_000, 24)),
        *((100, 0.1, 1), (100, 2, 1), (100, 10, 1), (100, 100, 3), (100, 1_000, 24), (100, 10_000, 240)),
        *((1_000, 0.1, 1), (1_000, 2, 1), (1_000, 10, 3), (1_000, 100, 24), (1_000, 1_000, 240), (1_000, 5_000, 1_200)),
    ],
)
def test_the_peers_ewma_formula(rate: int, milliseconds: float, expected: int) -> None:
    # GIVEN a load that has been steady for longer than its average remembers
    scaler, wanted = EwmaScaler(), 0
    for tick in range(1, 2_000):
        wanted = scaler.wanted(load(tick * 0.1, submitted=tick * rate // 10, service_s=milliseconds / 1_000))
    # THEN the formula has been reached, or almost: an average only ever approaches
    assert expected - 1 <= wanted <= expected
    assert wanted >= 1


def test_the_peers_ewma_has_hysteresis() -> None:
    """A burst of one tick hardly moves the average, nor does a gap of one."""
    scaler = EwmaScaler()
    for tick in range(1, 1_000):
        steady = scaler.wanted(load(tick * 0.1, submitted=tick * 100))
    submitted = 999 * 100
    assert scaler.wanted(load(100.0, submitted=submitted)) >= steady - 1  # a tick without any
    assert scaler.wanted(load(100.1, submitted=submitted + 200)) <= steady + 1  # a tick with twice as many


@pytest.mark.parametrize(
    ("level", "wanted", "allowed"),
    # a step is five, or a third when that is more
    [
        *((0, 0, 0), (0, 1, 1), (0, 5, 5), (0, 6, 5), (0, 100, 5), (5, 100, 10), (15, 16, 16), (15, 100, 20)),
        *((16, 100, 22), (30, 100, 40), (99, 100, 100), (100, 100, 100), (100, 1_000, 133)),
    ],
)
def test_a_step_out_is_constrained(level: int, wanted: int, allowed: int) -> None:
    steps = PacedSteps()
    steps.level = level
    assert steps.towards(wanted, load(waiting=1)) == allowed


@pytest.mark.parametrize(
    ("level", "wanted", "allowed"), [(5, 0, 0), (6, 0, 1), (10, 8, 8), (30, 0, 20), (100, 0, 67), (100, 90, 90)]
)
def test_a_step_in_is_constrained_and_comes_after_its_delay(level: int, wanted: int, allowed: int) -> None:
    steps = PacedSteps()
    steps.level = level
    assert steps.towards(wanted, load(0)) == level
    assert steps.towards(wanted, load(0.29)) == level
    assert steps.towards(wanted, load(0.31)) == allowed


def test_steps_out_are_two_seconds_apart() -> None:
    steps = PacedSteps()
    levels = [steps.towards(100, load(now, waiting=1)) for now in (0, 1.9, 2.1, 4.0, 4.2)]
    assert levels == [5, 5, 10, 10, 15]


def test_a_moment_of_need_puts_scaling_in_off() -> None:
    steps = PacedSteps()
    steps.level = 10
    steps.towards(8, load(0))
    steps.towards(11, load(0.2))
    assert steps.towards(8, load(0.4)) == 11
    assert steps.towards(8, load(0.8)) == 8


def test_a_need_that_sways_does_not_make_the_level_sway() -> None:
    steps = PacedSteps()
    steps.level = 10
    changes = [steps.level]
    for tick in range(200):
        level = steps.towards(10 if tick % 2 else 9, load(tick * 0.1))
        if level != changes[-1]:
            changes.append(level)
    assert len(changes) <= 11  # twenty ticks a change at least: not one a tick
