"""What happens by the clock: Scheduler may do what its schedules ask; canaries can look at every hop, send nothing but
canaries, and are missed when they fall silent.

A canary whose role lacks a call would fail in place of the hop that it should have named.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from fanout.events.canary import MARK, SOURCE_PREFIX
from fanout_tools.declarations.naming import Names
from fanout_tools.declarations.worker import Manifest, Via
from fanout_tools.plans import Plan, Resource, block, names_of
from fanout_tools.proof.findings import Finding
from fanout_tools.proof.keys import WRITING, key_alias, key_of
from fanout_tools.proof.policies import Request, allows, of_role, statements

__all__ = ["ALARMS", "invoking", "permitted", "watched"]

LOGGING: Final = ("logs:CreateLogStream", "logs:PutLogEvents")
ALARMS: Final[Mapping[str, Mapping[str, object]]] = {
    "CanaryFailedHops": {
        "comparison_operator": "GreaterThanThreshold",
        "threshold": 0,
        "treat_missing_data": "ignore",  # between two runs there is no news
    },
    "CanarySuccessfulRuns": {
        "comparison_operator": "LessThanThreshold",
        "threshold": 1,
        "treat_missing_data": "breaching",  # a function that cannot run writes no metric
    },
}
"""By metric, how its alarm has to be."""

Need = tuple[str, str, Mapping[str, str]]
"""An action, the ARN it is called on, and what AWS tells of the call."""


def invoking(plan: Plan) -> Iterator[Finding]:
    """Scheduler may take each schedule's role for that schedule's group, and with it reach target and DLQ."""
    for schedule in plan.of("aws_scheduler_schedule"):
        target = block(schedule, "target")
        role, to = plan.at(target.get("role_arn")), plan.at(target.get("arn"))
        if role is None or to is None:
            what = "role" if role is None else "target"
            yield _lacks(schedule, f"its {what} is not in the plan", "name one that is")
            continue
        group = schedule.arn.replace(":schedule/", ":schedule-group/").rpartition("/")[0]
        assume = Request(
            action="sts:AssumeRole", resource="", principal=("Service", "scheduler.amazonaws.com"), source_arn=group
        )
        if not allows(statements(role.address, role.get("assume_role_policy")), assume):
            yield _lacks(role, "Scheduler may not assume it", f"trust scheduler.amazonaws.com for {group}")
        action = "events:PutEvents" if to.type == "aws_cloudwatch_event_bus" else "lambda:InvokeFunction"
        dead = plan.at(_inner(target, "dead_letter_config").get("arn"))
        yield from _allowed(plan, role, [(action, to.arn, {}), *_kept(plan, dead)])
        if dead is None:
            problem = "what it cannot hand over is lost"
            yield Finding(
                address=schedule.address, rule="dead-letter", problem=problem, fix="name a queue of the plan as its DLQ"
            )


def _inner(values: Mapping[str, object], name: str) -> Mapping[str, str]:
    """The one block of that name within a block; empty where there is none."""
    found = values.get(name)
    return found[0] if isinstance(found, list) and found else {}


def _kept(plan: Plan, queue: Resource | None) -> Iterator[Need]:
    if queue is not None:
        yield "sqs:SendMessage", queue.arn, {}
        yield from _with_key(plan, key_of(plan, queue), "sqs", WRITING)


def permitted(plan: Plan, manifests: Mapping[str, Manifest]) -> Iterator[Finding]:
    """The function that sends canaries may make every call of a run, and put nothing but canaries on the bus."""
    names = names_of(plan)
    function = _function(plan, names)
    if function is None:
        return
    role = plan.at(function.get("role"))
    if role is None:
        yield _lacks(function, f"its role {function.get('role')} is not in the plan", "name one that is")
        return
    assume = Request(action="sts:AssumeRole", resource="", principal=("Service", "lambda.amazonaws.com"))
    if not allows(statements(role.address, role.get("assume_role_policy")), assume):
        yield _lacks(role, "Lambda may not assume it", "trust lambda.amazonaws.com")
    yield from _allowed(plan, role, _needs(plan, names, manifests))
    for bus in plan.of("aws_cloudwatch_event_bus"):
        event = Request(action="events:PutEvents", resource=bus.arn, told={"events:source": "shop.orders"})
        if allows(of_role(plan, role), event):
            problem = "may put any event on the bus"
            fix = f"add the condition ForAllValues:StringLike events:source {SOURCE_PREFIX}*"
            yield Finding(address=role.address, rule="scope", problem=problem, fix=fix)


def _needs(plan: Plan, names: Names, manifests: Mapping[str, Manifest]) -> Iterator[Need]:
    for bus in plan.of("aws_cloudwatch_event_bus"):
        yield "events:DescribeEventBus", bus.arn, {}
        yield "events:PutEvents", bus.arn, {"events:source": f"{SOURCE_PREFIX}fanout"}
    for rule in plan.of("aws_cloudwatch_event_rule"):
        yield "events:DescribeRule", rule.arn, {}
        yield "events:ListTargetsByRule", rule.arn, {}
    yield "lambda:ListEventSourceMappings", "*", {}
    yield "sns:GetSubscriptionAttributes", "*", {}
    for action in LOGGING:
        yield action, _log_group(plan, names.log_group("canary")), {}
    for worker, manifest in manifests.items():
        yield from _of_worker(plan, names, worker, manifest)
    for bucket in _event_buckets(plan, names, manifests):
        yield "s3:GetBucketNotification", bucket.arn, {}
        for action in ("s3:PutObject", "s3:DeleteObject", "s3:DeleteObjectVersion"):
            yield action, f"{bucket.arn}/uploads/{MARK}/any", {}
        for it in plan.of("aws_s3_bucket_server_side_encryption_configuration"):
            if it.get("bucket") == bucket.get("bucket"):
                default = _inner(block(it, "rule"), "apply_server_side_encryption_by_default")
                key = plan.at(default.get("kms_master_key_id"))
                yield from _with_key(plan, key, "s3", ("kms:GenerateDataKey",))


def _of_worker(plan: Plan, names: Names, worker: str, manifest: Manifest) -> Iterator[Need]:
    for function in plan.of("aws_lambda_function"):
        if function.get("function_name") == names.function(worker):
            yield "lambda:GetAlias", function.arn, {}
            yield "lambda:InvokeFunction", f"{function.arn}:1", {}
    yield "logs:FilterLogEvents", _log_group(plan, names.log_group(worker)), {}
    sources = {it.event.partition("/")[0] for it in manifest.subscribes} if manifest.via is Via.TOPIC else set()
    dead = names.undelivered_worker_queue(worker) if manifest.queue.fifo else names.dead_letter_queue(worker)
    for name in (names.queue(worker, fifo=manifest.queue.fifo), dead):
        for queue in _named(plan, "aws_sqs_queue", name):
            yield "sqs:GetQueueUrl", queue.arn, {}
            yield "sqs:GetQueueAttributes", queue.arn, {}
    for name in (dead, names.undelivered_bus_queue, *map(names.undelivered_queue, sorted(sources))):
        for queue in _named(plan, "aws_sqs_queue", name):
            for action in ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility"):
                yield action, queue.arn, {}
            yield from _with_key(plan, key_of(plan, queue), "sqs", ("kms:Decrypt",))
    for source in sorted(sources):
        for topic in _named(plan, "aws_sns_topic", names.topic(source)):
            yield "sns:GetTopicAttributes", topic.arn, {}
            yield "sns:ListSubscriptionsByTopic", topic.arn, {}


def _event_buckets(plan: Plan, names: Names, manifests: Mapping[str, Manifest]) -> Iterator[Resource]:
    for manifest in manifests.values():
        for name, declared in manifest.buckets.items():
            prefix = f"{names.namespace}-{name}-"
            if declared.events:
                yield from (
                    it
                    for it in plan.of("aws_s3_bucket")
                    if str(it.get("bucket")).startswith(prefix) and str(it.get("bucket")).removeprefix(prefix).isdigit()
                )


def _with_key(plan: Plan, key: Resource | None, service: str, actions: tuple[str, ...]) -> Iterator[Need]:
    """What a role needs of a key by way of the service."""
    if key is not None:
        region = key.arn.split(":")[3]
        told = {"kms:viaservice": f"{service}.{region}.amazonaws.com", "kms:resourcealiases": key_alias(plan, key)}
        yield from ((action, key.arn, told) for action in actions)


def watched(plan: Plan) -> Iterator[Finding]:
    """Canaries by the clock have a clock, and alarms on a hop that fails and on runs that are missing."""
    function = _function(plan, names_of(plan))
    if function is None:
        return
    schedules = [it for it in plan.of("aws_scheduler_schedule") if block(it, "target").get("arn") == function.arn]
    if not any(it.get("state") != "DISABLED" for it in schedules):
        yield Finding(
            address=function.address,
            rule="alarm",
            problem="no schedule invokes it",
            fix="give it one in modules/schedule",
        )
    for metric, wanted in ALARMS.items():
        alarms = [it for it in plan.of("aws_cloudwatch_metric_alarm") if it.get("metric_name") == metric]
        if not any(_tells(it, wanted) for it in alarms):
            said = ", ".join(f"{key} {value}" for key, value in wanted.items())
            problem = f"no alarm tells of {metric}"
            yield Finding(
                address=function.address, rule="alarm", problem=problem, fix=f"add one with {said} and alarm_actions"
            )


def _tells(alarm: Resource, wanted: Mapping[str, object]) -> bool:
    told = bool(alarm.get("alarm_actions")) and alarm.get("actions_enabled") is not False
    return told and all(alarm.get(key) == value for key, value in wanted.items())


def _allowed(plan: Plan, role: Resource, needs: Iterator[Need] | list[Need]) -> Iterator[Finding]:
    policy = of_role(plan, role)
    for action, arn, told in needs:
        if not allows(policy, Request(action=action, resource=arn, told=told)):
            yield _lacks(role, f"does not allow {action} on {arn}", "allow it in the role's policy")


def _function(plan: Plan, names: Names) -> Resource | None:
    functions = plan.of("aws_lambda_function")
    return next((it for it in functions if it.get("function_name") == names.function("canary")), None)


def _log_group(plan: Plan, name: str) -> str:
    groups = _named(plan, "aws_cloudwatch_log_group", name)
    return next((f"{it.arn}:log-stream:any" for it in groups), name)


def _named(plan: Plan, kind: str, name: str) -> Iterator[Resource]:
    return (it for it in plan.of(kind) if it.get("name") == name)


def _lacks(at: Resource, problem: str, fix: str) -> Finding:
    return Finding(address=at.address, rule="permission", problem=problem, fix=fix)
