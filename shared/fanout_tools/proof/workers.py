"""What each worker's function may do of AWS, as the worker core and its own worker.yaml need it, and what is its own.

Its own are the tables of idempotency records and gathers, which no other role reaches, the queue whose backstop it
declares, and the queues to which it reports the parts of others' gathers.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from fanout.payloads import PEOPLE
from fanout_tools.declarations.naming import Names
from fanout_tools.declarations.worker import IdempotencyMode, Manifest
from fanout_tools.plans import Plan, Resource, block, document, names_of
from fanout_tools.proof.consoles import consoles
from fanout_tools.proof.findings import Finding
from fanout_tools.proof.keys import WRITING, key_alias, key_of
from fanout_tools.proof.policies import Request, Statement, allows, matches, of_resource, of_role, statements
from fanout_tools.proof.serving import configured_needs

__all__ = ["apart", "backstops", "gathering", "permitted", "remembering"]

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
GATHERING: Final = ("dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:Query")
NO_ACTION: Final = "dynamodb:BatchExecuteStatement"
"""AWS asks for dynamodb:PartiQL... in its place; MiniStack alone goes by this name, with no resource: allowed.yaml."""


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
            yield _lacks(function, problem, "name one that is")
            continue
        yield from _assumed(role)
        yield from _permitted(
            plan, role, [*_core(plan, names, worker, manifest, function), *_own(plan, names, manifest)]
        )
        yield from _configured(plan, role, function)
        yield from _keys(plan, role, names, worker, manifest)


def _assumed(role: Resource) -> Iterator[Finding]:
    assume = Request(action="sts:AssumeRole", resource="", principal=("Service", "lambda.amazonaws.com"))
    if not allows(statements(role.address, role.get("assume_role_policy")), assume):
        yield _lacks(role, "Lambda may not assume it", "trust lambda.amazonaws.com")


def _permitted(plan: Plan, role: Resource, needs: list[Need]) -> Iterator[Finding]:
    policy = of_role(plan, role)
    for action, arn in needs:
        if not allows(policy, Request(action=action, resource=arn)):
            yield _lacks(role, f"does not allow {action} on {arn}", "allow it in the role's policy")


def _configured(plan: Plan, role: Resource, function: Resource) -> Iterator[Finding]:
    policy = of_role(plan, role)
    for action, arn, told in configured_needs(function):
        if not allows(policy, Request(action=action, resource=arn, told=told)):
            yield _lacks(role, f"does not allow {action} on {arn}", "allow it in the role's policy")


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
            yield from _claims(it, names.function(worker), manifest)
    if manifest.publishes:
        yield from (("events:PutEvents", it.arn) for it in plan.of("aws_cloudwatch_event_bus"))


def _claims(bucket: Resource, function: str, manifest: Manifest) -> Iterator[Need]:
    """The data of large events: anybody's to read who has the key, and its own to write."""
    yield "s3:GetObject", f"{bucket.arn}/{function}/any"
    yield "s3:GetObject", f"{bucket.arn}/{PEOPLE}/any"
    if manifest.publishes:
        yield "s3:PutObject", f"{bucket.arn}/{function}/any"


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


def apart(plan: Plan, manifests: Mapping[str, Manifest]) -> Iterator[Finding]:
    """No role but the worker's own reaches its idempotency records and its gathers; those of people on call are judged
    as what they are."""
    people = {arn for console in consoles(plan) for arn in console.roles().values()}
    names, roles = names_of(plan), [it for it in plan.of("aws_iam_role") if it.arn not in people]
    for worker in manifests:
        own = _function(plan, names, worker)
        for table in _tables(plan, names, worker):
            for role in roles:
                if own is None or role.arn != own.get("role"):
                    yield from _reaching(plan, role, table)


def backstops(plan: Plan, manifests: Mapping[str, Manifest]) -> Iterator[Finding]:
    """Each queue moves a message to the DLQ after as many receives as the declaration leaves room for."""
    for worker, manifest in manifests.items():
        queue = _queue(plan, names_of(plan), worker, manifest)
        redrive = document(queue.get("redrive_policy")) if queue else {}
        receives = redrive.get("maxReceiveCount")
        if queue and redrive and receives != manifest.backstop:
            problem = f"gives a message up after {receives} receives, where {worker} declares {manifest.backstop}"
            yield Finding(address=queue.address, rule="retry", problem=problem, fix="let modules/manifests compute it")


