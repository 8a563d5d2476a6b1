"""Each hop may write to its destination and to its dead-letter queue, and nobody else may.

A missing grant on a dead-letter queue loses events twice over: the event, and the alarm that would have told of it.

Queues are granted for a source, which EventBridge and SNS name to SQS
(https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html#eb-sqs-permissions,
https://docs.aws.amazon.com/sns/latest/dg/sns-configure-dead-letter-queue.html). EventBridge's grants on topics and log
groups must hold without one: that page rules conditions out for topics and shows none for log groups.

Nothing is granted by ``*``, and nothing to everybody, unless ``allowed.yaml`` gives the reason.
"""

from collections.abc import Iterator
from typing import Final

from fanout_tools.plans import Hop, Plan, Resource, deliveries, names_of
from fanout_tools.proof.findings import Finding
from fanout_tools.proof.policies import (
    SCOPES,
    Request,
    Statement,
    allows,
    elsewhere,
    matches,
    of_resource,
    of_role,
    source_arns,
    statements,
)

__all__ = ["granted", "log_policies", "narrow", "scoped"]

_GUARDED = ("aws_sqs_queue", "aws_sns_topic", "aws_cloudwatch_event_bus", "aws_cloudwatch_log_group")
_SOURCELESS = ("aws_sns_topic", "aws_cloudwatch_log_group")
_EVENTS = ("Service", "events.amazonaws.com")
_BY_EITHER = ("sns:Publish", "sqs:SendMessage")
"""Targets that EventBridge writes to in its own name or, since March 2025, by a role; how it then writes to the rule's
dead-letter queue, https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html does not say."""
LOG_POLICY_CHARACTERS = 5_120
"""What an account's policy for logs may hold: https://github.com/navapbc/template-infra/pull/742; a model of the API
says 51,200, which nothing confirms for such a policy."""
_POLICIES: Final = ("policy", "assume_role_policy", "policy_document")
_OPEN_KEYS: Final = "aws_kms_key"


def granted(plan: Plan) -> Iterator[Finding]:
    """Every hop may write to its destination and to its dead-letter queue."""
    for hop in deliveries(plan):
        if hop.writer is None:
            continue  # reported as a hop from nowhere
        if hop.role_arn:
            yield from _by_role(plan, hop, hop.writer)
        elif hop.destination:
            yield from _by_policy(plan, hop, hop.writer, hop.destination, hop.action)
        dead = plan.at(hop.dead_letter_arn)
        if dead is not None and dead.type == "aws_sqs_queue":
            yield from _by_policy(plan, hop, hop.writer, dead, "sqs:SendMessage")


def _by_policy(plan: Plan, hop: Hop, writer: Resource, to: Resource, action: str) -> Iterator[Finding]:
    """Whether the destination's own policy lets the hop write, whether or not a source is named where that is open."""
    sourceless = to.type in _SOURCELESS and hop.service == _EVENTS[1]
    resource = f"{to.arn}:*" if to.type == "aws_cloudwatch_log_group" else to.arn
    for call in (action, "logs:CreateLogStream") if to.type == "aws_cloudwatch_log_group" else (action,):
        for source in ("", writer.arn) if sourceless else (writer.arn,):
            request = Request(action=call, resource=resource, principal=("Service", hop.service), source_arn=source)
            if not allows(of_resource(plan, to), request):
                missing = f"no statement lets {hop.service} call {call}"
                problem = f"{writer.address} may not write to it: {missing} for {source}"
                if not source:
                    problem = f"{missing} without a source, and it may name none"
                yield _grant(to, problem, _fix_of(to) if sourceless else "grant it, with aws:SourceArn as condition")


def _fix_of(to: Resource) -> str:
    by_role = (
        "" if to.type == "aws_cloudwatch_log_group" else ', or give the rule\'s target a role: bus_grants = "role"'
    )
    return f"grant it without aws:SourceArn and aws:SourceAccount{by_role}"


