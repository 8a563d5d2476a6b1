"""Each worker's function may do what the worker core and its own worker.yaml need of AWS."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from fanout_tools.declarations.naming import Names
from fanout_tools.declarations.worker import IdempotencyMode, Manifest
from fanout_tools.plans import Plan, Resource, block, document, names_of
from fanout_tools.proof.findings import Finding
from fanout_tools.proof.keys import WRITING, key_alias, key_of
from fanout_tools.proof.policies import Request, allows, of_resource, of_role, statements
from fanout_tools.proof.serving import configured_needs

__all__ = ["permitted"]

TAKING: Final = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ChangeMessageVisibility")
POWERTOOLS: Final = ("GetItem", "PutItem", "UpdateItem", "DeleteItem")
"""Of its idempotency and its circuit breaker."""

CLAIMING: Final = (
    "dynamodb:PartiQLInsert",
    "dynamodb:PartiQLSelect",
    "dynamodb:PartiQLUpdate",
    "dynamodb:UpdateItem",
)
LOGGING: Final = ("logs:CreateLogStream", "logs:PutLogEvents")

Need = tuple[str, str]
"""An action and the ARN it is called on."""


def permitted(plan: Plan, manifests: Mapping[str, Manifest]) -> Iterator[Finding]:
    """Every worker's role allows each call that its function has to make."""
    names = names_of(plan)
    for worker, manifest in manifests.items():
        functions = plan.of("aws_lambda_function")
        function = next((it for it in functions if it.get("function_name") == names.function(worker)), None)
        if function is None:
            continue  # reported as a path without a function
        role = plan.at(function.get("role"))
        if role is None:
            problem = f"its role {function.get('role')} is not in the plan"
            yield _lacks(function.address, problem, "name one that is")
            continue
        yield from _assumed(role)
        yield from _allowed(plan, role, [*_core(plan, names, worker, manifest, function), *_own(plan, names, manifest)])
        yield from _configured(plan, role, function)
        yield from _keys(plan, role, names, worker, manifest)


def _assumed(role: Resource) -> Iterator[Finding]:
    assume = Request(action="sts:AssumeRole", resource="", principal=("Service", "lambda.amazonaws.com"))
    if not allows(statements(role.address, role.get("assume_role_policy")), assume):
        yield _lacks(role.address, "Lambda may not assume it", "trust lambda.amazonaws.com")


def _allowed(plan: Plan, role: Resource, needs: list[Need]) -> Iterator[Finding]:
    policy = of_role(plan, role)
    for action, arn in needs:
        if not allows(policy, Request(action=action, resource=arn)):
            yield _lacks(role.address, f"does not allow {action} on {arn}", "allow it in the role's policy")


def _configured(plan: Plan, role: Resource, function: Resource) -> Iterator[Finding]:
    policy = of_role(plan, role)
    for action, arn, told in configured_needs(function):
        if not allows(policy, Request(action=action, resource=arn, told=told)):
            yield _lacks(role.address, f"does not allow {action} on {arn}", "allow it in the role's policy")


def _core(plan: Plan, names: Names, worker: str, manifest: Manifest, function: Resource) -> Iterator[Need]:
    queue = _queue(plan, names, worker, manifest)
    if queue:
        yield from ((action, queue.arn) for action in TAKING)
        if dead := document(queue.get("redrive_policy")).get("deadLetterTargetArn"):
            yield "sqs:SendMessage", dead
    for group in plan.of("aws_cloudwatch_log_group"):
        if group.get("name") == names.log_group(worker):
            yield from ((action, f"{group.arn}:log-stream:any") for action in LOGGING)
    told = block(function, "environment").get("variables") or {}
    if manifest.idempotency.mode is not IdempotencyMode.OFF:
        for it in plan.of("aws_dynamodb_table"):
            if it.get("name") == told.get("FANOUT_IDEMPOTENCY_TABLE"):
                yield from ((action, it.arn) for action in CLAIMING)
    if manifest.powertools:
        for it in plan.of("aws_dynamodb_table"):
            if it.get("name") == told.get("FANOUT_IDEMPOTENCY_TABLE"):
                yield from ((f"dynamodb:{action}", it.arn) for action in POWERTOOLS)
    for it in plan.of("aws_s3_bucket"):
        if it.get("bucket") == told.get("FANOUT_CLAIMS_BUCKET"):
            yield from _claims(it, manifest)
    if manifest.publishes:
        yield from (("events:PutEvents", it.arn) for it in plan.of("aws_cloudwatch_event_bus"))


