"""Policies are evaluated as AWS does, and what is not understood proves nothing."""

import json
from dataclasses import replace
from typing import Any

import pytest

from fanout_tools.proof.policies import Request, allows, elsewhere, source_arns, statements

RULE = "arn:aws:events:us-east-1:000000000000:rule/bus/rule"
QUEUE = "arn:aws:sqs:us-east-1:000000000000:queue"
SEND = Request(action="sqs:SendMessage", resource=QUEUE, principal=("Service", "events.amazonaws.com"), source_arn=RULE)
GRANT: dict[str, Any] = {
    "Effect": "Allow",
    "Principal": {"Service": "events.amazonaws.com"},
    "Action": "sqs:SendMessage",
    "Resource": QUEUE,
}


def _policy(*given: dict[str, Any]) -> list[Any]:
    return list(statements("a", json.dumps({"Statement": list(given)})))


def _if(operator: str, **keys: Any) -> dict[str, Any]:
    return {"Condition": {operator: {key.replace("_", ":"): value for key, value in keys.items()}}}


@pytest.mark.parametrize(
    ("change", "allowed"),
    [
        ({}, True),
        ({"Action": ["sqs:Send*"]}, True),
        ({"Action": "SQS:sendmessage"}, True),
        ({"Action": "sqs:ReceiveMessage"}, False),
        ({"Resource": f"{QUEUE}-dlq"}, False),
        ({"Principal": "*"}, True),
        ({"Principal": {"AWS": "*"}}, False),
        ({"Principal": {"Service": ["sns.amazonaws.com"]}}, False),
        (_if("ArnEquals", aws_SourceArn=[RULE]), True),
        (_if("ArnLike", aws_SourceArn="arn:aws:events:*:rule/bus/*"), True),
        (_if("ArnEquals", aws_SourceArn=f"{RULE}2"), False),
        (_if("StringEquals", aws_SourceAccount="000000000000"), True),
        (_if("StringEquals", aws_SourceAccount="999999999999"), False),
        (_if("StringEquals", aws_PrincipalTag="x"), False),
        (_if("NumericLessThan", aws_SourceAccount="1"), False),
        (_if("Null", aws_SourceAccount="false"), True),
        (_if("Null", aws_SourceAccount="true"), False),
        (_if("Null", aws_PrincipalTag="true"), True),
    ],
)
def test_a_grant_is_read_as_aws_reads_it(change: dict[str, Any], allowed: bool) -> None:
    assert allows(_policy({**GRANT, **change}), SEND) is allowed


@pytest.mark.parametrize(
    ("condition", "allowed"),
    [
        ({}, False),
        (_if("Bool", aws_SecureTransport="false"), True),
        (_if("ArnNotEquals", aws_SourceArn=RULE), True),
        (_if("StringEquals", aws_PrincipalTag="x"), False),
    ],
)
def test_a_denial_wins_unless_its_condition_surely_fails(condition: dict[str, Any], allowed: bool) -> None:
    denial = {"Effect": "Deny", "Principal": "*", "Action": "sqs:*", "Resource": "*", **condition}

    assert allows(_policy(GRANT, denial), SEND) is allowed


def test_only_a_positive_condition_scopes_a_grant() -> None:
    scoped, negated = (_policy({**GRANT, **_if(it, aws_SourceArn=RULE)})[0] for it in ("ArnLike", "ArnNotLike"))

    assert source_arns(scoped) == (RULE,)
    assert source_arns(negated) == ()


@pytest.mark.parametrize(
    ("source", "allowed"), [("", True), (RULE, True), (elsewhere(RULE), False), (elsewhere(elsewhere(RULE)), False)]
)
def test_a_deny_for_a_foreign_source_is_silent_where_none_is_named(source: str, allowed: bool) -> None:
    foreign = {"Null": {"aws:SourceAccount": "false"}, "StringNotEquals": {"aws:SourceAccount": "000000000000"}}
    policy = _policy(GRANT, {**GRANT, "Effect": "Deny", "Condition": foreign})

    assert allows(policy, replace(SEND, source_arn=source)) is allowed