def _by_role(plan: Plan, hop: Hop, writer: Resource) -> Iterator[Finding]:
    if hop.destination and hop.destination.type == "aws_cloudwatch_log_group":
        yield _grant(hop.carrier, "has a role, which EventBridge does not take for log groups", "remove role_arn")
    role = plan.at(hop.role_arn)
    if role is None:
        yield _grant(hop.carrier, f"its role {hop.role_arn} is not in the plan", "name one that is")
        return
    assume = Request(action="sts:AssumeRole", resource="", principal=("Service", hop.service), source_arn=writer.arn)
    if not allows(statements(role.address, role.get("assume_role_policy")), assume):
        yield _grant(role, f"{writer.address} may not assume it", f"trust {hop.service} for {writer.arn}")
    write = Request(action=hop.action, resource=hop.destination_arn)
    if not allows(of_role(plan, role), write):
        problem = f"{writer.address} may not write with it: {hop.action} on {hop.destination_arn} is not allowed"
        yield _grant(role, problem, "allow it in the role's policy")
    keep = Request(action="sqs:SendMessage", resource=str(hop.dead_letter_arn))
    if hop.action in _BY_EITHER and hop.dead_letter_arn and not allows(of_role(plan, role), keep):
        problem = f"{writer.address} may not write to its dead-letter queue with it: {keep.resource}"
        yield _grant(role, f"{problem}, and no text says that EventBridge does so in its own name", "allow it too")


def scoped(plan: Plan) -> Iterator[Finding]:
    """Every grant to a service names, by aws:SourceArn, resources of this plan and nothing more; where EventBridge may
    name no source, the grant is for this deployment's own topic or log groups, and a foreign source is refused."""
    for kind in _GUARDED:
        for resource in plan.of(kind):
            for statement in of_resource(plan, resource):
                if resource.type in _SOURCELESS and _EVENTS in statement.principals and not source_arns(statement):
                    yield from _open_to_events(plan, resource, statement)
                else:
                    yield from _scoped(plan, statement)
    for role in plan.of("aws_iam_role"):
        for statement in statements(role.address, role.get("assume_role_policy")):
            # Lambda sets no source when it assumes a function's role: only PassRole decides which function has it.
            # The same goes for ECS, which tells of the account at least.
            if ("Service", "lambda.amazonaws.com") not in statement.principals and not _of_account(role, statement):
                yield from _scoped(plan, statement)


def _open_to_events(plan: Plan, to: Resource, statement: Statement) -> Iterator[Finding]:
    if not statement.allow:
        return
    if to.type == "aws_cloudwatch_log_group":
        namespace = f":log-group:/aws/events/{names_of(plan).namespace}"
        for pattern in statement.resources:
            if namespace not in pattern.partition("*")[0]:
                yield _scope(
                    statement.at, f"grants on {pattern}, beyond this deployment", "name /aws/events/<namespace>-*"
                )
        return
    rule = next((hop.writer.arn for hop in deliveries(plan) if hop.writer and hop.destination == to), to.arn)
    foreign = Request(action="sns:Publish", resource=to.arn, principal=_EVENTS, source_arn=elsewhere(rule))
    if allows(of_resource(plan, to), foreign):
        problem = "EventBridge may write to it for a rule of any account"
        yield _scope(statement.at, problem, "add a Deny for an aws:SourceAccount that is there and is not this account")


def log_policies(plan: Plan) -> Iterator[Finding]:
    """One policy for logs serves the whole environment: an account has ten of them in a region, for everything
    (https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutResourcePolicy.html)."""
    policies = list(plan.of("aws_cloudwatch_log_resource_policy"))
    for it in policies[1:]:
        yield _grant(
            it, "is a further one of the ten policies that an account has", f"put it into {policies[0].address}"
        )
    for it in policies:
        if len(str(it.get("policy_document"))) > LOG_POLICY_CHARACTERS:
            problem = f"has over the {LOG_POLICY_CHARACTERS} characters that CloudWatch Logs takes"
            yield _grant(it, problem, "grant by a pattern of log groups' names")


def _of_account(role: Resource, statement: Statement) -> bool:
    """https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html"""
    told = ("StringEquals", "aws:sourceaccount", (role.arn.split(":")[4],))
    return statement.principals == (("Service", "ecs-tasks.amazonaws.com"),) and told in statement.conditions


