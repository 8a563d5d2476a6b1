"""What nobody waits for: keep-warm pings by the clock, and asynchronous invocations that fail."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest

from fanout_tools.declarations.naming import ALIAS
from tests.integration.platform import WARM, Platform, client, eventually


def _ping(platform: Platform) -> dict[str, Any]:
    schedule: dict[str, Any] = client("scheduler").get_schedule(
        GroupName=platform.names.namespace, Name=f"heartbeat.{WARM}"
    )
    return schedule


def test_a_keep_warm_ping_comes_by_the_clock_and_leaves_nothing(platform: Platform) -> None:
    """GIVEN a worker to keep warm THEN Scheduler invokes its alias every few minutes, without retries, with a DLQ."""
    schedule = _ping(platform)
    target = schedule["Target"]

    assert schedule["ScheduleExpression"] == "rate(5 minutes)"
    assert target["Arn"].endswith(f":function:{platform.names.function(WARM)}:{ALIAS}")
    assert target["RetryPolicy"]["MaximumRetryAttempts"] == 0
    assert target["DeadLetterConfig"]["Arn"].endswith("-undelivered")


def test_a_worker_beats_though_it_answers_steps(platform: Platform) -> None:
    """GIVEN a worker that answers direct invocations WHEN its schedule's own input comes THEN it beats, and fails at
    no step."""
    answer = client("lambda").invoke(
        FunctionName=platform.names.function(WARM), Qualifier=ALIAS, Payload=_ping(platform)["Target"]["Input"]
    )

    assert "FunctionError" not in answer
    assert "environment" in json.load(answer["Payload"])


@pytest.mark.gap(emulator="ministack", reason="takes the destination of the function, not of an alias", runs=False)
def test_an_invocation_that_nobody_waits_for_is_kept_when_it_fails(platform: Platform) -> None:
    """GIVEN an asynchronous invocation of the alias WHEN it has failed twice THEN the worker's DLQ has it."""
    mark = f"no-such-step-{uuid4()}"

    client("lambda").invoke(
        FunctionName=platform.names.function(WARM),
        Qualifier=ALIAS,
        InvocationType="Event",
        Payload=json.dumps({"step": mark}),
    )

    eventually(
        lambda: [letter for letter in platform.dead_letters(WARM) if mark in letter["body"]],
        bool,
        "the failed invocation is in the DLQ",
    )
