"""What people on call may do: each what he needs, nobody more, and none can unwrite what was done.

The journal of operations is kept (restorable, and with no policy that deletes from it), an observer reads no payload,
and the role that ends leases reaches temporary things alone.
"""

from collections.abc import Iterator
from typing import Final

from fanout_tools.declarations.naming import Names
from fanout_tools.plans import Plan, Resource, block, names_of
from fanout_tools.proof.findings import Finding
from fanout_tools.proof.keys import key_alias
from fanout_tools.proof.policies import Request, Statement, allows, matches, of_role, statements

__all__ = ["journal", "people", "sweeping"]

_UNWRITING: Final = ("dynamodb:DeleteItem", "dynamodb:DeleteTable", "dynamodb:PartiQLDelete")
_PAYLOADS: Final = ("sqs:ReceiveMessage", "s3:GetObject", "sqs:SendMessage", "sqs:DeleteMessage", "dynamodb:PutItem")
_LEASES: Final = (
    *((f"scheduler:{it}Schedule", "schedule/{}-operations/any") for it in ("Create", "Delete", "Update")),
    ("iam:PassRole", "role/{}.sweeper"),
)
_MAKING: Final = ("events:DeleteRule", "events:PutRule", "events:PutTargets", "events:RemoveTargets")
_BROWSING: Final = ("sqs:ChangeMessageVisibility", "sqs:ReceiveMessage")
_ENDS: Final = ("{}-any-dlq", "{}-any-dlq.fifo", "{}-any-undelivered", "{}-any-unmatched")
_QUEUE: Final = ("sqs:CreateQueue", "sqs:DeleteMessage", "sqs:DeleteQueue", "sqs:ReceiveMessage")
NEEDS: Final[dict[str, tuple[tuple[str, str], ...]]] = {
    "observer": (
        ("cloudwatch:DescribeAlarms", ""),
        ("cloudwatch:GetMetricData", ""),
        ("lambda:ListEventSourceMappings", ""),
        ("sqs:GetQueueAttributes", "{}-any"),
        ("lambda:GetFunctionConfiguration", "function:{}-any"),
        ("logs:FilterLogEvents", "log-group:/aws/lambda/{}-any:log-stream:any"),
        ("logs:DescribeLogGroups", ""),
        ("logs:GetQueryResults", ""),
        ("logs:StartQuery", "log-group:/aws/lambda/{}-any:log-stream:any"),
        ("logs:StartLiveTail", "log-group:/aws/lambda/{}-any"),
        ("events:DescribeRule", "{own_rules}any"),
        ("events:DescribeEventBus", "event-bus/{bus}"),
        ("events:DescribeArchive", "archive/{}"),
        ("sns:ListSubscriptionsByTopic", "{}-any"),
        ("states:ListExecutions", "stateMachine:{}-any"),
        ("dynamodb:BatchGetItem", "table/{}-any-idempotency"),
        ("dynamodb:GetItem", "table/{}-operations"),
        ("dynamodb:Query", "table/{}-operations"),
        ("dynamodb:Query", "table/{}-operations/index/by_day"),
    ),
    "investigator": (
        *(
            (action, f"{{}}-any-{end}")
            for action in ("sqs:ReceiveMessage", "sqs:ChangeMessageVisibility")
            for end in ("dlq", "dlq.fifo", "undelivered", "unmatched")
        ),
        ("s3:GetObject", "{}-any/any"),
        ("dynamodb:BatchGetItem", "table/{}-any-idempotency"),
        ("dynamodb:Query", "table/{}-any-gather"),
        ("dynamodb:GetItem", "table/{}-outbox"),
        ("states:DescribeExecution", "execution:{}-any:any"),
        *((action, "{}-tail-any") for action in _QUEUE),
        *((action, "{rules}{}-tail-any") for action in _MAKING),
        *_LEASES,
    ),
    "operator": (
        ("sqs:SendMessage", "{}-any"),
        ("sqs:DeleteMessage", "{}-any-dlq"),
        ("sqs:StartMessageMoveTask", "{}-any-dlq"),
        ("dynamodb:UpdateItem", "table/{}-any-idempotency"),
        ("dynamodb:DeleteItem", "table/{}-any-idempotency"),
        ("events:PutEvents", "event-bus/{bus}"),
        ("dynamodb:PutItem", "table/{}-operations"),
        ("dynamodb:UpdateItem", "table/{}-operations"),
        ("s3:PutObject", "{}-claims-000000000000/operations/any"),
        ("lambda:UpdateEventSourceMapping", "event-source-mapping:any"),
        *((action, "{}-replay-any") for action in _QUEUE),
        *((action, "{rules}{}-replay-any") for action in _MAKING),
        ("events:StartReplay", "archive/{}"),
        ("events:DescribeReplay", "replay/{}-replay-any"),
        *_LEASES,
    ),
    "tuner": (
        ("lambda:GetFunction", "function:{}-any"),
        ("lambda:GetLayerVersion", "layer:any:1"),
        ("iam:PassRole", "role{path}{}-any"),
        *((f"lambda:{it}Function", "function:{}-tune-any") for it in ("Create", "Delete", "Invoke")),
        ("lambda:UpdateFunctionConfiguration", "function:{}-tune-any"),
        *_LEASES,
    ),
}
"""What the commands call, by the policy that lets them: an action, and the name of a thing of the deployment."""
_BEYOND: Final[tuple[tuple[str, str, dict[str, str], str], ...]] = (
    ("iam:PassRole", "role/{}.sweeper", {"iam:passedtoservice": "lambda.amazonaws.com"}, "give the sweeper to others"),
    (
        "dynamodb:GetItem",
        "table/{}-any-idempotency",
        {"dynamodb:attributes": "data", "dynamodb:select": "SPECIFIC_ATTRIBUTES"},
        "read what handlers returned",
    ),
    (
        "lambda:UpdateEventSourceMapping",
        "event-source-mapping:any",
        {"lambda:functionarn": "arn:aws:lambda:eu-central-1:999999999999:function:elsewhere"},
        "pause any function",
    ),
    (
        "iam:PassRole",
        "role{path}{}-any",
        {"iam:passedtoservice": "ecs-tasks.amazonaws.com"},
        "give a worker's role to others than functions",
    ),
    ("events:PutEvents", "event-bus/{bus}", {"events:source": "shop.orders"}, "publish in a worker's name"),
)
_TOLD: Final = {
    "dynamodb:attributes": "status",
    "dynamodb:select": "SPECIFIC_ATTRIBUTES",
    "events:source": "fanout.ops",
}
_PASSED_TO: Final = {"role/{}.sweeper": "scheduler.amazonaws.com", "role{path}{}-any": "lambda.amazonaws.com"}
_TEMPORARY: Final = ("tail", "replay", "tune")