def remembering(plan: Plan, manifests: Mapping[str, Manifest]) -> Iterator[Finding]:
    """Each worker is told of its own table of idempotency records, and that is there."""
    names = names_of(plan)
    for worker, manifest in manifests.items():
        function, name = _function(plan, names, worker), names.idempotency_table(worker)
        if function is None or (manifest.idempotency.mode is IdempotencyMode.OFF and not manifest.powertools):
            continue
        yield from _owns(plan, function, name, "FANOUT_IDEMPOTENCY_TABLE")


def gathering(plan: Plan, manifests: Mapping[str, Manifest]) -> Iterator[Finding]:
    """A worker that gathers may use its table and wake itself; one that handles parts may report them."""
    names = names_of(plan)
    for worker, manifest in manifests.items():
        function = _function(plan, names, worker)
        role = plan.at(function.get("role")) if function else None
        if function is None or role is None:
            continue  # reported by permitted
        if manifest.gathers:
            yield from _gathers(plan, names, worker, function, role)
        for gatherer in manifest.parts_of:
            yield from _reports(plan, names, gatherer, function, role)


def _reaching(plan: Plan, role: Resource, table: Resource) -> Iterator[Finding]:
    for statement in of_role(plan, role):
        if statement.allow and _touches(statement, table.arn):
            problem = f"lets {role.address} reach {table.address}, which is another worker's"
            yield Finding(address=statement.at, rule="scope", problem=problem, fix="take it away")


def _touches(statement: Statement, arn: str) -> bool:
    """Whether a statement speaks of a table, or of an index or stream of it."""
    actions = [action for action in statement.actions if action != NO_ACTION]
    of_tables = any(action == "*" or action.lower().startswith("dynamodb:") for action in actions)
    return of_tables and any(
        matches(resource, arn) or resource.startswith(f"{arn}/") for resource in statement.resources
    )


def _gathers(plan: Plan, names: Names, worker: str, function: Resource, role: Resource) -> Iterator[Finding]:
    name = names.gather_table(worker)
    yield from _owns(plan, function, name, "FANOUT_GATHER_TABLE")
    table = _named(plan, "aws_dynamodb_table", name)
    queue = _named(plan, "aws_sqs_queue", names.queue(worker))
    for action in GATHERING if table else ():
        yield from _allowed(plan, role, action, table)
    yield from _allowed(plan, role, "sqs:SendMessage", queue)


def _owns(plan: Plan, function: Resource, table: str, variable: str) -> Iterator[Finding]:
    if _named(plan, "aws_dynamodb_table", table) is None:
        yield _lacks(function, f"its table {table} is not in the plan", "let modules/worker make it")
    if _told(function).get(variable) != table:
        yield _lacks(function, f"is not told of its table {table}", f"name it in {variable}")


def _reports(plan: Plan, names: Names, gatherer: str, function: Resource, role: Resource) -> Iterator[Finding]:
    queue = _named(plan, "aws_sqs_queue", names.queue(gatherer))
    if queue is None:
        yield _lacks(function, f"handles parts of {gatherer}, whose queue is not in the plan", "declare that worker")
        return
    told = json.loads(_told(function).get("FANOUT_GATHER_QUEUES") or "{}")
    if told.get(gatherer) != queue.get("url"):
        yield _lacks(function, f"is not told of {gatherer}'s queue", f"name {queue.get('url')} in FANOUT_GATHER_QUEUES")
    yield from _allowed(plan, role, "sqs:SendMessage", queue)


def _allowed(plan: Plan, role: Resource, action: str, resource: Resource | None) -> Iterator[Finding]:
    if resource and not allows(of_role(plan, role), Request(action=action, resource=resource.arn)):
        yield _lacks(role, f"does not allow {action} on {resource.arn}", "allow it in the role's policy")


def _tables(plan: Plan, names: Names, worker: str) -> Iterator[Resource]:
    for name in (names.idempotency_table(worker), names.gather_table(worker)):
        if table := _named(plan, "aws_dynamodb_table", name):
            yield table


def _function(plan: Plan, names: Names, worker: str) -> Resource | None:
    functions = plan.of("aws_lambda_function")
    return next((it for it in functions if it.get("function_name") == names.function(worker)), None)


def _queue(plan: Plan, names: Names, worker: str, manifest: Manifest) -> Resource | None:
    return _named(plan, "aws_sqs_queue", names.queue(worker, fifo=manifest.queue.fifo))


def _named(plan: Plan, kind: str, name: str) -> Resource | None:
    return next((it for it in plan.of(kind) if it.get("name") == name), None)


def _told(function: Resource) -> Mapping[str, str]:
    return block(function, "environment").get("variables") or {}


def _lacks(at: Resource, problem: str, fix: str) -> Finding:
    return Finding(address=at.address, rule="permission", problem=problem, fix=fix)
