"""What is sent on of logs: each subscribed log group may invoke the function, and every worker's is subscribed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from fanout_tools.plans import Plan, Resource
from fanout_tools.proof.findings import Finding
from fanout_tools.proof.policies import Request, allows, of_role, statements
from fanout_tools.proof.serving import configured_needs

__all__ = ["forwarded", "permitted"]

LOGGING: Final = ("logs:CreateLogStream", "logs:PutLogEvents")

XRAY_ACTION: Final = "xray:PutTraceSegments"
"""What X-Ray's endpoint for OTLP asks for; it has no resources
(https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AWSXrayWriteOnlyAccess.html)."""


def forwarded(plan: Plan) -> Iterator[Finding]:
    """CloudWatch Logs drops in silence what it may not deliver, and a trace of some workers only looks whole: so where
    one worker's spans are sent on, all are, by log groups that may invoke the function."""
    filters = list(plan.of("aws_cloudwatch_log_subscription_filter"))
    groups = {it.get("name"): it for it in plan.of("aws_cloudwatch_log_group")}
    for subscribed in filters:
        yield from _delivered(plan, subscribed, groups.get(subscribed.get("log_group_name")))
    if filters:
        taken = {it.get("log_group_name") for it in filters}
        for name in _of_workers(plan):
            if name in groups and name not in taken:
                fix = "give modules/traces the log groups of all workers"
                yield _finding(groups[name], "its spans are not sent on, and those of others are", fix)


def _delivered(plan: Plan, subscribed: Resource, group: Resource | None) -> Iterator[Finding]:
    function = plan.at(subscribed.get("destination_arn"))
    if group is None or function is None or function.type != "aws_lambda_function":
        fix = "name a log group and a function of the plan"
        yield _finding(subscribed, "sends on lines of a log group, or to a function, that is not in the plan", fix)
        return
    allowed = [
        it.get("source_arn")
        for it in plan.of("aws_lambda_permission")
        if it.get("principal") == "logs.amazonaws.com"
        and it.get("function_name") in (function.get("function_name"), function.arn)
        and it.get("action") == "lambda:InvokeFunction"
    ]
    if f"{group.arn}:*" not in allowed:
        problem = f"{group.get('name')} may not invoke {function.address}: what is logged is not sent on"
        yield _finding(subscribed, problem, "add an aws_lambda_permission for logs.amazonaws.com with the group's ARN")


def permitted(plan: Plan) -> Iterator[Finding]:
    """The function's role allows what it has to do, and nothing else: to log, and to read the secret of its header
    fields."""
    arns = {it.get("destination_arn") for it in plan.of("aws_cloudwatch_log_subscription_filter")}
    for function in (it for it in plan.of("aws_lambda_function") if it.arn in arns):
        role = plan.at(function.get("role"))
        if role is None:
            yield _lacks(function, f"its role {function.get('role')} is not in the plan", "name one that is")
            continue
        yield from _permitted(plan, function, role)


def _permitted(plan: Plan, function: Resource, role: Resource) -> Iterator[Finding]:
    assume = Request(action="sts:AssumeRole", resource="", principal=("Service", "lambda.amazonaws.com"))
    if not allows(statements(role.address, role.get("assume_role_policy")), assume):
        yield _lacks(role, "Lambda may not assume it", "trust lambda.amazonaws.com")
    policy, name = of_role(plan, role), f"/aws/lambda/{function.get('function_name')}"
    group = next((it for it in plan.of("aws_cloudwatch_log_group") if it.get("name") == name), None)
    if group is None:
        yield _lacks(function, f"its log group {name} is not in the plan: Lambda's own is kept for ever", "make it")
        return
    needs: list[tuple[str, str, Mapping[str, str]]] = [
        (action, f"{group.arn}:log-stream:any", {}) for action in LOGGING
    ]
    sending: list[tuple[str, str, Mapping[str, str]]] = [(XRAY_ACTION, "*", {})] if _sends_to_xray(function) else []
    for action, arn, told in (*needs, *sending, *configured_needs(function)):
        if not allows(policy, Request(action=action, resource=arn, told=told)):
            yield _lacks(role, f"does not allow {action} on {arn}", "allow it in the role's policy")
    for statement in policy:
        used = {*LOGGING, "secretsmanager:GetSecretValue", "kms:Decrypt", *(action for action, _, _ in sending)}
        beyond = {*statement.actions} - used
        if statement.allow and beyond:
            problem = f"allows the forwarder {', '.join(sorted(beyond))}, which it has no use for"
            yield Finding(address=statement.at, rule="scope", problem=problem, fix="take it away")


def _sends_to_xray(function: Resource) -> bool:
    told = (function.get("environment") or [{}])[0].get("variables") or {}
    return str(told.get("FANOUT_OTLP_ENDPOINT", "")).startswith("https://xray.")


def _lacks(at: Resource, problem: str, fix: str) -> Finding:
    return Finding(address=at.address, rule="permission", problem=problem, fix=fix)


def _of_workers(plan: Plan) -> Iterator[str]:
    """The log groups of the functions that take from queues."""
    functions = {it.arn: it.get("function_name") for it in plan.of("aws_lambda_alias", "aws_lambda_function")}
    for mapping in plan.of("aws_lambda_event_source_mapping"):
        if ":sqs:" in str(mapping.get("event_source_arn")) and mapping.get("function_name") in functions:
            yield f"/aws/lambda/{functions[mapping.get('function_name')]}"


def _finding(at: Resource, problem: str, fix: str) -> Finding:
    return Finding(address=at.address, rule="forwarding", problem=problem, fix=fix)