def journal(plan: Plan) -> Iterator[Finding]:
    """The table of operations is there, can be restored, and nobody deletes from it."""
    table = _table(plan)
    if table is None:
        bus = next(plan.of("aws_cloudwatch_event_bus"))
        yield _finding(bus, f"its table {names_of(plan).operations_table} is not in the plan", "use modules/operators")
        return
    if block(table, "point_in_time_recovery").get("enabled") is not True:
        yield _finding(table, "what was done cannot be restored", "enable point_in_time_recovery")
    for at, found in _identities(plan):
        for action in _UNWRITING:
            if allows(found, Request(action=action, resource=table.arn)):
                yield _finding(at, f"allows {action} on {table.address}: who did it can hide it", "take it away")


def people(plan: Plan) -> Iterator[Finding]:
    """The four policies are there, each with what its commands call; an observer reads no payload."""
    policies = {it.get("name"): it for it in plan.of("aws_iam_policy")}
    for name, needs in NEEDS.items():
        policy = policies.get(f"{names_of(plan).namespace}-{name}")
        if policy is None:
            bus = next(plan.of("aws_cloudwatch_event_bus"))
            yield _finding(bus, f"the policy of an {name} is not in the plan", "use modules/operators")
            continue
        if name == "observer":
            yield from _observes(policy)
        yield from _needs(plan, policy, needs)


def _observes(policy: Resource) -> Iterator[Finding]:
    for statement in _of(policy):
        for action in _PAYLOADS:
            if statement.allow and any(matches(it.lower(), action.lower()) for it in statement.actions):
                yield _finding(policy, f"lets an observer call {action}", "give it to investigators or operators")


def _needs(plan: Plan, policy: Resource, needs: tuple[tuple[str, str], ...]) -> Iterator[Finding]:
    for action, on in needs:
        told = {**_TOLD, **_function(plan), "iam:passedtoservice": _PASSED_TO.get(on, "")}
        if not allows(_of(policy), Request(action=action, resource=_arn(plan, action, on), told=told)):
            yield _finding(policy, f"does not allow {action} on {on or 'anything'}", "allow it")
    yield from _bounded(plan, policy)
    keys = any(plan.of("aws_kms_key"))
    if keys and policy.get("name") == f"{names_of(plan).namespace}-observer":
        yield from _key(plan, policy)


def _bounded(plan: Plan, policy: Resource) -> Iterator[Finding]:
    """What a policy allows under a condition, it does not allow otherwise."""
    for action, on, told, problem in _BEYOND:
        of_results = policy.get("name") != f"{names_of(plan).namespace}-observer"  # an investigator may see these
        if action.startswith("dynamodb:") and of_results:
            continue
        if allows(_of(policy), Request(action=action, resource=_arn(plan, action, on), told=told)):
            yield _finding(policy, f"lets {action} {problem}", "add the condition that modules/operators has")


def _key(plan: Plan, policy: Resource) -> Iterator[Finding]:
    """The journal and the records are encrypted with the platform's own key."""
    key = next(plan.of("aws_kms_key"))
    told = {
        "kms:viaservice": f"dynamodb.{key.arn.split(':')[3]}.amazonaws.com",
        "kms:resourcealiases": key_alias(plan, key),
    }
    for action in ("kms:Decrypt", "kms:GenerateDataKey"):
        if not allows(_of(policy), Request(action=action, resource=key.arn, told=told)):
            yield _finding(policy, f"does not allow {action} by way of DynamoDB", "allow it")


