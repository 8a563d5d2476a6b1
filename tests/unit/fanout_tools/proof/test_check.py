"""A good plan passes; what is wrong with a bad one is told by the resource's address and the fix."""

import json
from collections.abc import Mapping
from dataclasses import replace

import pytest

from fanout_tools.declarations.worker import Manifest
from fanout_tools.plans import Plan, document
from fanout_tools.proof.check import check
from fanout_tools.proof.findings import Declared, read
from tests.unit.fanout_tools.proof.conftest import STARTS, WEB, Judge

TOLD = (
    "aws_sqs_queue",
    "aws_lb_target_group",
    "aws_sfn_state_machine",
    "aws_lambda_function_url",
    "aws_apigatewayv2_integration",
)
WORKER = 'module.platform.module.worker["billing"]'


def test_the_good_plan_has_every_pair_whole_and_no_finding(plan: Plan, manifests: Mapping[str, Manifest]) -> None:
    proof = check(plan, manifests, starts=STARTS, web=WEB, allowed=read("fixture"), declared=Declared())

    assert proof.findings == []
    assert [(path.event, path.worker) for path in proof.paths] == [
        (subscription.event, worker) for worker, manifest in manifests.items() for subscription in manifest.subscribes
    ]
    kinds = {path.worker: [hop.type.removeprefix("aws_") for hop in path.hops] for path in proof.paths}
    assert kinds["billing"] == [
        "cloudwatch_event_rule",
        "cloudwatch_event_target",
        "sns_topic",
        "sns_topic_subscription",
        "sqs_queue",
        "lambda_event_source_mapping",
        "lambda_alias",
    ]


def test_a_lost_grant_on_a_dead_letter_queue_is_told_with_its_fix(plan: Plan, judge: Judge) -> None:
    queue = next(it for it in plan.resources if it.address == f"{WORKER}.aws_sqs_queue.dead_letter")
    policy = document(queue.get("policy"))
    policy["Statement"] = [it for it in policy["Statement"] if it["Effect"] == "Deny"]

    findings = judge(plan.changed(queue.having(policy=json.dumps(policy))))

    assert {(it.address, it.rule) for it in findings} == {(queue.address, "grant")}
    assert "sns.amazonaws.com call sqs:SendMessage" in str(findings[0])
    assert "grant it, with aws:SourceArn as condition" in str(findings[0])


def test_alarms_are_missed_unless_the_environment_declares_that_it_has_none(
    plan: Plan, manifests: Mapping[str, Manifest]
) -> None:
    silent = Plan(tuple(it for it in plan.resources if it.type != "aws_cloudwatch_metric_alarm"))
    # the alarms' topic and key grant nobody any more
    missed = check(silent, manifests, starts=STARTS, web=WEB, allowed=read("fixture"), declared=Declared()).findings
    excused = check(
        silent, manifests, starts=STARTS, web=WEB, allowed=read("fixture"), declared=Declared(no_alarms="a test")
    ).findings

    assert {it.address for it in missed if it.rule == "alarm"} == {
        it.address
        for it in plan.of(
            "aws_sqs_queue",
            "aws_lb_target_group",
            "aws_pipes_pipe",
            "aws_sfn_state_machine",
            "aws_lambda_function_url",
            "aws_apigatewayv2_integration",
        )
        if "main" not in it.address
    } | {"module.platform.module.canary[0].aws_lambda_function.this"}
    assert not [it for it in excused if it.rule == "alarm"]


@pytest.mark.parametrize("actions", ["alarm_actions", "ok_actions"])
def test_a_topic_that_an_alarm_may_not_publish_to_is_told(plan: Plan, judge: Judge, actions: str) -> None:
    """GIVEN a topic that names who may publish WHEN an alarm tells it that it rings, or that it is over THEN the grant
    is missed."""
    alarms = next(it for it in plan.of("aws_sns_topic") if it.get("name").endswith("-alarms"))
    policy = document(alarms.get("policy"))
    policy["Statement"] = [it for it in policy["Statement"] if it["Effect"] == "Deny"]
    pager = replace(alarms, address="aws_sns_topic.pager").having(arn=f"{alarms.arn}-p", policy=json.dumps(policy))
    alarm = next(plan.of("aws_cloudwatch_metric_alarm"))
    telling = alarm.having(**{actions: [*alarm.get(actions), pager.arn]})

    findings = judge(Plan((*plan.changed(telling).resources, pager)))

    assert [str(it) for it in findings] == [
        (
            f"aws_sns_topic.pager: alarm: {alarm.address} may not publish to it; "
            "grant sns:Publish to cloudwatch.amazonaws.com"
        )
    ]


def test_a_worker_without_resources_is_told_by_the_name_of_its_queue(
    plan: Plan, manifests: Mapping[str, Manifest]
) -> None:
    more = {**manifests, "newcomer": manifests["billing"]}

    found = check(plan, more, starts=STARTS, web=WEB, allowed=read("fixture"), declared=Declared()).findings

    assert "aws_sqs_queue fanout-fixture-newcomer" in {it.address for it in found}


def test_a_worker_that_may_not_fetch_large_data_is_told_by_its_role(plan: Plan, judge: Judge) -> None:
    role = next(it for it in plan.resources if it.address == f"{WORKER}.aws_iam_role_policy.this")
    policy = document(role.get("policy"))
    policy["Statement"] = [it for it in policy["Statement"] if not it["Sid"].endswith("Claims")]

    findings = judge(plan.changed(role.having(policy=json.dumps(policy))))

    missed = sorted(
        action for it in findings for action in ("s3:GetObject", "s3:ListBucket", "s3:PutObject") if action in str(it)
    )
    assert missed == ["s3:GetObject", "s3:GetObject", "s3:PutObject"], "functions' claims, people's, and its own"
    assert {it.rule for it in findings} == {"permission"}


@pytest.mark.parametrize(
    "actions",
    [
        [
            *("ec2:AssignPrivateIpAddresses", "ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface"),
            *("ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets", "ec2:UnassignPrivateIpAddresses"),
        ],
        ["xray:PutTelemetryRecords", "xray:PutTraceSegments"],
    ],
    ids=["in a VPC", "with traces"],
)
def test_what_lambda_asks_for_without_a_resource_is_allowed_a_worker(
    plan: Plan, manifests: Mapping[str, Manifest], actions: list[str]
) -> None:
    """GIVEN the statement that modules/worker makes of a setting WHEN no resource can be named THEN production may have
    it."""
    role = next(it for it in plan.resources if it.address == f"{WORKER}.aws_iam_role_policy.this")
    policy = document(role.get("policy"))
    policy["Statement"] += [{"Sid": "More", "Effect": "Allow", "Action": actions, "Resource": ["*"]}]
    more, allowed = plan.changed(role.having(policy=json.dumps(policy))), read("prod", foreign=True)

    found = check(more, manifests, starts=STARTS, web=WEB, allowed=allowed, declared=Declared()).findings

    assert [str(it) for it in found] == []


def test_a_declared_workflow_that_is_not_there_is_told(plan: Plan, manifests: Mapping[str, Manifest]) -> None:
    starts = {**STARTS, "returns": {"source": ["shop.orders"], "detail-type": ["OrderReturned"]}}

    found = check(plan, manifests, starts=starts, web=WEB, allowed=read("fixture"), declared=Declared()).findings

    told = "is declared and not in the plan; let modules/workflow make it"
    assert [str(it) for it in found] == [f"aws_sfn_state_machine fanout-fixture-returns: workflow: {told}"]
