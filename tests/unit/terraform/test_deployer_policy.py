"""The deployer's policy in the docs is one that IAM takes, and reaches every kind of resource that is made."""

import json
import re
from typing import Any

import pytest

from scripts.mutants.fixture import PLANS
from scripts.paths import REPOSITORY

PAGE = REPOSITORY / "docs" / "how-to" / "first-deploy.md"
SERVICES = {"apigatewayv2": "apigateway", "appautoscaling": "application-autoscaling", "sfn": "states"}
OF_A_ROUTER = ("aws_ecr", "aws_ecs", "aws_lb", "aws_security_group", "aws_vpc_security_group")
BY_HAND = ("aws_ses",)


@pytest.fixture(scope="module")
def policy() -> dict[str, Any]:
    (text,) = re.findall(r"```json\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    found: dict[str, Any] = json.loads(text)
    return found


def _service(kind: str) -> str:
    if kind.startswith("aws_cloudwatch_"):
        word = kind.removeprefix("aws_cloudwatch_").partition("_")[0]
        return {"event": "events", "log": "logs"}.get(word, "cloudwatch")
    service = kind.removeprefix("aws_").partition("_")[0]
    return SERVICES.get(service, service)


def test_it_is_no_longer_than_iam_takes(policy: dict[str, Any]) -> None:
    assert len(json.dumps(policy, separators=(",", ":"))) <= 6_144


def test_it_reaches_every_kind_of_resource(policy: dict[str, Any]) -> None:
    shown = json.loads(PLANS["role"].read_text(encoding="utf-8"))
    kinds = {it["type"] for it in shown["planned_values"]["root_module"]["resources"]}
    made = {it for it in kinds if it.startswith("aws_") and not it.startswith((*OF_A_ROUTER, *BY_HAND))}
    actions = {action for statement in policy["Statement"] for action in _many(statement["Action"])}

    reached = {action.partition(":")[0] for action in actions}
    assert {_service(kind) for kind in made} <= reached


def test_nothing_is_allowed_on_everything_but_what_has_no_name(policy: dict[str, Any]) -> None:
    wide = {it["Sid"] for it in policy["Statement"] if it["Resource"] == "*" and "Condition" not in it}

    assert wide == {"Mappings", "WithoutNames"}


def _many(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]
