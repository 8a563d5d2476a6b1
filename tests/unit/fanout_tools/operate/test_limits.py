"""How fast an operation goes, in virtual time."""

from __future__ import annotations

import pytest

from fanout_tools.operate.limits import RateError, TokenBucket, parse_rate
from scripts.reliability.model.clock import Clock


@pytest.mark.parametrize(("text", "rate"), [("20/s", 20), ("60/m", 1), ("1.5", 1.5), ("36/h", 0.01)])
def test_a_rate_is_so_many_a_second(text: str, rate: float) -> None:
    assert parse_rate(text) == rate


@pytest.mark.parametrize("text", ["", "0/s", "-1", "20/d", "fast"])
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(RateError, match="must be like 20/s"):
        parse_rate(text)


@pytest.mark.parametrize(("rate", "chunk"), [(20.0, 10), (2.0, 10), (0.5, 1)])
def test_the_rate_is_kept_after_the_first_second(rate: float, chunk: int) -> None:
    clock = Clock()
    bucket, begun = TokenBucket(rate, clock.time, clock.sleep), clock.now

    for _ in range(100):
        bucket.take(chunk)

    assert clock.now - begun == pytest.approx(100 * chunk / rate, abs=chunk / rate + 1)


def test_what_was_not_used_is_saved_up_for_a_second_only() -> None:
    clock = Clock()
    bucket = TokenBucket(10.0, clock.time, clock.sleep)
    bucket.take(10)
    clock.advance(3_600)
    begun = clock.now

    bucket.take(10)
    bucket.take(10)

    assert clock.now - begun == pytest.approx(1.0)
