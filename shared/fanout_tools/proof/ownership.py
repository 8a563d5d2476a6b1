"""What is a worker's own: its tables of idempotency records and gathers, which no other role reaches, the queue whose
backstop it declares, and the queues to which it reports the parts of others' gathers."""

import json
from collections.abc import Iterator, Mapping
from typing import Final

from fanout_tools.declarations.naming import Names
from fanout_tools.declarations.worker import IdempotencyMode, Manifest
from fanout_tools.plans import Plan, Resource, block, document, names_of
from fanout_tools.proof.findings import Finding
from fanout_tools.proof.policies import Request, Statement, allows, matches, of_role

__all__ = ["apart", "backstops", "gathering", "remembering"]

GATHERING: Final = ("dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:Query")
NO_ACTION: Final = "dynamodb:BatchExecuteStatement"
"""AWS asks for dynamodb:PartiQL... in its place; MiniStack alone goes by this name, with no resource: allowed.yaml."""


def apart(plan: Plan, manifests: Mapping[str, Manifest]) -> Iterator[Finding]:
    """No role but the worker's own reaches its idempotency records and its gathers."""
    names, roles = names_of(plan), list(plan.of("aws_iam_role"))
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
            continue  # reported by roles.permitted
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
