"""A redrive yields to what comes anew."""

from __future__ import annotations

from typing import Any

import boto3
from botocore.stub import ANY, Stubber

from fanout_tools.operate.actions.pacing import LOOK_S, SLOWEST, Load, Pace, load_of
from fanout_tools.operate.limits import TokenBucket
from scripts.reliability.model.clock import Clock
from tests.unit.fanout_tools.operate.mortal import Deployment

WORKER = Deployment().worker
LATE_S = WORKER.manifest.slo.age_s / 2 + 1


def rates(*loads: Load | None, rate: float = 20.0) -> list[float | str]:
    """After each look, or why it was the last."""
    clock, bucket, left = Clock(), TokenBucket(rate), list(loads)
    pace, found = Pace(WORKER, rate, lambda: left.pop(0), clock.time), list[float | str]()
    for _ in loads:
        found.append(pace(bucket) or bucket.rate)
        clock.advance(LOOK_S)
    return found


def test_the_rate_halves_while_the_queue_is_late_and_comes_back() -> None:
    late, well = Load(LATE_S, 0), Load(1.0, 0)
    assert rates(well, late, late, late, well, well, well, well) == [20, 10, 5, 2.5, 5, 10, 20, 20]


def test_the_rate_never_comes_to_nothing_and_a_slow_one_stays() -> None:
    assert rates(*[Load(LATE_S, 0)] * 12)[-1] == SLOWEST
    assert rates(Load(LATE_S, 0), rate=0.05) == [0.05]


def test_a_throttled_function_gets_no_more() -> None:
    assert rates(Load(0, 0), Load(0, 7)) == [
        20,
        f"Lambda throttles {WORKER.function}: 7 invocations in a minute",
    ]


def test_where_nobody_knows_the_load_the_rate_stays() -> None:
    assert rates(None, None) == [20, 20]


def test_the_load_is_looked_at_now_and_then_alone() -> None:
    clock, bucket, asked = Clock(), TokenBucket(20), list[float]()

    def ask() -> Load:
        asked.append(clock.time())
        return Load(LATE_S, 0)

    pace = Pace(WORKER, 20, ask, clock.time)
    for _ in range(90):
        pace(bucket)
        clock.advance(1.0)
    assert (len(asked), bucket.rate) == (3, 2.5)


def test_cloudwatch_is_asked_for_the_newest_point_of_both() -> None:
    client = boto3.client("cloudwatch", region_name="eu-central-1")
    answer: dict[str, Any] = {
        "MetricDataResults": [
            {"Id": "age", "Values": [42.0, 9.0], "StatusCode": "Complete"},
            {"Id": "throttles", "Values": [], "StatusCode": "Complete"},
        ]
    }
    expected = {
        "MetricDataQueries": ANY, "StartTime": ANY, "EndTime": ANY, "ScanBy": "TimestampDescending",
    }  # fmt: skip
    with Stubber(client) as stub:
        stub.add_response("get_metric_data", answer, expected)
        assert load_of(client, WORKER, 1_000.0) == Load(42.0, 0)
