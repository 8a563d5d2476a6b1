"""What costs money by the month whether or not an event comes: alarms, dashboards, keys, the router's machines."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from fanout_tools.plans import Plan, Resource, block, front_doors, names_of

__all__ = ["Canary", "Fixed", "Forwarder", "Task", "WebFunction", "fixed"]

HIGH_RESOLUTION_S: Final = 60
"""An alarm with a shorter period than this is one of high resolution."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """An ECS service on Fargate."""

    name: str
    tasks: int
    vcpu: float
    gb: float
    architecture: str


@dataclass(frozen=True, kw_only=True)
class WebFunction:
    """A function that serves requests."""

    name: str
    memory_mb: int
    architecture: str
    via: str = "router"
    """As in its web.yaml. A router keeps its functions running; others run by the request."""


@dataclass(frozen=True, kw_only=True)
class Canary:
    """The function that sends canaries by the clock."""

    every_s: int
    memory_mb: int
    architecture: str


@dataclass(frozen=True, kw_only=True)
class Forwarder:
    """The function that gets the workers' logs and sends their spans to a collector."""

    memory_mb: int
    architecture: str


@dataclass(frozen=True, kw_only=True)
class Fixed:
    """What there is, in the units of its prices."""

    alarm_metrics: int = 0
    alarm_metrics_high_resolution: int = 0
    dashboards: int = 0
    keys: int = 0
    encrypted_queues: int = 0
    encrypted_topics: int = 0
    encrypted_tables: int = 0
    log_retention_days: int = 0
    """The longest of the functions' log groups; 0: for ever."""
    tasks: tuple[Task, ...] = ()
    web: tuple[WebFunction, ...] = ()
    canary: Canary | None = None
    forwarder: Forwarder | None = None
    balancers: int = 0
    nat_gateways: int = 0
    addresses: int = 0
    """Public IPv4 addresses: those of the account, and one for each subnet of a load balancer on the internet."""
    endpoints: int = 0
    """Interface endpoints, each counted once per subnet."""


def fixed(plan: Plan) -> Fixed:
    """What a plan has of it."""
    metrics = [it for alarm in plan.of("aws_cloudwatch_metric_alarm") for it in _periods(alarm)]
    days = [it.get("retention_in_days") or 0 for it in plan.of("aws_cloudwatch_log_group")]
    return Fixed(
        alarm_metrics=sum(it >= HIGH_RESOLUTION_S for it in metrics),
        alarm_metrics_high_resolution=sum(it < HIGH_RESOLUTION_S for it in metrics),
        dashboards=len(list(plan.of("aws_cloudwatch_dashboard"))),
        keys=len(list(plan.of("aws_kms_key"))),
        encrypted_queues=sum(bool(it.get("kms_master_key_id")) for it in plan.of("aws_sqs_queue")),
        encrypted_topics=sum(bool(it.get("kms_master_key_id")) for it in plan.of("aws_sns_topic")),
        encrypted_tables=sum(_has_key(it) for it in plan.of("aws_dynamodb_table")),
        log_retention_days=0 if 0 in days else max(days, default=0),
        tasks=tuple(_tasks(plan)),
        web=tuple(_web(plan)),
        canary=_canary(plan),
        forwarder=_forwarder(plan),
        balancers=len(list(plan.of("aws_lb"))),
        nat_gateways=len(list(plan.of("aws_nat_gateway"))),
        addresses=len(list(plan.of("aws_eip"))) + sum(_addresses(it) for it in plan.of("aws_lb")),
        endpoints=sum(
            max(1, len(it.get("subnet_ids") or ()))
            for it in plan.of("aws_vpc_endpoint")
            if it.get("vpc_endpoint_type") == "Interface"
        ),
    )


def _periods(alarm: Resource) -> Iterator[int]:
    """The period in seconds of each metric that an alarm watches; a query of many counts as one, its least price."""
    queried = [metric for query in alarm.get("metric_query") or () for metric in query.get("metric") or ()]
    if queried:
        yield from (it.get("period") or HIGH_RESOLUTION_S for it in queried)
    else:
        yield alarm.get("period") or HIGH_RESOLUTION_S


def _addresses(balancer: Resource) -> int:
    """AWS charges those that it gives a load balancer, too."""
    return 0 if balancer.get("internal") else len(balancer.get("subnets") or ())


def _has_key(table: Resource) -> bool:
    return any(it.get("kms_key_arn") for it in table.get("server_side_encryption") or ())


def _tasks(plan: Plan) -> Iterator[Task]:
    definitions = {it.arn: it for it in plan.of("aws_ecs_task_definition")}
    for service in plan.of("aws_ecs_service"):
        definition = definitions.get(str(service.get("task_definition")))
        if definition is None and len(definitions) == 1:
            definition = next(iter(definitions.values()))
        if definition is not None:
            platform = (definition.get("runtime_platform") or [{}])[0].get("cpu_architecture")
            yield Task(
                name=str(service.get("name")),
                tasks=service.get("desired_count") or 0,
                vcpu=int(definition.get("cpu") or 0) / 1024,
                gb=int(definition.get("memory") or 0) / 1024,
                architecture="arm64" if platform == "ARM64" else "x86_64",
            )


def _canary(plan: Plan) -> Canary | None:
    name = names_of(plan).function("canary")
    for schedule in plan.of("aws_scheduler_schedule"):
        function = plan.at(block(schedule, "target").get("arn"))
        rate = re.fullmatch(r"rate\(([0-9]+) (minute|hour)s?\)", str(schedule.get("schedule_expression")))
        if rate and function and function.get("function_name") == name:
            return Canary(
                every_s=int(rate[1]) * (60 if rate[2] == "minute" else 3600),
                memory_mb=function.get("memory_size") or 128,
                architecture=next(iter(function.get("architectures") or ()), "x86_64"),
            )
    return None


def _forwarder(plan: Plan) -> Forwarder | None:
    for it in plan.of("aws_cloudwatch_log_subscription_filter"):
        if function := plan.at(it.get("destination_arn")):
            return Forwarder(
                memory_mb=function.get("memory_size") or 128,
                architecture=next(iter(function.get("architectures") or ()), "x86_64"),
            )
    return None


def _web(plan: Plan) -> Iterator[WebFunction]:
    """Functions with a front door; and, in a plan that has a router, those that neither a queue, a clock nor a log
    invokes."""
    doors = {it.name: it.via for it in front_doors(plan)}
    routed = bool(list(plan.of("aws_ecs_service")))
    fed = [str(it.get("function_name")) for it in plan.of("aws_lambda_event_source_mapping")]
    fed += [str(block(it, "target").get("arn")) for it in plan.of("aws_scheduler_schedule")]
    fed += [str(it.get("destination_arn")) for it in plan.of("aws_cloudwatch_log_subscription_filter")]
    for function in plan.of("aws_lambda_function"):
        name = str(function.get("function_name"))
        if name in doors or (routed and not any(it == name or it.startswith(function.arn) for it in fed)):
            architecture = next(iter(function.get("architectures") or ()), "x86_64")
            memory, via = function.get("memory_size") or 128, doors.get(name, "router")
            yield WebFunction(name=name, memory_mb=memory, architecture=architecture, via=via)
