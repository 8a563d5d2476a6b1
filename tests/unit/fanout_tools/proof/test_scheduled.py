"""What Scheduler may do, and what canaries by the clock need to tell which hop fails."""

import json
from collections.abc import Mapping

import pytest

from fanout_tools.declarations.worker import Manifest
from fanout_tools.plans import Plan, document
from fanout_tools.proof.scheduled import invoking, permitted, watched

ROLE = "module.platform.module.canary[0].aws_iam_role.this"
FUNCTION = "module.platform.module.canary[0].aws_lambda_function.this"


def test_the_good_plan_is_well(plan: Plan, manifests: Mapping[str, Manifest]) -> None:
    assert [*invoking(plan), *permitted(plan, manifests), *watched(plan)] == []


def test_a_plan_without_canaries_by_the_clock_is_well(plan: Plan, manifests: Mapping[str, Manifest]) -> None:
    without = Plan(tuple(it for it in plan.resources if ".module.canary" not in it.address))
    assert [*permitted(without, manifests), *watched(without)] == []


@pytest.mark.parametrize(
    ("sid", "missing"),
    [
        ("Rules", "events:DescribeRule"),
        ("Ask", "lambda:InvokeFunction"),
        ("Lists", "sns:GetSubscriptionAttributes"),
        ("DeadLetters", "sqs:ReceiveMessage"),
        ("Objects", "s3:DeleteObjectVersion"),
        ("Key", "kms:Decrypt"),
        ("WorkersLogs", "logs:FilterLogEvents"),
    ],
)
def test_a_call_that_the_role_lacks_is_told(
    plan: Plan, manifests: Mapping[str, Manifest], sid: str, missing: str
) -> None:
    """GIVEN the canary's role without a statement WHEN judged THEN the role is named, with the call."""
    policy = next(
        it for it in plan.of("aws_iam_role_policy") if it.address.endswith("canary[0].aws_iam_role_policy.this")
    )
    whole = document(policy.get("policy"))
    whole["Statement"] = [it for it in whole["Statement"] if it["Sid"] != sid]

    found = list(permitted(plan.changed(policy.having(policy=json.dumps(whole))), manifests))

    assert {it.address for it in found} == {ROLE}
    assert any(f"does not allow {missing} on" in it.problem for it in found)


def test_who_may_send_more_than_canaries_is_told(plan: Plan, manifests: Mapping[str, Manifest]) -> None:
    """GIVEN a role that may put any event on the bus WHEN judged THEN that is told, with the condition to add."""
    policy = next(
        it for it in plan.of("aws_iam_role_policy") if it.address.endswith("canary[0].aws_iam_role_policy.this")
    )
    whole = document(policy.get("policy"))
    for statement in whole["Statement"]:
        if statement["Sid"] == "Send":
            del statement["Condition"]

    [found] = permitted(plan.changed(policy.having(policy=json.dumps(whole))), manifests)

    assert (found.address, found.rule) == (ROLE, "scope")
    assert "events:source canary.*" in found.fix


def test_canaries_that_nobody_sends_are_told(plan: Plan) -> None:
    [schedule] = plan.of("aws_scheduler_schedule")

    [found] = watched(plan.without(schedule.address))

    assert (found.address, found.problem) == (FUNCTION, "no schedule invokes it")
