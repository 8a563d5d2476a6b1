"""The deployer's policies allow what Terraform calls for the plan's resources, in the environment's names alone."""

import json
import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

import pytest
from botocore.session import Session

from fanout_tools.deploy.access import deployer
from fanout_tools.deploy.access.deployer import POLICY_CHARACTERS, Place, known, policies
from fanout_tools.errors import ToolError
from fanout_tools.plans import Plan, Resource, document, is_existing
from scripts.mutants.fixture import PLANS
from scripts.paths import REPOSITORY

ACCOUNT = "111122223333"
MODELS = {
    "application-autoscaling": "application-autoscaling",
    "cloudformation": "cloudformation",
    "cloudwatch": "cloudwatch",
    "dynamodb": "dynamodb",
    "ec2": "ec2",
    "ecr": "ecr",
    "ecs": "ecs",
    "elasticloadbalancing": "elbv2",
    "events": "events",
    "iam": "iam",
    "kms": "kms",
    "lambda": "lambda",
    "pipes": "pipes",
    "scheduler": "scheduler",
    "ses": "ses",
    "sns": "sns",
    "sqs": "sqs",
    "states": "stepfunctions",
}
"""Services whose actions are named as their operations are, with their names in botocore."""
NOT_OPERATIONS = {
    "iam:PassRole",
    # Asked for beside the operation of another name:
    "cloudformation:TagResource",
    "cloudformation:UntagResource",
    "elasticloadbalancing:DescribeCapacityReservation",
}


OF_A_FUNCTION = {"logs:CreateLogStream", "logs:PutLogEvents"}


