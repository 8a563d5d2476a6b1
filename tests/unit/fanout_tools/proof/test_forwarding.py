"""What is sent on of logs is sent on of all workers, by log groups that may."""

from __future__ import annotations

import pytest

from fanout_tools.plans import Plan
from fanout_tools.proof.forwarding import forwarded, permitted

FILTER, PERMISSION = "aws_cloudwatch_log_subscription_filter", "aws_lambda_permission"


def of_traces(plan: Plan, kind: str) -> str:
    """The address of the first worker's."""
    return next(it.address for it in plan.of(kind) if ".module.traces" in it.address or kind == FILTER)


def test_the_good_plan_sends_on_all(plan: Plan) -> None:
    """GIVEN the good plan WHEN judged THEN there is a subscription, and no finding."""
    assert list(plan.of(FILTER))
    assert list(forwarded(plan)) == []


def test_nothing_need_be_sent_on(plan: Plan) -> None:
    """GIVEN a plan without any subscription WHEN judged THEN it is good."""
    for each in list(plan.of(FILTER)):
        plan = plan.without(each.address)
    assert list(forwarded(plan)) == []


@pytest.mark.parametrize(("kind", "problem"), [(FILTER, "its spans are not sent on"), (PERMISSION, "may not invoke")])
def test_what_is_missing_is_told(plan: Plan, kind: str, problem: str) -> None:
    """GIVEN a plan that lacks one worker's subscription, or its log group's permission WHEN judged THEN it is told."""
    [finding] = forwarded(plan.without(of_traces(plan, kind)))
    assert problem in finding.problem


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (PERMISSION, {"source_arn": "arn:aws:logs:us-east-1:000000000000:log-group:other:*"}),
        (PERMISSION, {"principal": "events.amazonaws.com"}),
        (PERMISSION, {"action": "lambda:GetFunction"}),
        (FILTER, {"destination_arn": "arn:aws:lambda:us-east-1:000000000000:function:gone"}),
    ],
)
def test_what_is_wrong_is_told(plan: Plan, kind: str, values: dict[str, str]) -> None:
    """GIVEN a permission for something else, or a subscription to what is not in the plan WHEN judged THEN it is
    told."""
    address = of_traces(plan, kind)
    wrong = next(it for it in plan.of(kind) if it.address == address).having(**values)
    assert [finding.rule for finding in forwarded(plan.changed(wrong))] == ["forwarding"]


def test_a_forwarder_to_xray_may_send_there(plan: Plan) -> None:
    """GIVEN the good plan, whose forwarder sends elsewhere WHEN its endpoint is X-Ray's THEN its role lacks the one
    permission that it needs."""
    assert list(permitted(plan)) == []
    function = next(it for it in plan.of("aws_lambda_function") if ".module.traces" in it.address)
    told = {
        **function.get("environment")[0]["variables"],
        "FANOUT_OTLP_ENDPOINT": "https://xray.us-east-1.amazonaws.com",
    }
    changed = plan.changed(function.having(environment=[{"variables": told}]))

    [finding] = permitted(changed)
    assert finding.problem == "does not allow xray:PutTraceSegments on *"
