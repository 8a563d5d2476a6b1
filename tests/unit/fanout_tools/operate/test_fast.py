"""Many calls at once, in AWS's own shapes: pages, throttling, errors, connections that end."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from fanout.idempotency.client import Credentials
from fanout_tools.operate.fast import Fast, FastError
from fanout_tools.operate.topology import Place
from tests.unit.fanout_tools.operate.conftest import StandIn

ATTRIBUTES = {"Attributes": {"ApproximateNumberOfMessages": "1"}}


def test_calls_share_connections_and_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    aws = StandIn(lambda *_: ATTRIBUTES)

    async def use(fast: Fast) -> int:
        await asyncio.gather(*(fast.call("sqs", "GetQueueAttributes", QueueUrl=f"u{number}") for number in range(200)))
        return fast.calls["sqs:GetQueueAttributes"]

    assert aws.run(use, monkeypatch) == 200
    assert len({asked["QueueUrl"] for _, asked in aws.asked}) == 200


def test_a_throttled_call_is_made_again_after_a_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    refusals = [(400, "RequestThrottled"), (503, "ServiceUnavailable")]
    aws = StandIn(lambda *_: refusals.pop() if refusals else ATTRIBUTES)

    assert aws.run(lambda fast: fast.call("sqs", "GetQueueAttributes", QueueUrl="u"), monkeypatch) == ATTRIBUTES
    assert len(aws.pauses) == 2


def test_what_is_throttled_for_ever_is_told_with_awss_code(monkeypatch: pytest.MonkeyPatch) -> None:
    aws = StandIn(lambda *_: (400, "ThrottlingException"))

    with pytest.raises(FastError, match="GetMetricData: ThrottlingException: said AWS") as told:
        aws.run(
            lambda fast: fast.call("cloudwatch", "GetMetricData", MetricDataQueries=[], StartTime=0, EndTime=60),
            monkeypatch,
        )
    assert told.value.code == "ThrottlingException"
    assert len(aws.asked) == 6


def test_what_is_refused_is_not_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    aws = StandIn(lambda *_: (403, "AccessDeniedException"))

    with pytest.raises(FastError, match="AccessDeniedException"):
        aws.run(lambda fast: fast.call("sqs", "GetQueueAttributes", QueueUrl="u"), monkeypatch)
    assert len(aws.asked) == 1


def test_all_pages_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(_: str, asked: dict[str, Any]) -> Any:
        page = int(asked.get("NextToken", "0"))
        return {"MetricAlarms": [{"AlarmName": f"a{page}"}], **({"NextToken": str(page + 1)} if page < 2 else {})}

    async def use(fast: Fast) -> list[str]:
        return [page["MetricAlarms"][0]["AlarmName"] async for page in fast.pages("cloudwatch", "DescribeAlarms")]

    assert StandIn(answer).run(use, monkeypatch) == ["a0", "a1", "a2"]


def test_a_token_that_comes_again_is_the_last_page(monkeypatch: pytest.MonkeyPatch) -> None:
    aws = StandIn(lambda *_: {"events": [], "nextToken": "same"})

    async def use(fast: Fast) -> int:
        pages = fast.pages("logs", "FilterLogEvents", token="nextToken", logGroupName="g")
        return len([page async for page in pages])

    assert aws.run(use, monkeypatch) == 2


def test_nobody_answers() -> None:
    async def no_pause(_: float) -> None:
        return None

    async def use() -> None:
        place = Place("1" * 12, "eu-central-1", endpoint="http://127.0.0.1:9")  # discard, where nobody listens
        async with Fast(place, Credentials("a", "b"), sleep=no_pause) as fast:
            await fast.call("sqs", "GetQueueAttributes", QueueUrl="u")

    with pytest.raises(FastError, match=r"http://127\.0\.0\.1:9"):
        asyncio.run(use())
