"""Pipes from queues that are not the platform's: each may take its messages and put them on the bus as one event, in an
envelope that workers read, and somebody is told of those that it could not put.

What SQS and EventBridge have to be allowed: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-permissions.html.
"""

from collections.abc import Iterator
from typing import Any, Final

import orjson

from fanout_tools.plans import Plan, Resource, block
from fanout_tools.proof.findings import Finding
from fanout_tools.proof.policies import Request, Statement, allows, of_role, statements

__all__ = ["METRICS", "fed", "permitted", "pipe_failures_told", "pipes_watched", "said"]

METRICS: Final = frozenset({"ExecutionFailed", "ExecutionPartiallyFailed", "ExecutionTimeout"})
"""https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-monitoring.html"""
_TAKE: Final = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")
_SERVICE: Final = ("Service", "pipes.amazonaws.com")
_ENVELOPE: Final = ("event_id", "correlation_id", "published_at", "schema_version")


def fed(plan: Plan) -> Iterator[Finding]:
    """Every pipe runs, from a queue that is not the plan's to the bus, and makes an envelope with the message's id."""
    for pipe in plan.of("aws_pipes_pipe"):
        target = plan.at(pipe.get("target"))
        if target is None or target.type != "aws_cloudwatch_event_bus":
            yield _pipe(pipe, f"its target {pipe.get('target')} is no bus of the plan", "put events on the bus")
        if plan.at(pipe.get("source")) is not None:
            yield _pipe(pipe, "takes from a queue of the platform's own", "subscribe a worker instead")
        if pipe.get("desired_state") == "STOPPED":
            yield _pipe(pipe, "is stopped", "let it run")
        if not all(_event(pipe)):
            yield _pipe(pipe, "names no event", "set source and detail_type of eventbridge_event_bus_parameters")
        if not _wraps(block(pipe, "target_parameters").get("input_template")):
            problem = "its input template makes no envelope with the message's id, by which workers know duplicates"
            yield _pipe(pipe, problem, "write it as modules/queue_source does")


def _event(pipe: Resource) -> tuple[str, str]:
    parameters = (block(pipe, "target_parameters").get("eventbridge_event_bus_parameters") or [{}])[0]
    return str(parameters.get("source") or ""), str(parameters.get("detail_type") or "")


def _wraps(template: str | None) -> bool:
    try:
        made: Any = orjson.loads((template or "").replace("<$.body>", "{}"))
        metadata = made["metadata"]
        whole = made["data"] == {} and all(metadata[it] for it in _ENVELOPE)
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return False
    return bool(whole) and metadata["event_id"] == "<$.messageId>"


def permitted(plan: Plan) -> Iterator[Finding]:
    """Each pipe's role is taken on by that pipe alone; it may take from its queue, put its one event, and write its
    log."""
    for pipe in plan.of("aws_pipes_pipe"):
        role = plan.at(pipe.get("role_arn"))
        if role is None:
            yield _grant(pipe, f"its role {pipe.get('role_arn')} is not in the plan", "name one that is")
            continue
        assume = Request(action="sts:AssumeRole", resource="", principal=_SERVICE, source_arn=pipe.arn)
        if not allows(statements(role.address, role.get("assume_role_policy")), assume):
            yield _grant(role, f"{pipe.address} may not assume it", f"trust {_SERVICE[1]} for {pipe.arn}")
        yield from _calls(pipe, role, of_role(plan, role))


def _calls(pipe: Resource, role: Resource, policy: list[Statement]) -> Iterator[Finding]:
    queue, bus = str(pipe.get("source")), str(pipe.get("target"))
    for action in _TAKE:
        if not allows(policy, Request(action=action, resource=queue)):
            yield _grant(role, f"{pipe.address} may not take from {queue}: no {action}", "allow it")
    source, detail_type = _event(pipe)
    if not allows(policy, _put(bus, source, detail_type)):
        yield _grant(role, f"{pipe.address} may not put {source}/{detail_type}", f"allow events:PutEvents on {bus}")
    if allows(policy, _put(bus, f"{source}.elsewhere", detail_type)) or allows(policy, _put(bus, source, "Elsewhere")):
        fix = "add the conditions events:source and events:detail-type"
        problem = f"{pipe.address} may put any event with it"
        yield Finding(address=role.address, rule="scope", problem=problem, fix=fix)
    for action in ("logs:CreateLogStream", "logs:PutLogEvents"):
        if not allows(policy, Request(action=action, resource=f"{_log_group(pipe)}:log-stream:any")):
            yield _grant(role, f"{pipe.address} may not say what it could not put: no {action}", "allow it on its log")


def _put(bus: str, source: str, detail_type: str) -> Request:
    told = {"events:source": source, "events:detail-type": detail_type}
    return Request(action="events:PutEvents", resource=bus, told=told)


def _log_group(pipe: Resource) -> str:
    destination = block(pipe, "log_configuration").get("cloudwatch_logs_log_destination") or [{}]
    return str(destination[0].get("log_group_arn") or "")


def said(plan: Plan) -> Iterator[Finding]:
    """Every pipe says in a log of the plan what it could not put, and why, without the messages themselves."""
    for pipe in plan.of("aws_pipes_pipe"):
        log = block(pipe, "log_configuration")
        group = plan.at(_log_group(pipe).removesuffix(":*"))
        if log.get("level", "OFF") == "OFF" or group is None:
            yield _pipe(pipe, "says nowhere why it could not put a message", "log ERROR to a log group of the plan")
        if log.get("include_execution_data"):
            yield _pipe(pipe, "writes whole messages into its log", "remove include_execution_data")


def pipe_failures_told(plan: Plan) -> Iterator[Finding]:
    """An alarm counts each pipe's executions that failed, wholly or in part, from the first, and tells somebody."""
    for pipe in plan.of("aws_pipes_pipe"):
        alarms = [it for it in plan.of("aws_cloudwatch_metric_alarm") if pipe.get("name") in pipes_watched(it)]
        if not any(_wakes(alarm, pipe) for alarm in alarms):
            problem = f"nobody is told of messages that {pipe.address} could not put"
            fix = f"add an alarm over 0 on {', '.join(sorted(METRICS))}, with actions"
            yield Finding(address=pipe.address, rule="alarm", problem=problem, fix=fix)


def pipes_watched(alarm: Resource) -> set[str]:
    """The names of the pipes whose failed executions the alarm counts."""
    return {name for name, _ in _counted(alarm)}


def _wakes(alarm: Resource, pipe: Resource) -> bool:
    first = alarm.get("comparison_operator") == "GreaterThanThreshold" and (alarm.get("threshold") or 0) < 1
    tells = bool(alarm.get("alarm_actions")) and alarm.get("actions_enabled") is not False
    return first and tells and {metric for name, metric in _counted(alarm) if name == pipe.get("name")} >= METRICS


def _counted(alarm: Resource) -> Iterator[tuple[str, str]]:
    for query in alarm.get("metric_query") or ():
        for metric in query.get("metric") or ():
            if metric.get("namespace") == "AWS/EventBridge/Pipes":
                yield str((metric.get("dimensions") or {}).get("PipeName")), str(metric.get("metric_name"))


def _pipe(at: Resource, problem: str, fix: str) -> Finding:
    return Finding(address=at.address, rule="pipe", problem=problem, fix=fix)


def _grant(at: Resource, problem: str, fix: str) -> Finding:
    return Finding(address=at.address, rule="grant", problem=problem, fix=fix)