def _scoped(plan: Plan, statement: Statement) -> Iterator[Finding]:
    services = [name for kind, name in statement.principals if kind == "Service"]
    if not statement.allow or not services:
        return
    named = source_arns(statement)
    if not named:
        problem = f"any resource of any account may have {', '.join(services)} write: the grant has no aws:SourceArn"
        yield _scope(statement.at, problem, "add the condition ArnEquals aws:SourceArn")
    for arn in named:
        if not _ours(plan, arn):
            yield _scope(statement.at, f"grants to {arn}, which is not in the plan", "name the writers, without *")


def _ours(plan: Plan, source: str) -> bool:
    """Whether the ARN is of this plan; a pattern has to name account and namespace, and to be met by a resource."""
    fixed = source.partition("*")[0]
    named = names_of(plan).namespace in fixed.split(":", 5)[-1]
    if "*" in source and (fixed.count(":") < 5 or not named):
        return False
    return plan.at(source) is not None or any(matches(source, it.arn) for it in plan.resources if it.arn)


def _grant(at: Resource, problem: str, fix: str) -> Finding:
    return Finding(address=at.address, rule="grant", problem=problem, fix=fix)


def _scope(address: str, problem: str, fix: str) -> Finding:
    return Finding(address=address, rule="scope", problem=problem, fix=fix)


def narrow(plan: Plan) -> Iterator[Finding]:
    """No wildcard action or resource, no principal that anybody is, no policy that AWS may widen."""
    for it in plan.resources:
        for attribute in _POLICIES:
            if isinstance(it.get(attribute), str):
                for statement in statements(it.address, it.get(attribute)):
                    yield from _narrow(statement, of_key=it.type.startswith(_OPEN_KEYS))
        for inline in it.get("inline_policy") or ():
            for statement in statements(it.address, inline.get("policy")):
                yield from _narrow(statement, of_key=False)
        if it.type == "aws_iam_role_policy_attachment" and ":aws:policy/" in str(it.get("policy_arn")):
            problem = f"{it.get('policy_arn')} is AWS's, and may be widened any day"
            yield _wide(it.address, "managed-policy", str(it.get("policy_arn")), problem, "write the statements out")
        if it.type == "aws_lambda_permission" and not (it.get("source_arn") or it.get("source_account")):
            problem = f"any resource may have {it.get('principal')} call the function"
            yield _wide(it.address, "public-principal", str(it.get("principal")), problem, "set source_arn")


def _narrow(statement: Statement, *, of_key: bool) -> Iterator[Finding]:
    if not statement.allow:
        return
    if statement.negated:
        problem = "NotAction, NotResource or NotPrincipal allows all but what it names"
        yield _wide(statement.at, "wildcard-action", "Not", problem, "name what is allowed")
    for action in statement.actions:
        if "*" in action and not (of_key and _delegates(statement)):
            yield _wide(statement.at, "wildcard-action", action, f"allows the action {action}", "name the actions")
    for resource in statement.resources:
        # In a key's policy * is the key itself.
        if "*" in _bare(resource) and not of_key:
            keys = sorted({key for _, key, _ in statement.conditions})
            value = " if ".join([f"{', '.join(statement.actions)} on {resource}", *keys])
            yield _wide(statement.at, "wildcard-resource", value, f"allows {value}", "name the resources")
    for kind, name in statement.principals:
        if name == "*" and not any(key in SCOPES for _, key, _ in statement.conditions):
            yield _wide(statement.at, "public-principal", f"{kind}:*", "is open to everybody", "name the principal")


def _bare(resource: str) -> str:
    """A log group's ARN ends in ``:*``, which stands for its streams
    (https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatchlogs.html)."""
    return resource.removesuffix(":*") if ":log-group:" in resource else resource


def _delegates(statement: Statement) -> bool:
    """AWS's default key policy, which lets IAM policies of the account decide
    (https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html)."""
    return all(kind == "AWS" and name.endswith(":root") for kind, name in statement.principals)


def _wide(address: str, rule: str, value: str, problem: str, fix: str) -> Finding:
    fix = f"{fix}, or give the reason in shared/fanout_tools/proof/allowed.yaml"
    return Finding(address=address, rule=rule, problem=problem, fix=fix, value=value)
