"""The scaler's arithmetic, and the peer's formulas at known points."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fanout_router.scaler import Load, QueueScaler, ScalerOptions
from scripts.simulate.baselines import EwmaScaler, PacedSteps, SimpleScaler


def load(
    now: float = 0.0,
    *,
    waiting: int = 0,
    busy: int = 0,
    serving: int = 0,
    starting: int = 0,
    occupied: int = 0,
    submitted: int = 0,
    service_s: float = 0.1,
    cold_start_s: float = 8.0,
) -> Load:
    return Load(
        now=now, waiting=waiting, busy=busy, serving=serving, starting=starting, channels=10,
        capacity=10 * serving, occupied=occupied, submitted=submitted, service_s=service_s, cold_start_s=cold_start_s,
    )  # fmt: skip


def test_nothing_is_wanted_of_an_idle_function() -> None:
    assert QueueScaler(ScalerOptions()).desired(load()) == 0


def test_one_request_starts_one_environment_from_zero() -> None:
    assert QueueScaler(ScalerOptions()).desired(load(waiting=1)) == 1


HASTY = ScalerOptions(target_wait_s=0.05, utilisation=0.5)
"""Aims at less wait than a request takes: an environment for every ten that wait."""


def test_a_spike_from_zero_gets_all_it_needs_in_one_step() -> None:
    assert QueueScaler(HASTY).desired(load(waiting=1_000)) == 100


def test_what_is_starting_is_not_asked_for_again() -> None:
    scaler = QueueScaler(HASTY)
    assert scaler.desired(load(waiting=100)) == 10
    assert scaler.desired(load(0.1, waiting=100, starting=10, submitted=0)) == 10


def test_a_queue_that_the_serving_drain_before_a_cold_start_needs_no_more() -> None:
    assert QueueScaler(ScalerOptions()).desired(load(waiting=5, busy=10, serving=2)) == 2


def test_a_queue_that_stands_is_shared_among_new_environments() -> None:
    # GIVEN two environments at their limit of 200 requests a second, and as many arriving
    scaler = QueueScaler(HASTY)
    scaler.desired(load(0, busy=20, serving=2))
    # THEN the 80 that wait are given eight more
    assert scaler.desired(load(1, waiting=80, busy=20, serving=2, submitted=200)) == 10


def test_a_steady_load_is_served_at_the_target_utilisation() -> None:
    # GIVEN 500 requests a second of 0.1 s: 50 in service at a time
    scaler = QueueScaler(ScalerOptions(utilisation=0.5))
    scaler.desired(load(0, busy=50, serving=6))
    assert scaler.desired(load(1, busy=50, serving=6, submitted=500)) == 10


def test_slow_requests_count_while_they_are_served() -> None:
    # GIVEN 22 requests in service, though those that have finished took next to no time
    # THEN there are environments for them at the target utilisation
    assert QueueScaler(ScalerOptions(utilisation=0.55)).desired(load(busy=22, serving=3, service_s=0.001)) == 4


def test_a_longer_target_wait_asks_for_fewer_environments() -> None:
    # GIVEN 100 requests of 0.1 s that wait: in 0.2 s an environment of ten channels serves 20
    assert QueueScaler(ScalerOptions(target_wait_s=0.2)).desired(load(waiting=100)) == 5


def test_scale_in_waits_for_the_cooldown() -> None:
    scaler = QueueScaler(ScalerOptions(cooldown_s=60, target_wait_s=0.05))
    assert scaler.desired(load(0, waiting=100)) == 10
    assert scaler.desired(load(59, serving=10)) == 10
    assert scaler.desired(load(61, serving=10)) == 0


def test_minimum_maximum_and_spare() -> None:
    scaler = QueueScaler(ScalerOptions(minimum=2, maximum=5, spare=1, utilisation=1))
    assert scaler.desired(load()) == 2
    assert scaler.desired(load(1, busy=14, serving=2)) == 3
    assert scaler.desired(load(2, waiting=1_000)) == 5


@given(st.integers(0, 10_000), st.integers(0, 1_000), st.integers(0, 100), st.floats(0, 10), st.floats(0, 30))
def test_desired_is_always_within_bounds(waiting: int, busy: int, serving: int, service: float, cold: float) -> None:
    scaler = QueueScaler(ScalerOptions(minimum=1, maximum=50))
    wanted = scaler.desired(load(waiting=waiting, busy=busy, serving=serving, service_s=service, cold_start_s=cold))
    assert 1 <= wanted <= 50


@pytest.mark.parametrize(
    ("busy", "waiting", "expected"),
    # target = ceil(10 / 2) = 5; ceil(1.2 (busy / 5 + waiting / 10 / 2))
    [
        (0, 0, 0),
        (1, 0, 1),
        (4, 0, 1),
        (5, 0, 2),
        (10, 0, 3),
        (50, 0, 12),
        (0, 10, 1),
        (0, 100, 6),
        (50, 100, 18),
    ],
)
def test_the_peers_simple_formula(busy: int, waiting: int, expected: int) -> None:
    assert SimpleScaler().wanted(load(busy=busy, waiting=waiting)) == expected


def test_the_peers_ewma_approaches_its_formula() -> None:
    scaler = EwmaScaler()
    for tick in range(1, 1_000):
        wanted = scaler.wanted(load(tick * 0.1, submitted=tick * 100, service_s=0.1))
    assert wanted == 24  # ceil(1.2 x 1,000 / (1000 / 100 x 5))


def test_the_peers_ewma_forgets_and_falls_to_zero() -> None:
    scaler = EwmaScaler()
    for tick in range(1, 101):
        scaler.wanted(load(tick * 0.1, submitted=tick * 10))
    assert scaler.wanted(load(80, submitted=1_000)) <= 1
    assert scaler.wanted(load(200, submitted=1_000)) == 0


def test_the_peer_takes_ten_steps_from_zero_to_a_hundred() -> None:
    steps, now = PacedSteps(), 0.0
    while steps.level < 100:
        steps.towards(100, load(now, waiting=1))
        now += 0.1
    assert now >= 16


def test_the_peer_scales_in_late_and_not_while_requests_wait() -> None:
    steps = PacedSteps()
    steps.level = 10
    assert steps.towards(0, load(0, waiting=1)) == 10
    assert steps.towards(0, load(1)) == 10
    assert steps.towards(0, load(1.4)) == 5
    assert steps.towards(0, load(2)) == 5
    assert steps.towards(0, load(3.5)) == 0


def test_channels_that_one_request_occupies_serve_no_queue() -> None:
    scaler = QueueScaler(ScalerOptions())
    assert scaler.desired(load(busy=10, serving=1, occupied=10, waiting=5, service_s=0.01)) >= 2


def test_streams_are_load_like_any_other() -> None:
    assert QueueScaler(ScalerOptions(utilisation=0.5)).desired(load(busy=20, serving=2, occupied=20)) == 4


def arriving(scaler: QueueScaler, rates: list[float], busy: int = 0, serving: int = 1) -> list[int]:
    """What is wanted at each tenth of a second, while requests come at these rates."""
    submitted, wanted = 0.0, []
    for tick, rate in enumerate(rates):
        wanted.append(scaler.desired(load(tick / 10, busy=busy, serving=serving, submitted=int(submitted))))
        submitted += rate / 10
    return wanted


def test_a_step_is_seen_before_the_mean_has_followed_it() -> None:
    """GIVEN 20 requests a second for long WHEN 400 come THEN half a second later there is enough for most of them."""
    wanted = arriving(QueueScaler(ScalerOptions()), [20.0] * 100 + [400.0] * 6)
    assert wanted[99] == 1
    assert wanted[-1] >= 6  # of the 8 that they need


def test_steady_growth_is_met_a_cold_start_ahead() -> None:
    """GIVEN 4 requests a second more in each second WHEN 50 a second come THEN there is enough for those to come."""
    rates = [10 + 4 * tick / 10 for tick in range(100)]
    assert arriving(QueueScaler(ScalerOptions()), rates)[-1] == 2
    assert arriving(QueueScaler(ScalerOptions()), [50.0] * 100)[-1] == 1


def test_from_zero_what_gathers_until_the_first_is_there_has_company() -> None:
    # GIVEN that nothing serves, and 30 have come within a second: the first environment alone would meet a crowd
    scaler = QueueScaler(ScalerOptions())
    scaler.desired(load(0))
    assert scaler.desired(load(1, waiting=30, submitted=30, starting=1)) == 2
