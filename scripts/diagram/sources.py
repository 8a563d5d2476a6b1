"""Where events come from: workers that publish, applications, other buses, schedules, and web functions."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from fanout.manifest import Manifest
from fanout.plans import Plan, Resource, block, document
from scripts.diagram import reading
from scripts.diagram.canvas import Canvas
from scripts.diagram.topology import Kind, Layer, Node

__all__ = ["add"]


def add(plan: Plan, canvas: Canvas, manifests: Mapping[str, Manifest], events: Iterable[str], bus: Resource) -> None:
    """Draw every source, with its line to the bus."""
    web = list(_web_functions(plan, canvas))
    for node in (
        *_publishers(manifests),
        *_applications(manifests, events, web),
        *_buses(plan, canvas, bus),
        *_schedules(plan, bus),
    ):
        canvas.put(node)
        canvas.connect(node.id, bus)
    for function in web:
        name = str(function.get("function_name"))
        watched = ("FunctionName", name)
        facts = reading.function_facts(function)
        canvas.add(function, Kind.FUNCTION, Layer.SOURCE, name, watched=watched, lines=("web function",), facts=facts)
        canvas.connect(function, bus)
    _services(plan, canvas, web)


def _source(kind: Kind, name: str, title: str, lines: Iterable[str], worker: str | None = None) -> Node:
    return Node(id=f"{kind}/{name}", kind=kind, layer=Layer.SOURCE, title=title, lines=tuple(lines), worker=worker)


def _publishers(manifests: Mapping[str, Manifest]) -> Iterator[Node]:
    for worker, manifest in manifests.items():
        if manifest.publishes:
            lines = (
                *(event.partition("/")[2] for event in manifest.publishes),
                *(("by the outbox",) * manifest.outbox),
            )
            yield _source(Kind.PUBLISHER, worker, worker, lines)


def _applications(manifests: Mapping[str, Manifest], events: Iterable[str], web: list[Resource]) -> Iterator[Node]:
    """The events that no worker publishes, and so somebody else must."""
    published = {event for manifest in manifests.values() for event in manifest.publishes}
    others = sorted(it for it in set(events) - published if not it.startswith("aws."))
    if others:
        title = "web and other publishers" if web else "applications"
        yield _source(Kind.PUBLISHER, "(applications)", title, (it.partition("/")[2] for it in others))


def _buses(plan: Plan, canvas: Canvas, bus: Resource) -> Iterator[Node]:
    """What rules of other buses bring to this one: AWS services publish to the account's default bus."""
    rules = {(it.get("event_bus_name"), it.get("name")): it for it in plan.of("aws_cloudwatch_event_rule")}
    for target in plan.of("aws_cloudwatch_event_target"):
        rule = rules.get((target.get("event_bus_name"), target.get("rule")))
        if rule is not None and target.arn == bus.arn:
            pattern = document(rule.get("event_pattern"))
            buckets = pattern.get("detail", {}).get("bucket", {}).get("name", ())
            names = (canvas.short(it.rpartition("-")[0]) for it in buckets)
            lines = (*pattern.get("detail-type", ()), *(f"bucket {it}" for it in names))
            source = ", ".join(pattern.get("source", ["?"]))
            yield _source(Kind.PUBLISHER, source, f"{source} (default bus)", lines)


def _schedules(plan: Plan, bus: Resource) -> Iterator[Node]:
    for schedule in plan.of("aws_scheduler_schedule"):
        target = block(schedule, "target")
        if target.get("arn") == bus.arn:
            event = _detail_type(target)
            name = str(schedule.get("name"))
            yield _source(Kind.SCHEDULE, name, name, (str(schedule.get("schedule_expression")), event))


def _detail_type(target: Mapping[str, Any]) -> str:
    parameters = target.get("eventbridge_parameters") or [{}]
    return str(parameters[0].get("detail_type", ""))


def _web_functions(plan: Plan, canvas: Canvas) -> Iterator[Resource]:
    """Functions that know the bus and take from no queue and no stream."""
    for function in plan.of("aws_lambda_function"):
        if (
            not canvas.has(function)
            and "FANOUT_BUS" in reading.environment_of(function)
            and not _mapped(plan, function)
        ):
            yield function


def _mapped(plan: Plan, function: Resource) -> bool:
    names = (function.get("function_name"), function.arn)
    return any(
        str(it.get("function_name")).startswith(names[1]) or it.get("function_name") in names
        for it in plan.of("aws_lambda_event_source_mapping")
    )


def _services(plan: Plan, canvas: Canvas, web: list[Resource]) -> None:
    """The router and the load balancer before it, where the plan has them."""
    balancers, services = list(plan.of("aws_lb")), list(plan.of("aws_ecs_service"))
    for it, what in (*((it, "load balancer") for it in balancers), *((it, "ECS service") for it in services)):
        # A load balancer is called like the service behind it.
        canvas.add(it, Kind.SERVICE, Layer.ENTRY, f"{it.get('name')} ({what})")
    for service in services:
        for balancer in balancers:
            canvas.connect(balancer, service)
        for function in web:
            canvas.connect(service, function)
