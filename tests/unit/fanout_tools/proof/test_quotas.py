"""What an environment takes of AWS's quotas is told before AWS refuses it."""

import json
from collections.abc import Iterable
from typing import Any

import pytest

from fanout.errors import PlanError
from fanout_tools.plans import Plan, Resource
from fanout_tools.proof.quotas import QUOTAS, kept


def _many(kind: str, number: int, **values: Any) -> Iterable[Resource]:
    return (Resource(address=f"{kind}.this[{index}]", type=kind, values=values) for index in range(number))


def _dashboard(*widgets: int) -> str:
    graphs = [{"properties": {"metrics": [["AWS/SQS", str(index)] for index in range(number)]}} for number in widgets]
    return json.dumps({"widgets": [*graphs, {"properties": {"markdown": "no metrics"}}]})


OVER: dict[str, Iterable[Resource]] = {
    "rules-per-bus": _many("aws_cloudwatch_event_rule", 301, event_bus_name="shop"),
    "wildcard-rules-per-bus": _many(
        "aws_cloudwatch_event_rule",
        31,
        event_bus_name="shop",
        event_pattern=json.dumps({"detail": {"data": {"sku": [{"wildcard": "a*b"}]}}}),
    ),
    "targets-per-rule": _many("aws_cloudwatch_event_target", 6, event_bus_name="shop", rule="orders"),
    "filters-per-topic": _many("aws_sns_topic_subscription", 201, topic_arn="arn:orders", filter_policy="{}"),
    "filters": (
        Resource(
            address=f"aws_sns_topic_subscription.this[{index}]",
            type="aws_sns_topic_subscription",
            values={"topic_arn": f"arn:{index // 100}", "filter_policy": "{}"},
        )
        for index in range(10_001)
    ),
    "roles": _many("aws_iam_role", 1_001),
    "role-policy-size": _many("aws_iam_role_policy", 2, role="billing", policy="a" * 5_121),
    "tables": _many("aws_dynamodb_table", 2_501),
    "reserved-concurrency": _many("aws_lambda_function", 2, reserved_concurrent_executions=451),
    "layers": _many("aws_lambda_function", 1, layers=list("abcdef")),
    "environment-size": _many("aws_lambda_function", 1, environment=[{"variables": {"A": "é" * 2_048}}]),
    "queue-policy-size": _many("aws_sqs_queue", 1, policy="a" * 8_193),
    "log-resource-policies": _many("aws_cloudwatch_log_resource_policy", 11),
    "log-subscriptions": _many("aws_cloudwatch_log_subscription_filter", 3, log_group_name="/aws/lambda/billing"),
    "log-groups-per-query": _many("aws_cloudwatch_query_definition", 1, log_group_names=["a"] * 51),
    "insights-alarms": _many("aws_cloudwatch_metric_alarm", 201, metric_query=[{"expression": "SELECT SUM(a) FROM b"}]),
    "widgets-per-dashboard": _many("aws_cloudwatch_dashboard", 1, dashboard_body=_dashboard(*[1] * 500)),
    "metrics-per-widget": _many("aws_cloudwatch_dashboard", 1, dashboard_body=_dashboard(501)),
    "metrics-per-dashboard": _many("aws_cloudwatch_dashboard", 1, dashboard_body=_dashboard(*[500] * 5, 1)),
}
"""One more than AWS gives."""


@pytest.mark.parametrize("name", QUOTAS)
def test_one_more_than_there_is_is_told(name: str) -> None:
    plan = Plan(tuple(OVER[name]))

    found = list(kept(plan, {}))

    assert [(it.rule, it.address) for it in found] == [("quota", plan.resources[0].address)]
    assert f"{QUOTAS[name].most:,}" in found[0].problem
    assert ("check_plan.yaml" in found[0].fix) == QUOTAS[name].adjustable


def test_all_may_be_used_and_another_bus_counts_by_itself() -> None:
    plan = Plan(
        (
            *_many("aws_cloudwatch_event_rule", 300, event_bus_name="shop"),
            *_many("aws_cloudwatch_event_rule", 300, event_bus_name="default"),
        )
    )
    assert list(kept(plan, {})) == []


def test_an_account_that_has_more_says_so() -> None:
    plan = Plan(tuple(_many("aws_cloudwatch_event_rule", 301, event_bus_name="shop")))

    assert list(kept(plan, {"rules-per-bus": 1_000})) == []


@pytest.mark.parametrize("name", ["layers", "moons"])
def test_what_cannot_be_raised_is_not(name: str) -> None:
    with pytest.raises(PlanError, match=f"{name}: is none that AWS raises; these are: rules-per-bus"):
        list(kept(Plan(()), {name: 10}))


def test_the_sample_plan_is_within_all(plan: Plan) -> None:
    assert list(kept(plan, {})) == []
