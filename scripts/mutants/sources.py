"""Grants to EventBridge and SNS that ask for a source where none may be named, or that refuse no foreign one.

The one kind of fault that applies cleanly, passes each emulator and loses every event on AWS.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from fanout_tools.plans import Plan, Resource, deliveries, document

__all__ = ["spoilt"]

Statements = list[dict[str, Any]]

_WRITERS: Final = {"events.amazonaws.com", "sns.amazonaws.com"}
_OPEN: Final = ("EventsTopics", "EventsQueues", "SnsQueues", "ForeignSource")
"""The key's statements that name no source of their own."""


def spoilt(plan: Plan) -> Iterator[tuple[Resource, str, Plan]]:
    """Each resource, what was done to it, and the plan with that."""
    rules = [f"{it.arn.replace(':event-bus/', ':rule/')}/*" for it in plan.of("aws_cloudwatch_event_bus")]
    for resource in plan.of("aws_sns_topic", "aws_kms_key", "aws_cloudwatch_log_resource_policy"):
        attribute = "policy_document" if resource.type.endswith("log_resource_policy") else "policy"
        for change, statements in _statements(document(resource.get(attribute))["Statement"], rules):
            text = json.dumps({"Version": "2012-10-17", "Statement": statements})
            yield resource, change, plan.changed(resource.having(**{attribute: text}))
    yield from _logs(plan)


def _logs(plan: Plan) -> Iterator[tuple[Resource, str, Plan]]:
    for it in plan.of("aws_cloudwatch_log_resource_policy"):
        more = replace(it, address=f"{it.address}_more")
        yield more, "a second policy for logs", Plan((*plan.resources, more))
        whole = document(it.get("policy_document"))
        long = json.dumps({**whole, "Statement": whole["Statement"] * 30})
        yield it, "longer than CloudWatch Logs takes", plan.changed(it.having(policy_document=long))
    for hop in deliveries(plan):
        if hop.destination and hop.destination.type == "aws_cloudwatch_log_group":
            role = next(iter(plan.of("aws_iam_role")))
            yield hop.carrier, "a role", plan.changed(hop.carrier.having(role_arn=role.arn))


def _statements(whole: Statements, rules: list[str]) -> Iterator[tuple[str, Statements]]:
    """The statements with one of them changed; at last, a key's as they were before anybody had read AWS's text."""
    for index, statement in enumerate(whole):
        for change, changed in _changed(statement, rules):
            yield f"{statement['Sid']} {change}", [*whole[:index], *changed, *whole[index + 1 :]]
    before = [it for it in whole if it["Sid"] not in _OPEN]
    if any(it["Sid"] == "EventsQueues" for it in whole):
        yield "for sources only, as it was", [*before, *(_by_source(service, rules) for service in sorted(_WRITERS))]


def _by_source(service: str, rules: list[str]) -> dict[str, Any]:
    sources = rules if service.startswith("events") else [rules[0].replace(":events:", ":sns:").replace(":rule/", ":")]
    return {
        "Sid": service.partition(".")[0],
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": ["kms:Decrypt", "kms:GenerateDataKey*"],
        "Resource": "*",
        "Condition": {"ArnLike": {"aws:SourceArn": sources}},
    }


def _changed(statement: dict[str, Any], rules: list[str]) -> Iterator[tuple[str, Statements]]:
    condition = statement.get("Condition", {})
    if not _WRITERS & set(_services(statement)) or statement["Action"] == "kms:DescribeKey":
        return
    if statement["Effect"] == "Deny":
        yield "removed", []
        always = {operator: keys for operator, keys in condition.items() if operator != "Null"}
        yield "without a source too", [{**statement, "Condition": always}]
    elif "aws:SourceArn" not in str(condition):
        for operator, asked in (
            ("ArnLike", {"aws:SourceArn": rules}),
            ("StringEquals", {"aws:SourceAccount": rules[0].split(":")[4]}),
        ):
            tighter = {**condition, operator: {**condition.get(operator, {}), **asked}}
            yield f"asks for {next(iter(asked))}", [{**statement, "Condition": tighter}]
        if condition:
            moved = {operator: dict.fromkeys(keys, "arn:aws:sqs:*:*:elsewhere") for operator, keys in condition.items()}
            yield "for another context", [{**statement, "Condition": moved}]


def _services(statement: dict[str, Any]) -> list[str]:
    principal = statement["Principal"]
    named = principal.get("Service", []) if isinstance(principal, dict) else []
    return named if isinstance(named, list) else [named]