@pytest.fixture(scope="module", params=["service", "shared bus", "default bus"])
def plan(request: pytest.FixtureRequest) -> Plan:
    return Plan.read(json.loads(PLANS[request.param].read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def statements(plan: Plan) -> list[Mapping[str, Any]]:
    place = Place.of(plan, ACCOUNT)
    return [it for document in policies(plan, place, state_bucket="acme-state") for it in document["Statement"]]


def _resources(statements: list[Mapping[str, Any]], action: str) -> set[str]:
    return {each for it in statements if action in it["Action"] for each in it["Resource"]}


def test_every_type_of_the_modules_is_known() -> None:
    files = (REPOSITORY / "terraform" / "modules").glob("*/*.tf")
    made = {kind for file in files for kind in re.findall(r'^resource "(aws_\w+)"', file.read_text(), re.MULTILINE)}
    assert made == known().keys()


@pytest.mark.parametrize("service", sorted(MODELS))
def test_every_action_is_one_of_awss(service: str) -> None:
    """GIVEN the actions of a service WHEN each is looked up in its model THEN it is the name of an operation."""
    named = {action for calls in known().values() for call in calls for action in call["actions"]}
    ours = {action.partition(":")[2] for action in named - NOT_OPERATIONS if action.partition(":")[0] == service}
    operations = set(Session().get_service_model(MODELS[service]).operation_names)
    assert ours
    assert ours <= operations


def test_each_resource_of_the_plan_has_its_actions(plan: Plan, statements: list[Mapping[str, Any]]) -> None:
    allowed = {action for it in statements for action in it["Action"]}
    for kind in {it.type for it in plan.resources if it.type.startswith("aws_") and not is_existing(it)}:
        assert {action for call in known()[kind] for action in call["actions"]} <= allowed, kind


def test_a_deployment_may_send_the_canaries_at_its_end(plan: Plan, statements: list[Mapping[str, Any]]) -> None:
    """GIVEN what the canaries by the clock may do WHEN a deployment sends its own THEN it may do that too."""
    (role,) = [it for it in plan.of("aws_iam_role_policy") if "module.canary" in it.address]
    needed = {action for it in document(role.get("policy"))["Statement"] for action in it["Action"]}
    allowed = {action for it in statements for action in it["Action"]}
    assert not [each for each in needed - OF_A_FUNCTION if not any(fnmatchcase(each, one) for one in allowed)]


def test_what_has_a_name_is_bound_to_the_environments(statements: list[Mapping[str, Any]]) -> None:
    assert _resources(statements, "sqs:DeleteQueue") == {f"arn:aws:sqs:us-east-1:{ACCOUNT}:fanout-fixture*"}
    assert _resources(statements, "dynamodb:DeleteTable") == {
        f"arn:aws:dynamodb:us-east-1:{ACCOUNT}:table/fanout-fixture*"
    }
    assert _resources(statements, "s3:PutObject") == {"arn:aws:s3:::acme-state", "arn:aws:s3:::acme-state/*"} | {
        "arn:aws:s3:::fanout-fixture*"
    }
    assert not [it for it in statements if "*" in it["Action"] or any(each.endswith(":*") for each in it["Action"])]


def test_a_bus_that_was_there_before_is_neither_made_nor_changed(
    plan: Plan, statements: list[Mapping[str, Any]]
) -> None:
    bus = next(plan.of("aws_cloudwatch_event_bus"))
    making = _resources(statements, "events:CreateEventBus") | _resources(statements, "events:DeleteEventBus")

    assert bool(making) != is_existing(bus)
    reached = _resources(statements, "events:DescribeEventBus")
    assert any(fnmatchcase(bus.arn.replace("000000000000", ACCOUNT), each) for each in reached)


def test_each_planned_arn_is_reached(plan: Plan, statements: list[Mapping[str, Any]]) -> None:
    """GIVEN what can be told by its ARN WHEN it is destroyed THEN some resource of the statement is its ARN."""
    deletes = {
        "aws_cloudwatch_event_rule": "events:DeleteRule",
        "aws_cloudwatch_log_group": "logs:DeleteLogGroup",
        "aws_dynamodb_table": "dynamodb:DeleteTable",
        "aws_iam_role": "iam:DeleteRole",
        "aws_lambda_function": "lambda:DeleteFunction",
        "aws_sfn_state_machine": "states:DeleteStateMachine",
        "aws_sns_topic": "sns:DeleteTopic",
        "aws_sqs_queue": "sqs:DeleteQueue",
    }
    for kind, action in deletes.items():
        reached = _resources(statements, action)
        for it in plan.of(kind):
            arn = it.arn.replace("000000000000", ACCOUNT)
            assert any(fnmatchcase(arn, each) for each in reached), (arn, reached)


def test_roles_are_handed_to_the_services_that_take_them(statements: list[Mapping[str, Any]]) -> None:
    (handed,) = [it for it in statements if it["Action"] == ["iam:PassRole"]]
    assert handed["Resource"] == [f"arn:aws:iam::{ACCOUNT}:role/fanout-fixture*"]
    services = handed["Condition"]["StringEquals"]["iam:PassedToService"]
    assert {"events.amazonaws.com", "lambda.amazonaws.com", "scheduler.amazonaws.com"} <= set(services)


def test_roles_of_a_bounded_environment_are_made_with_the_boundary_alone(plan: Plan) -> None:
    boundary = f"arn:aws:iam::{ACCOUNT}:policy/boundary"
    bounded = Plan(
        tuple(
            it.having(permissions_boundary=boundary, path="/fanout/") if it.type == "aws_iam_role" else it
            for it in plan.resources
        )
    )

    documents = policies(bounded, Place.of(bounded, ACCOUNT))

    (making,) = [it for each in documents for it in each["Statement"] if "iam:CreateRole" in it["Action"]]
    assert making["Condition"] == {"StringEquals": {"iam:PermissionsBoundary": [boundary]}}
    assert f"arn:aws:iam::{ACCOUNT}:role/fanout/fanout-fixture*" in making["Resource"]


def test_each_document_is_no_longer_than_iam_takes(plan: Plan) -> None:
    documents = policies(plan, Place.of(plan, ACCOUNT))
    assert len(documents) <= 3
    assert all(len(json.dumps(each, separators=(",", ":"))) <= POLICY_CHARACTERS for each in documents)


def test_more_policies_than_a_role_has_are_refused(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deployer, "POLICIES", 1)
    with pytest.raises(ToolError, match="ask AWS for more"):
        policies(plan, Place.of(plan, ACCOUNT))


def test_a_type_that_nothing_is_known_of_is_refused(plan: Plan) -> None:
    strange = Plan((*plan.resources, Resource(address="aws_thing.one", type="aws_thing", values={})))
    with pytest.raises(ToolError, match="nothing is known of aws_thing"):
        policies(strange, Place.of(plan, ACCOUNT))


def test_a_plan_without_a_bus_is_refused() -> None:
    with pytest.raises(ToolError, match="no bus"):
        Place.of(Plan(()), ACCOUNT)