def _claims(bucket: Resource, manifest: Manifest) -> Iterator[Need]:
    """The data of large events: without leave to list, S3 says of what has expired that it may not be read."""
    yield "s3:GetObject", f"{bucket.arn}/any"
    yield "s3:ListBucket", bucket.arn
    if manifest.publishes:
        yield "s3:PutObject", f"{bucket.arn}/any"


def _own(plan: Plan, names: Names, manifest: Manifest) -> Iterator[Need]:
    """What the worker's ``permissions`` say."""
    for permission in manifest.permissions:
        for resource in permission.resources:
            for arn in _arns(plan, names, resource):
                yield from ((action, arn) for action in permission.actions if "*" not in action)


def _arns(plan: Plan, names: Names, resource: str) -> list[str]:
    kind, _, name = resource.partition(":")
    name, _, rest = name.partition("/")
    if kind == "table":
        return [
            f"{it.arn}/{rest}".rstrip("/")
            for it in plan.of("aws_dynamodb_table")
            if it.get("name") == names.table(name)
        ]
    if kind == "bucket":
        prefix = f"{names.namespace}-{name}-"
        buckets = [it for it in plan.of("aws_s3_bucket") if str(it.get("bucket")).removeprefix(prefix).isdigit()]
        return [it.arn for it in buckets]
    if kind == "identity":
        partition, _, region, account = next(plan.of("aws_cloudwatch_event_bus")).arn.split(":")[1:5]
        return [f"arn:{partition}:ses:{region}:{account}:identity/{name}"]
    return [resource] if kind == "arn" and "*" not in resource else []


def _keys(plan: Plan, role: Resource, names: Names, worker: str, manifest: Manifest) -> Iterator[Finding]:
    queue = _queue(plan, names, worker, manifest)
    dead = plan.at(document(queue.get("redrive_policy")).get("deadLetterTargetArn")) if queue else None
    for store, actions in ((queue, ("kms:Decrypt",)), (dead, WRITING)):
        key = key_of(plan, store) if store else None
        for action in actions if key and store else ():
            if key and store and (at := _refusing(plan, role, key, action)):
                problem = f"{role.address} may not use the key of {store.address}: it lacks {action} on {key.arn}"
                yield Finding(address=at, rule="key", problem=problem, fix="allow it in the policies of role and key")


def _refusing(plan: Plan, role: Resource, key: Resource, action: str) -> str | None:
    """Who refuses the role the key: the key itself, or the role where the key leaves it to the account's IAM."""
    policy, service = of_resource(plan, key), f"sqs.{key.arn.split(':')[3]}.amazonaws.com"
    told = {"kms:viaservice": service, "kms:resourcealiases": key_alias(plan, key)}
    root = ("AWS", f"{role.arn.partition(':role/')[0]}:root")
    asked = Request(action=action, resource=key.arn, told=told)
    if allows(policy, replace(asked, principal=("AWS", role.arn))):
        return None
    if not allows(policy, replace(asked, principal=root)):
        return key.address
    return None if allows(of_role(plan, role), asked) else role.address


def _queue(plan: Plan, names: Names, worker: str, manifest: Manifest) -> Resource | None:
    name = names.queue(worker, fifo=manifest.queue.fifo)
    return next((it for it in plan.of("aws_sqs_queue") if it.get("name") == name), None)


def _lacks(address: str, problem: str, fix: str) -> Finding:
    return Finding(address=address, rule="permission", problem=problem, fix=fix)
