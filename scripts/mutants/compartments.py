"""Functions that reach what is another's: its queue, its claims, its name on the bus."""

import json
from collections.abc import Iterator
from copy import deepcopy
from typing import Any, Final

from fanout.events.canary import SOURCE_PREFIX
from fanout_tools.plans import Plan, Resource, block, document, names_of

__all__ = ["spoilt"]

Spoilt = tuple[Resource, str, Plan]

_BUS_KEYS: Final = ("events:source", "events:detail-type")
_DENY: Final[dict[str, dict[str, Any]]] = {
    "for the root alone": {"Principal": {"AWS": "arn:aws:iam::000000000000:root"}},
    "of another action": {"Action": "s3:PutObjectAcl"},
    "of every action": {"Action": "s3:*"},
    "of one prefix": {"Resource": "arn:aws:s3:::fanout-fixture-claims-000000000000/people/*"},
    "of another condition": {"Condition": {"Null": {"s3:if-match": "true"}}},
    "of calls with the header": {"Condition": {"Null": {"s3:if-none-match": "false"}}},
    "without condition": {"Condition": {}},
}


def spoilt(plan: Plan) -> Iterator[Spoilt]:
    """Each with the resource that a finding has to name."""
    for function in plan.of("aws_lambda_function"):
        if (role := plan.at(function.get("role"))) and (policy := _policy(plan, role)):
            for change, more in _grants(plan, function):
                yield policy, change, _granting(plan, policy, more)
            yield from _names(plan, policy)
    yield from _claims(plan)


def _grants(plan: Plan, function: Resource) -> Iterator[tuple[str, dict[str, Any]]]:
    names, own = names_of(plan), str(function.get("function_name"))
    if own == names.function("canary"):
        return
    consumed = [plan.at(it.get("event_source_arn")) for it in plan.of("aws_lambda_event_source_mapping")]
    queue = next(it for it in consumed if it and it.get("redrive_policy") and not _is_gatherers(plan, it, own))
    yield "sends into another's queue", _allow("sqs:SendMessage", queue.arn)
    yield "takes from another's queue", _allow("sqs:ReceiveMessage", queue.arn)
    bucket = next(it for it in plan.of("aws_s3_bucket") if "-claims-" in str(it.get("bucket")))
    yield "lists the claims", _allow("s3:ListBucket", bucket.arn)
    yield "deletes claims", _allow("s3:DeleteObject", f"{bucket.arn}/{own}/*")
    yield "reads what was dropped", _allow("s3:GetObject", f"{bucket.arn}/*")
    other = names.function("billing") if own != names.function("billing") else names.function("audit")
    yield "writes another's claims", _allow("s3:PutObject", f"{bucket.arn}/{other}/*")
    yield "writes any claims", _allow("s3:PutObject", f"{bucket.arn}/*")


def _is_gatherers(plan: Plan, queue: Resource, own: str) -> bool:
    """Whether it is the function's own, or that of a gather, to which others report."""
    name = str(queue.get("name"))
    gathers = {str(it.get("name")).removesuffix("-gather") for it in plan.of("aws_dynamodb_table")}
    return name == own or name in gathers


def _names(plan: Plan, policy: Resource) -> Iterator[Spoilt]:
    whole = document(policy.get("policy"))
    for index, statement in enumerate(whole["Statement"]):
        if "events:PutEvents" not in statement["Action"] or "Condition" not in statement:
            continue
        for key in _BUS_KEYS:
            changed = deepcopy(whole)
            [condition] = changed["Statement"][index]["Condition"].values()
            if key not in condition or condition[key] == [f"{SOURCE_PREFIX}*"]:
                continue
            condition[key] = [*condition[key], f"{SOURCE_PREFIX}shop.orders"]
            yield policy, f"publishes a canary by {key}", plan.changed(policy.having(policy=json.dumps(changed)))
            del condition[key]
            yield policy, f"publishes without {key}", plan.changed(policy.having(policy=json.dumps(changed)))


def _claims(plan: Plan) -> Iterator[Spoilt]:
    bucket = next(it for it in plan.of("aws_s3_bucket") if "-claims-" in str(it.get("bucket")))
    for policy in (it for it in plan.of("aws_s3_bucket_policy") if it.get("bucket") == bucket.get("id")):
        whole = document(policy.get("policy"))
        [index] = [at for at, it in enumerate(whole["Statement"]) if it["Sid"] == "Overwriting"]
        for change, values in {"removed": None, **_DENY}.items():
            changed = deepcopy(whole)
            changed["Statement"][index : index + 1] = (
                [] if values is None else [{**whole["Statement"][index], **values}]
            )
            yield bucket, f"Overwriting {change}", plan.changed(policy.having(policy=json.dumps(changed)))
    for it in (it for it in plan.of("aws_s3_bucket_versioning") if it.get("bucket") == bucket.get("id")):
        assert block(it, "versioning_configuration")["status"] == "Enabled"
        suspended = it.having(versioning_configuration=[{"status": "Suspended"}])
        yield bucket, "versioning suspended", plan.changed(suspended)
        yield bucket, "without versions", plan.without(it.address)


def _policy(plan: Plan, role: Resource) -> Resource | None:
    return next((it for it in plan.of("aws_iam_role_policy") if it.get("role") == role.get("name")), None)


def _allow(action: str, arn: str) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": [action], "Resource": [arn]}


def _granting(plan: Plan, policy: Resource, more: dict[str, Any]) -> Plan:
    whole = document(policy.get("policy"))
    return plan.changed(policy.having(policy=json.dumps({**whole, "Statement": [*whole["Statement"], more]})))
