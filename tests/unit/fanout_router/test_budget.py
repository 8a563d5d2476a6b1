"""The token bucket and the circuit breaker."""

import random

from hypothesis import given
from hypothesis import strategies as st

from fanout_router.budget import CircuitBreaker, TokenBucket
from tests.unit.fanout_router.wire.support import Clock


@given(st.lists(st.floats(0, 5), max_size=200), st.integers(1, 20), st.floats(0.1, 10))
def test_a_bucket_is_never_overdrawn(pauses: list[float], burst: int, rate: float) -> None:
    clock = Clock()
    bucket = TokenBucket(rate, burst, clock)
    taken = 0
    for pause in pauses:
        clock.now += pause
        taken += sum(bucket.take() for _ in range(30))
        assert taken <= burst + rate * clock.now + 1e-6


def test_a_breaker_opens_probes_once_and_closes() -> None:
    clock = Clock()
    breaker = CircuitBreaker(clock, random.Random(0), threshold=3, pause=1, longest=60)
    for _ in range(3):
        assert breaker.allows()
        breaker.failed()
        clock.now += 60
    assert breaker.state.name == "OPEN"
    assert breaker.allows()
    assert not breaker.allows()
    assert breaker.state.name == "HALF_OPEN"
    breaker.failed()
    assert not breaker.allows()
    clock.now += 60
    assert breaker.allows()
    breaker.succeeded()
    assert breaker.state.name == "CLOSED"
    assert breaker.allows()


def test_pauses_double_with_jitter_up_to_the_longest() -> None:
    clock = Clock()
    breaker = CircuitBreaker(clock, random.Random(0), threshold=1, pause=1, longest=8)
    for expected in (1, 2, 4, 8, 8, 8):
        breaker.failed()
        clock.now += expected / 2 - 0.001
        assert not breaker.allows()
        clock.now += expected / 2 + 0.001
        assert breaker.allows()


def test_one_failure_makes_a_pause_although_the_breaker_is_closed() -> None:
    clock = Clock()
    breaker = CircuitBreaker(clock, random.Random(0), threshold=5, pause=1)
    breaker.failed()
    assert breaker.state.name == "CLOSED"
    assert not breaker.allows()
    clock.now += 1
    assert breaker.allows()


def test_a_probe_that_told_nothing_is_repeated_later() -> None:
    clock = Clock()
    breaker = CircuitBreaker(clock, random.Random(0), threshold=1, pause=1)
    breaker.failed()
    clock.now += 1
    assert breaker.allows()
    breaker.undecided()
    clock.now += 2
    assert breaker.allows()
