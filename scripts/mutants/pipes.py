"""Pipes that lose messages, put what no worker reads, or fail where nobody looks."""

import json
from collections.abc import Iterator
from typing import Any, Final

from fanout_tools.plans import Plan, Resource, block, document
from fanout_tools.proof.pipes import pipes_watched

__all__ = ["leaning", "spoilt"]

_ELSEWHERE: Final = "arn:aws:events:us-east-1:999999999999:event-bus/elsewhere"
_VALUES: Final[dict[str, dict[str, Any]]] = {
    "another bus": {"target": _ELSEWHERE},
    "stopped": {"desired_state": "STOPPED"},
    "another role": {"role_arn": "arn:aws:iam::999999999999:role/elsewhere"},
    "no log": {"log_configuration": [{"level": "OFF"}]},
    "no template": {"target_parameters": []},
}
_TEMPLATES: Final = {
    "an id of its own": ("<$.messageId>", "<aws.pipes.event.ingestion-time>"),
    "the body as a text": ("<$.body>", '"<$.body>"'),
    "no version": ('"schema_version":1', '"schema_version":0'),
}


def spoilt(plan: Plan) -> Iterator[tuple[Resource, str, Plan, tuple[str, ...]]]:
    """Each resource, what was done to it, the plan with that, and the further resources that a finding may name."""
    for pipe in plan.of("aws_pipes_pipe"):
        for change, resource in (*_changed(plan, pipe), *_policies(plan, pipe)):
            yield resource, change, plan.changed(resource), tuple(_roles(plan, pipe))
        for alarm in plan.of("aws_cloudwatch_metric_alarm"):
            if pipe.get("name") in pipes_watched(alarm):
                for change, resource in _alarms(alarm):
                    yield resource, change, plan.changed(resource), (pipe.address,)


def _roles(plan: Plan, pipe: Resource) -> Iterator[str]:
    """That is where a finding on what the pipe may do is."""
    yield from (it.address for it in plan.of("aws_iam_role") if it.arn == pipe.get("role_arn"))


def _changed(plan: Plan, pipe: Resource) -> Iterator[tuple[str, Resource]]:
    yield from ((change, pipe.having(**values)) for change, values in _VALUES.items())
    log = block(pipe, "log_configuration")
    yield "messages in its log", pipe.having(log_configuration=[{**log, "include_execution_data": ["ALL"]}])
    yield "a queue of the platform", pipe.having(source=next(iter(plan.of("aws_sqs_queue"))).arn)
    target = block(pipe, "target_parameters")
    for change, (old, new) in _TEMPLATES.items():
        template = str(target["input_template"]).replace(old, new)
        yield change, pipe.having(target_parameters=[{**target, "input_template": template}])
    other = [{**target["eventbridge_event_bus_parameters"][0], "detail_type": "Elsewhere"}]
    yield "another event", pipe.having(target_parameters=[{**target, "eventbridge_event_bus_parameters": other}])


def _policies(plan: Plan, pipe: Resource) -> Iterator[tuple[str, Resource]]:
    """The role's policy with each condition on what it may put left out."""
    role = plan.at(pipe.get("role_arn"))
    for policy in plan.of("aws_iam_role_policy"):
        if role is not None and policy.get("role") == role.get("id"):
            for key in ("events:source", "events:detail-type"):
                whole = document(policy.get("policy"))
                for statement in whole["Statement"]:
                    statement.get("Condition", {}).get("StringEquals", {}).pop(key, None)
                yield f"without {key}", policy.having(policy=json.dumps(whole))


def _alarms(alarm: Resource) -> Iterator[tuple[str, Resource]]:
    yield "a high threshold", alarm.having(threshold=1000)
    yield "no actions", alarm.having(alarm_actions=[])
    yield "actions off", alarm.having(actions_enabled=False)
    for query in alarm.get("metric_query"):
        if query.get("metric"):
            left = [it for it in alarm.get("metric_query") if it != query]
            yield f"without {query['metric'][0]['metric_name']}", alarm.having(metric_query=left)


def leaning(plan: Plan, resource: Resource) -> Iterator[str]:
    """The pipes that need the resource."""
    for pipe in plan.of("aws_pipes_pipe"):
        log = (block(pipe, "log_configuration").get("cloudwatch_logs_log_destination") or [{}])[0]
        needed = (pipe.get("role_arn"), log.get("log_group_arn"))
        if resource.arn in needed or pipe.get("name") in pipes_watched(resource):
            yield pipe.address
