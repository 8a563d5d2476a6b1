"""Policies with statements that are gone, wider, or of another source."""

import json
from collections.abc import Iterator
from copy import deepcopy
from typing import Any, Final

from fanout_tools.plans import Plan, Resource, document
from scripts.mutants.mutant import ELSEWHERE, Mutant, mutant

__all__ = ["POLICIES", "governed", "spoilt_policies"]

POLICIES: Final = ("policy", "assume_role_policy", "policy_document")
_HARMLESS: Final = "kms:DescribeKey"


def spoilt_policies(plan: Plan, resource: Resource, attribute: str) -> Iterator[Mutant]:
    """A policy without each of its grants, and with each of them wider."""
    whole = document(resource.get(attribute))
    for index, statement in enumerate(whole.get("Statement", ())):
        if statement["Effect"] != "Allow" or statement["Action"] == _HARMLESS:
            continue
        for change, wider in _spoilt(statement, resource.type):
            spoilt = deepcopy(whole)
            spoilt["Statement"][index : index + 1] = [wider] if wider else []
            mutated = plan.changed(resource.having(**{attribute: json.dumps(spoilt)}))
            name = f"{attribute} {statement.get('Sid', index)} {change}"
            yield mutant(resource, name, mutated, *governed(plan, resource))


def _spoilt(statement: dict[str, Any], kind: str) -> Iterator[tuple[str, dict[str, Any] | None]]:
    yield "removed", None
    service = (statement["Action"] if isinstance(statement["Action"], str) else statement["Action"][0]).partition(":")[
        0
    ]
    delegating = "AWS" in statement.get("Principal", {})
    if statement["Action"] != "sts:AssumeRole" and not delegating:
        yield "for every action", {**statement, "Action": f"{service}:*"}
    if statement.get("Resource", ["*"]) not in ("*", ["*"]) and kind != "aws_kms_key":
        yield "on every resource", {**statement, "Resource": "*"}
    if "Condition" in statement:
        yield "without condition", {key: value for key, value in statement.items() if key != "Condition"}
        yield from _conditions(statement)
    if "Principal" in statement:
        open_to_all = {key: value for key, value in statement.items() if key != "Condition"}
        yield "for everybody", {**open_to_all, "Principal": "*"}
        if not delegating:
            yield "for another service", {**statement, "Principal": {"Service": "ec2.amazonaws.com"}}


def _conditions(statement: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The grant with another source: any, and one of another account."""
    for operator, keys in statement["Condition"].items():
        if "aws:SourceArn" in keys:
            yield "from any source", {**statement, "Condition": {"ArnLike": {"aws:SourceArn": "*"}}}
            yield "from another source", {**statement, "Condition": {operator: {"aws:SourceArn": ELSEWHERE}}}


def governed(plan: Plan, resource: Resource) -> Iterator[str]:
    """The resources whose policy this resource is, where it is one of its own."""
    if resource.type == "aws_iam_role_policy":
        yield from (it.address for it in plan.of("aws_iam_role") if it.get("id") == resource.get("role"))
    if resource.type == "aws_cloudwatch_log_resource_policy":
        yield from (it.address for it in plan.of("aws_cloudwatch_log_group"))
