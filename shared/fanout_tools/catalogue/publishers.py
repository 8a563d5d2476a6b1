"""Who puts events on the bus: workers, web functions, other buses, schedules, pipes, and somebody else."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fanout_tools.catalogue.canvas import Canvas
from fanout_tools.catalogue.facts import environment_of, function_facts
from fanout_tools.catalogue.topology import Kind, Layer, Node
from fanout_tools.declarations.worker import Manifest
from fanout_tools.plans import Plan, Resource, block, document, names_of

__all__ = ["Publishers", "add_publishers"]


@dataclass(frozen=True, kw_only=True)
class Publishers:
    """Who declares to publish what, and all events that there are."""

    manifests: Mapping[str, Manifest]
    web: Mapping[str, Sequence[str]]
    """The web functions, with their events."""
    events: frozenset[str]

    @property
    def others(self) -> list[str]:
        """The events that nobody here publishes, AWS's own left out: somebody else must."""
        ours = {event for it in self.manifests.values() for event in it.publishes}
        ours |= {event for events in self.web.values() for event in events}
        return sorted(it for it in self.events - ours if not it.startswith("aws."))


def add_publishers(plan: Plan, canvas: Canvas, publishers: Publishers, bus: Resource) -> None:
    """Draw every source, with its line to the bus."""
    web = list(_web_functions(plan, canvas))
    planned = {canvas.short(str(it.get("function_name"))) for it in web}
    others = (*_buses(plan, canvas, bus), *_schedules(plan, bus), *_pipes(plan, bus))
    for node in (*_publishers(publishers, planned), *others):
        canvas.put(node)
        canvas.connect(node.id, bus)
    for function in web:
        name = str(function.get("function_name"))
        facts, lines = function_facts(function), _names(publishers.web.get(canvas.short(name), ()))
        watched = ("FunctionName", name)
        canvas.add(function, Kind.FUNCTION, Layer.SOURCE, name, watched=watched, lines=("web", *lines), facts=facts)
        canvas.connect(function, bus)
    _services(plan, canvas, web)


def _names(events: Iterable[str]) -> tuple[str, ...]:
    return tuple(it.partition("/")[2] for it in events)


def _source(kind: Kind, name: str, title: str, lines: Iterable[str]) -> Node:
    return Node(id=f"{kind}/{name}", kind=kind, layer=Layer.SOURCE, title=title, lines=tuple(lines))


def _publishers(publishers: Publishers, planned: Collection[str]) -> Iterator[Node]:
    """Workers, web functions that run outside of the plan, and applications."""
    for worker, manifest in publishers.manifests.items():
        if manifest.publishes:
            lines = (*_names(manifest.publishes), *(("by the outbox",) * manifest.outbox))
            yield _source(Kind.PUBLISHER, worker, worker, lines)
    for name, events in publishers.web.items():
        if events and name not in planned:
            yield _source(Kind.PUBLISHER, name, f"{name} (web)", _names(events))
    if others := publishers.others:
        yield _source(Kind.PUBLISHER, "(applications)", "applications", _names(others))


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
        elif str(target.get("arn")).endswith(f":function:{names_of(plan).function('canary')}"):
            yield _source(Kind.SCHEDULE, "canary", "canary", (str(schedule.get("schedule_expression")), "every pair"))


def _pipes(plan: Plan, bus: Resource) -> Iterator[Node]:
    """Queues that are not the platform's, with the event that a pipe makes of their messages."""
    for pipe in plan.of("aws_pipes_pipe"):
        if pipe.get("target") == bus.arn:
            name = str(pipe.get("source")).rpartition(":")[2]
            lines = (_detail_type(block(pipe, "target_parameters"), "eventbridge_event_bus_parameters"),)
            yield _source(Kind.EXTERNAL_QUEUE, name, f"{name} (external queue)", lines)


def _detail_type(target: Mapping[str, Any], name: str = "eventbridge_parameters") -> str:
    parameters = target.get(name) or [{}]
    return str(parameters[0].get("detail_type", ""))


def _web_functions(plan: Plan, canvas: Canvas) -> Iterator[Resource]:
    """Functions that know the bus and take from no queue and no stream."""
    for function in plan.of("aws_lambda_function"):
        if not canvas.has(function) and "FANOUT_BUS" in environment_of(function) and not _mapped(plan, function):
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
