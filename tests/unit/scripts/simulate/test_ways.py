"""The simulator: each way of dispatch answers every request it can, and what it reports adds up."""

import pytest

from scripts.simulate.scenarios import Scenario
from scripts.simulate.ways import COLD_START_S, router

BUSY = Scenario(name="busy", arrivals=[(0.05 * n, 0.1) for n in range(200)], warm=1)
FROM_ZERO = Scenario(name="from zero", arrivals=[(1.0, 0.1), (1.1, 0.1)])


@pytest.mark.parametrize("way", ["ours", "simple", "ewma"])
def test_a_warm_environment_answers_in_the_service_time(way: str) -> None:
    outcome = router(BUSY, way)
    assert outcome.failed == 0
    assert len(outcome.latencies) == 200
    assert max(outcome.latencies) == pytest.approx(0.1)
    assert outcome.gb_seconds > 0


def test_the_first_requests_wait_for_one_cold_start() -> None:
    outcome = router(FROM_ZERO, "ours")
    assert outcome.failed == 0
    assert COLD_START_S < max(outcome.latencies) < COLD_START_S + 1
    assert outcome.environments >= 1
