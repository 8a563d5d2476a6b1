"""Who can reach a router: clients its load balancer by HTTPS, the load balancer its client and admin ports, and web
functions its control port. Whoever else could reach that port might try to answer requests in a function's place.
"""

from collections.abc import Iterator
from typing import Any, Final

from fanout_tools.plans import Plan, Resource, block
from fanout_tools.proof.findings import Finding
from fanout_tools.proof.serving import Router, routers

__all__ = ["reached", "redirected", "security_groups", "services", "watched"]

_CLIENT_PORTS: Final = {80, 443}
_READY: Final = "/readyz"


def reached(plan: Plan) -> Iterator[Finding]:
    """Each port of a router is open to those that need it, and to nobody else."""
    for router in routers(plan):
        for service in services(plan, router):
            balancers = _balancers(plan, service)
            outside = {group for it in balancers for group in it.get("security_groups") or ()}
            functions = router.functions(plan)
            web = {group for it in functions for group in block(it, "vpc_config").get("security_group_ids") or ()}
            inside = security_groups(service)
            wanted = _ports(plan, router, service, outside, web)
            yield from _open(plan, service, inside, wanted)
            for rule in _rules(plan, outside):
                if rule.get("from_port") != rule.get("to_port") or rule.get("from_port") not in _CLIENT_PORTS:
                    yield _network(rule, "opens more of the load balancer than HTTP and HTTPS", "open 80 and 443")


def redirected(plan: Plan) -> Iterator[Finding]:
    """A load balancer serves by HTTPS, and by HTTP only says so."""
    for listener in plan.of("aws_lb_listener"):
        for action in listener.get("default_action") or ():
            goes: dict[str, Any] = next(iter(action.get("redirect") or ()), {})
            plain = listener.get("protocol") != "HTTPS" or not listener.get("certificate_arn")
            if plain and not (action.get("type") == "redirect" and goes.get("protocol") == "HTTPS"):
                yield _network(listener, "takes requests in plain text", "redirect to HTTPS")


def watched(plan: Plan) -> Iterator[Finding]:
    """A router that is not ready gets no requests, and somebody is told when none is ready."""
    for router in routers(plan):
        for service in services(plan, router):
            for group in _target_groups(plan, service):
                if block(group, "health_check").get("path") != _READY:
                    yield _network(group, "sends requests to routers that are not ready", f"check {_READY}")
                if not any(_tells(alarm, group) for alarm in plan.of("aws_cloudwatch_metric_alarm")):
                    problem = "nobody is told when no router is ready"
                    fix = "add an alarm on HealthyHostCount under 1, which missing data set off too"
                    yield Finding(address=group.address, rule="alarm", problem=problem, fix=fix)


def _tells(alarm: Resource, group: Resource) -> bool:
    dimensions: dict[str, Any] = alarm.get("dimensions") or {}
    return (
        alarm.get("metric_name") == "HealthyHostCount"
        and dimensions.get("TargetGroup") == group.get("arn_suffix")
        and (alarm.get("comparison_operator"), alarm.get("threshold")) == ("LessThanThreshold", 1)
        and alarm.get("treat_missing_data") == "breaching"
        and alarm.get("actions_enabled") is not False
        and bool(alarm.get("alarm_actions"))
    )


def _ports(plan: Plan, router: Router, service: Resource, outside: set[str], web: set[str]) -> dict[int, set[str]]:
    """The security groups that each port has to be open to."""
    ports = {int(block(service, "load_balancer").get("container_port") or 0): outside}
    for group in _target_groups(plan, service):
        ports[int(block(group, "health_check").get("port") or 0)] = outside
    ports[int(router.environment.get("DISPATCH_CONTROL_PORT", 8443))] = web
    return ports


def _open(plan: Plan, service: Resource, inside: set[str], wanted: dict[int, set[str]]) -> Iterator[Finding]:
    opened: set[tuple[int, str]] = set()
    for rule in _rules(plan, inside):
        port, source = rule.get("from_port"), str(rule.get("referenced_security_group_id"))
        if port != rule.get("to_port") or source not in wanted.get(port or 0, set()):
            yield _network(rule, f"opens port {port} of the router to {_source(rule)}", "name the group that needs it")
        else:
            opened.add((port, source))
    for port, sources in wanted.items():
        for source in sorted(sources):
            if (port, source) not in opened:
                yield _network(service, f"port {port} is closed to {source}, which needs it", "add an ingress rule")


def _rules(plan: Plan, groups: set[str]) -> Iterator[Resource]:
    for rule in plan.of("aws_vpc_security_group_ingress_rule"):
        if rule.get("security_group_id") in groups:
            yield rule


def _source(rule: Resource) -> str:
    kinds = ("referenced_security_group_id", "cidr_ipv4", "cidr_ipv6", "prefix_list_id")
    return str(next((rule.get(kind) for kind in kinds if rule.get(kind)), "nobody"))


def security_groups(service: Resource) -> set[str]:
    """Those of a service's tasks."""
    return set(block(service, "network_configuration").get("security_groups") or ())


def services(plan: Plan, router: Router) -> Iterator[Resource]:
    """The services that run a router."""
    yield from (it for it in plan.of("aws_ecs_service") if it.get("task_definition") == router.task.arn)


def _target_groups(plan: Plan, service: Resource) -> Iterator[Resource]:
    group = plan.at(block(service, "load_balancer").get("target_group_arn"))
    if group is not None:
        yield group


def _balancers(plan: Plan, service: Resource) -> list[Resource]:
    groups = {it.arn for it in _target_groups(plan, service)}
    listeners = [
        it
        for it in plan.of("aws_lb_listener")
        if any(action.get("target_group_arn") in groups for action in it.get("default_action") or ())
    ]
    return [it for it in map(plan.at, {it.get("load_balancer_arn") for it in listeners}) if it]


def _network(at: Resource, problem: str, fix: str) -> Finding:
    return Finding(address=at.address, rule="network", problem=problem, fix=fix)