def _arn(plan: Plan, action: str, on: str) -> str:
    """Of a thing of the deployment by its name, in which ``{}`` is the namespace, and ``{path}`` that of its roles (see
    :func:`_named`); one with a service of its own says so before a colon."""
    if not on:
        return "*"
    partition, _, region, account = next(plan.of("aws_cloudwatch_event_bus")).arn.split(":")[1:5]
    service, name = action.partition(":")[0], _named(names_of(plan), on).replace("{path}", _path(plan))
    if service == "s3":
        return f"arn:{partition}:s3:::{name}"
    place = f"iam::{account}" if service == "iam" else f"{service}:{region}:{account}"
    return f"arn:{partition}:{place}:{name}"


def _path(plan: Plan) -> str:
    return next(iter(sorted({str(it.get("path") or "/") for it in plan.of("aws_iam_role")} - {"/"})), "/")


def _named(names: Names, on: str) -> str:
    known = {"{rules}": names.rule_path(""), "{own_rules}": names.rule_path(names.on_bus("")), "{bus}": names.bus}
    for word, name in {**known, "{}": names.namespace}.items():
        on = on.replace(word, name)
    return on


def sweeping(plan: Plan) -> Iterator[Finding]:
    """The role that ends leases is there, Scheduler's alone, and deletes nothing that is not temporary."""
    name = names_of(plan).sweeper_role
    role = next((it for it in plan.of("aws_iam_role") if it.get("name") == name), None)
    if role is None:
        bus = next(plan.of("aws_cloudwatch_event_bus"))
        yield _finding(bus, f"the role {name} is not in the plan: leases do not end", "use modules/operators")
        return
    group = next((it for it in plan.of("aws_scheduler_schedule_group") if it.arn.endswith("-operations")), None)
    assume = Request(
        action="sts:AssumeRole",
        resource="",
        principal=("Service", "scheduler.amazonaws.com"),
        source_arn=group.arn if group else "",
    )
    if not allows(statements(role.address, role.get("assume_role_policy")), assume):
        yield _finding(role, "Scheduler may not assume it for the leases' group", "trust it, for that aws:SourceArn")
    policy = of_role(plan, role)
    for kind in _TEMPORARY:
        for action, arn in _endings(plan, kind):
            if not allows(policy, Request(action=action, resource=arn, told=_function(plan))):
                yield _finding(role, f"does not allow {action} on {arn}: a lease does not end", "allow it")
    for statement in policy:
        for resource in statement.resources if statement.allow else ():
            if _deletes(statement) and not _temporary(resource):
                yield _finding(role, f"may delete {resource}, which is not temporary", "name temporary things alone")


def _endings(plan: Plan, kind: str) -> Iterator[tuple[str, str]]:
    bus = next(plan.of("aws_cloudwatch_event_bus"))
    account, names = bus.arn.rpartition(":event-bus/")[0], names_of(plan)
    name, rule = names.namespace, f"{account}:{names.rule_path(names.temporary(kind, 'any'))}"
    yield "sqs:DeleteQueue", f"{account.replace(':events:', ':sqs:')}:{name}-{kind}-any"
    yield "events:DeleteRule", rule
    yield "events:RemoveTargets", rule
    lambdas = account.replace(":events:", ":lambda:")
    yield "lambda:UpdateEventSourceMapping", f"{lambdas}:event-source-mapping:any"
    if kind == "tune":
        yield "lambda:DeleteFunction", f"{lambdas}:function:{name}-{kind}-any"


def _function(plan: Plan) -> dict[str, str]:
    """Lambda tells of the function when a mapping of it is changed."""
    bus = next(plan.of("aws_cloudwatch_event_bus"))
    account = bus.arn.rpartition(":event-bus/")[0].replace(":events:", ":lambda:")
    return {"lambda:functionarn": f"{account}:function:{names_of(plan).namespace}-any"}


def _deletes(statement: Statement) -> bool:
    return any("*" in action or ":Delete" in action or ":Remove" in action for action in statement.actions)


def _temporary(resource: str) -> bool:
    return any(f"-{kind}-" in resource.partition("*")[0] for kind in _TEMPORARY)


def _identities(plan: Plan) -> Iterator[tuple[Resource, tuple[Statement, ...]]]:
    for it in plan.of("aws_iam_policy", "aws_iam_role_policy"):
        yield it, _of(it)


def _of(policy: Resource) -> tuple[Statement, ...]:
    return statements(policy.address, policy.get("policy"))


def _table(plan: Plan) -> Resource | None:
    name = names_of(plan).operations_table
    return next((it for it in plan.of("aws_dynamodb_table") if it.get("name") == name), None)


def _finding(at: Resource, problem: str, fix: str) -> Finding:
    return Finding(address=at.address, rule="operators", problem=problem, fix=fix)
