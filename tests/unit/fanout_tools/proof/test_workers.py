"""A worker's own tables, backstop and reports of parts; the mutants spoil each grant of the fixture besides."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from fanout_tools.declarations.worker import Manifest
from fanout_tools.plans import Plan, Resource, document
from fanout_tools.proof.workers import apart, backstops, gathering, remembering

GATHERER = 'module.platform.module.worker["thumbnails"]'
REPORTER = 'module.platform.module.worker["notifications"]'

Manifests = Mapping[str, Manifest]


def at(plan: Plan, address: str) -> Resource:
    return next(it for it in plan.resources if it.address == address)


def granting(plan: Plan, policy: Resource, action: str, resource: str) -> Plan:
    whole = document(policy.get("policy"))
    whole["Statement"].append({"Effect": "Allow", "Action": [action], "Resource": [resource]})
    return plan.changed(policy.having(policy=json.dumps(whole)))


def told(plan: Plan, function: Resource, **variables: Any) -> Plan:
    known = function.get("environment")[0]["variables"]
    return plan.changed(function.having(environment=[{"variables": {**known, **variables}}]))


def test_the_good_plan_keeps_each_workers_own_apart(plan: Plan, manifests: Manifests) -> None:
    """GIVEN a worker that gathers, one that handles its parts and one with Powertools WHEN judged THEN all is well."""
    rules = (apart, backstops, gathering, remembering)

    assert [it for rule in rules for it in rule(plan, manifests)] == []
    assert manifests["thumbnails"].gathers
    assert manifests["notifications"].parts_of == ["thumbnails"]
    assert manifests["billing"].powertools


@pytest.mark.parametrize("table", ["aws_dynamodb_table.idempotency[0]", "aws_dynamodb_table.gather[0]"])
@pytest.mark.parametrize(
    ("action", "suffix"), [("dynamodb:GetItem", ""), ("*", ""), ("dynamodb:Query", "/index/any"), ("dynamodb:*", "*")]
)
def test_a_role_that_reaches_anothers_records_is_told(
    plan: Plan, manifests: Manifests, table: str, action: str, suffix: str
) -> None:
    """GIVEN a worker with a grant on another's table WHEN judged THEN the grant's policy and the table are told."""
    policy, owned = at(plan, f"{REPORTER}.aws_iam_role_policy.this"), at(plan, f"{GATHERER}.{table}")

    (finding,) = apart(granting(plan, policy, action, owned.arn + suffix), manifests)

    assert (finding.address, finding.rule) == (policy.address, "scope")
    assert owned.address in finding.problem


def test_what_aws_does_not_know_as_an_action_reaches_nothing(plan: Plan, manifests: Manifests) -> None:
    """GIVEN the grant that MiniStack needs for BatchExecuteStatement WHEN judged THEN it reaches no table."""
    policy = at(plan, f"{REPORTER}.aws_iam_role_policy.this")
    granted = granting(plan, policy, "dynamodb:BatchExecuteStatement", "*")

    assert list(apart(granted, manifests)) == []


def test_a_grant_on_something_else_reaches_nothing(plan: Plan, manifests: Manifests) -> None:
    """GIVEN a grant of another service on everything WHEN judged THEN it is no matter of this rule."""
    policy = at(plan, f"{REPORTER}.aws_iam_role_policy.this")

    assert list(apart(granting(plan, policy, "ec2:DescribeSubnets", "*"), manifests)) == []


def test_a_queue_with_another_backstop_is_told(plan: Plan, manifests: Manifests) -> None:
    """GIVEN a queue that gives up after max_receives WHEN judged THEN the declared backstop is told."""
    queue = at(plan, f"{GATHERER}.aws_sqs_queue.main")
    early = json.dumps({**document(queue.get("redrive_policy")), "maxReceiveCount": 5})

    (finding,) = backstops(plan.changed(queue.having(redrive_policy=early)), manifests)

    assert finding.address == queue.address
    assert "after 5 receives, where thumbnails declares 720" in finding.problem


def test_a_worker_of_parts_is_told_of_the_queue_and_may_send_to_it(plan: Plan, manifests: Manifests) -> None:
    """GIVEN a worker of another's parts WHEN it is told of no queue, or of another THEN that is told."""
    function = at(plan, f"{REPORTER}.aws_lambda_function.this")
    elsewhere = json.dumps({"thumbnails": "https://sqs.us-east-1.amazonaws.com/000000000000/elsewhere"})

    for variables in ({"FANOUT_GATHER_QUEUES": "{}"}, {"FANOUT_GATHER_QUEUES": elsewhere}):
        (finding,) = gathering(told(plan, function, **variables), manifests)
        assert (finding.address, finding.rule) == (function.address, "permission")
        assert "thumbnails's queue" in finding.problem
    silent = plan.without(f"{REPORTER}.aws_iam_role_policy.this")
    assert [it.problem.partition(" on ")[0] for it in gathering(silent, manifests)] == [
        "does not allow sqs:SendMessage"
    ]


def test_parts_of_a_worker_without_a_queue_are_told(plan: Plan, manifests: Manifests) -> None:
    """GIVEN a plan without the queue of the worker that gathers WHEN judged THEN the worker of its parts is told."""
    found = list(gathering(plan.without(f"{GATHERER}.aws_sqs_queue.main"), manifests))

    assert [it.address for it in found] == [f"{REPORTER}.aws_lambda_function.this"]


def test_a_worker_that_is_told_of_anothers_table_is_found(plan: Plan, manifests: Manifests) -> None:
    """GIVEN a function with another worker's table WHEN judged THEN its own is told."""
    function = at(plan, f"{REPORTER}.aws_lambda_function.this")

    (finding,) = remembering(
        told(plan, function, FANOUT_IDEMPOTENCY_TABLE="fanout-fixture-thumbnails-idempotency"), manifests
    )

    assert "its table fanout-fixture-notifications-idempotency" in finding.problem
