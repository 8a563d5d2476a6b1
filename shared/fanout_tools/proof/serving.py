"""A router's task and its web functions: each may do what it has to, the router no more than invoke them, and each port
is open to those that need it alone.

The router is what unauthenticated connections reach. A router that was taken over may invoke the aliases of its
functions, which is what it is there for; any other grant would be theirs too. Clients reach its load balancer by HTTPS,
the load balancer its client and admin ports, and web functions its control port. Whoever else could reach that port
might try to answer requests in a function's place.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from fanout_tools.plans import Plan, Resource, block
from fanout_tools.proof.findings import Finding
from fanout_tools.proof.keys import WRITING, key_alias
from fanout_tools.proof.policies import Request, allows, of_role, statements

__all__ = [
    "CONNECTING",
    "LOGGING",
    "Router",
    "configured_needs",
    "contained",
    "invoking",
    "permitted",
    "reached",
    "redirected",
    "routers",
    "security_groups",
    "services",
    "serving",
    "started",
    "watched",
]

INVOKE: Final = "lambda:InvokeFunction"
PULLING: Final = ("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")
LOGGING: Final = ("logs:CreateLogStream", "logs:PutLogEvents")
CONNECTING: Final = ("CreateNetworkInterface", "DescribeNetworkInterfaces", "DescribeSubnets", "DeleteNetworkInterface")

Need = tuple[str, str, dict[str, str]]
"""An action, the ARN it is called on, and what AWS tells of the call."""
_CLIENT_PORTS: Final = {80, 443}
_READY: Final = "/readyz"


@dataclass(frozen=True, kw_only=True)
class Router:
    """A task definition that runs a router, and what its container is told."""

    task: Resource
    container: dict[str, Any]
    environment: dict[str, str]

    @property
    def aliases(self) -> list[str]:
        """The ARNs that it invokes."""
        told = json.loads(self.environment.get("DISPATCH_FUNCTIONS") or "[]")
        return [f"{it['lambda_function']}:{it['lambda_qualifier']}" for it in told]

    def functions(self, plan: Plan) -> Iterator[Resource]:
        """The functions behind those, as far as the plan has them."""
        names = {alias.get("function_name") for arn in self.aliases if (alias := plan.at(arn))}
        yield from (it for it in plan.of("aws_lambda_function") if it.get("function_name") in names)


def routers(plan: Plan) -> Iterator[Router]:
    """The routers of the plan: the tasks that are told of functions to dispatch to."""
    for task in plan.of("aws_ecs_task_definition"):
        for container in json.loads(task.get("container_definitions") or "[]"):
            told = {it["name"]: it["value"] for it in container.get("environment") or ()}
            if "DISPATCH_FUNCTIONS" in told:
                yield Router(task=task, container=container, environment=told)


def invoking(plan: Plan) -> Iterator[Finding]:
    """A router may invoke the alias of each of its functions, and do nothing else."""
    for router in routers(plan):
        role = plan.at(router.task.get("task_role_arn"))
        if role is None:
            yield _lacks(router.task, f"its role {router.task.get('task_role_arn')} is not in the plan")
            continue
        yield from _assumed(role, "ecs-tasks.amazonaws.com")
        yield from _allowed(plan, role, [(INVOKE, arn, {}) for arn in router.aliases])
        for statement in of_role(plan, role):
            beyond = {*statement.actions} - {INVOKE} or {*statement.resources} - {*router.aliases}
            if statement.allow and beyond:
                problem = f"allows the router {', '.join(sorted(beyond))}, beside invoking its functions' aliases"
                yield Finding(address=statement.at, rule="scope", problem=problem, fix="take it away")


def started(plan: Plan) -> Iterator[Finding]:
    """ECS can start the router: its image, its log and its secrets are open to the execution role."""
    for router in routers(plan):
        role = plan.at(router.task.get("execution_role_arn"))
        if role is None:
            yield _lacks(router.task, f"its role {router.task.get('execution_role_arn')} is not in the plan")
            continue
        yield from _assumed(role, "ecs-tasks.amazonaws.com")
        yield from _allowed(plan, role, _starting(plan, router))


def contained(plan: Plan) -> Iterator[Finding]:
    """The container writes nothing, is not root, and is killed only after its drain."""
    for router in routers(plan):
        container, drain = router.container, float(router.environment.get("DISPATCH_DRAIN_S", 30))
        if container.get("readonlyRootFilesystem") is not True:
            yield _contained(router.task, "may write to its file system", "set readonlyRootFilesystem")
        if str(container.get("user") or "root").partition(":")[0] in ("root", "0"):
            yield _contained(router.task, "runs as root", "name a user without rights")
        if (container.get("stopTimeout") or 30) <= drain:
            problem = f"is killed before its drain of {drain:g} s has ended"
            yield _contained(router.task, problem, "set stopTimeout over DISPATCH_DRAIN_S")


def serving(plan: Plan) -> Iterator[Finding]:
    """Every function that a router invokes is there, and may do what its environment names."""
    for router in routers(plan):
        for arn in router.aliases:
            alias = plan.at(arn)
            if alias is None:
                yield _lacks(router.task, f"the function {arn} is not in the plan", "name one that is")
            elif not any(it.get("function_name") == alias.get("function_name") for it in router.functions(plan)):
                yield _lacks(alias, f"its function {alias.get('function_name')} is not in the plan", "name one that is")
        for function in router.functions(plan):
            yield from permitted(plan, function)


def permitted(plan: Plan, function: Resource) -> Iterator[Finding]:
    """A web function may write its log, and do what its environment names."""
    role = plan.at(function.get("role"))
    if role is None:
        yield _lacks(function, f"its role {function.get('role')} is not in the plan", "name one that is")
        return
    yield from _assumed(role, "lambda.amazonaws.com")
    yield from _allowed(plan, role, _logging(plan, f"/aws/lambda/{function.get('function_name')}"))
    yield from _allowed(plan, role, [*_publishing(plan, function), *_connecting(function), *configured_needs(function)])


def configured_needs(function: Resource) -> Iterator[Need]:
    """What a function has to be allowed to read the parameters and secrets that its environment names."""
    partition, _, region, account = function.arn.split(":")[1:5]
    arns, key = f"arn:{partition}", f"arn:{partition}:kms:{region}:{account}:key/any"
    for name, value in _told(function).items():
        if name.startswith("PARAMETER_"):
            arn, service, context = f"{arns}:ssm:{region}:{account}:parameter{value}", "ssm", "parameter_arn"
            yield "ssm:GetParameters", arn, {}
        elif name.startswith("SECRET_"):
            arn, service = f"{arns}:secretsmanager:{region}:{account}:secret:{value}-AbCdEf", "secretsmanager"
            context = "secretarn"
            yield "secretsmanager:GetSecretValue", arn, {}
        else:
            continue
        told = {"kms:viaservice": f"{service}.{region}.amazonaws.com", f"kms:encryptioncontext:{context}": arn}
        yield "kms:Decrypt", key, told


def _starting(plan: Plan, router: Router) -> Iterator[Need]:
    yield "ecr:GetAuthorizationToken", "*", {}
    image = str(router.container.get("image")).rpartition(":")[0]
    for repository in plan.of("aws_ecr_repository"):
        if repository.get("repository_url") == image:
            yield from ((action, repository.arn, {}) for action in PULLING)
    log = (router.container.get("logConfiguration") or {}).get("options") or {}
    yield from _logging(plan, str(log.get("awslogs-group")))
    for secret in router.container.get("secrets") or ():
        # The ARN, the key within its JSON, stage and version.
        yield "secretsmanager:GetSecretValue", ":".join(secret["valueFrom"].split(":")[:7]), {}


def _logging(plan: Plan, name: str) -> Iterator[Need]:
    for group in plan.of("aws_cloudwatch_log_group"):
        if group.get("name") == name:
            yield from ((action, f"{group.arn}:log-stream:any", {}) for action in LOGGING)


def _publishing(plan: Plan, function: Resource) -> Iterator[Need]:
    told = _told(function)
    for bus in plan.of("aws_cloudwatch_event_bus"):
        if bus.get("name") == told.get("FANOUT_BUS"):
            yield "events:PutEvents", bus.arn, {}
    for bucket in plan.of("aws_s3_bucket"):
        if bucket.get("bucket") == told.get("FANOUT_CLAIMS_BUCKET"):
            yield "s3:PutObject", f"{bucket.arn}/{function.get('function_name')}/any", {}
            if key := _key_of_bucket(plan, bucket):
                told_of = {
                    "kms:viaservice": f"s3.{function.arn.split(':')[3]}.amazonaws.com",
                    "kms:resourcealiases": key_alias(plan, key),
                }
                yield from ((action, key.arn, told_of) for action in WRITING)


def _connecting(function: Resource) -> Iterator[Need]:
    """In a VPC (https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html#configuration-vpc-permissions)."""
    if block(function, "vpc_config").get("subnet_ids"):
        by_lambda_itself = {"lambda:sourcefunctionarn": ""}
        yield from ((f"ec2:{action}", "*", by_lambda_itself) for action in CONNECTING)


def _key_of_bucket(plan: Plan, bucket: Resource) -> Resource | None:
    for it in plan.of("aws_s3_bucket_server_side_encryption_configuration"):
        if it.get("bucket") == bucket.get("bucket"):
            by_default = block(it, "rule").get("apply_server_side_encryption_by_default") or [{}]
            return plan.at(by_default[0].get("kms_master_key_id"))
    return None


def _told(function: Resource) -> dict[str, str]:
    return dict(block(function, "environment").get("variables") or {})


def _assumed(role: Resource, service: str) -> Iterator[Finding]:
    told = {"aws:sourceaccount": role.arn.split(":")[4]}
    assume = Request(action="sts:AssumeRole", resource="", principal=("Service", service), told=told)
    if not allows(statements(role.address, role.get("assume_role_policy")), assume):
        yield _lacks(role, f"{service} may not assume it", f"trust {service}")


def _allowed(plan: Plan, role: Resource, needs: Iterable[Need]) -> Iterator[Finding]:
    policy = of_role(plan, role)
    for action, arn, told in needs:
        if not allows(policy, Request(action=action, resource=arn, told=told)):
            yield _lacks(role, f"does not allow {action} on {arn}", "allow it in the role's policy")


def _lacks(at: Resource, problem: str, fix: str = "name one that is") -> Finding:
    return Finding(address=at.address, rule="permission", problem=problem, fix=fix)


def _contained(at: Resource, problem: str, fix: str) -> Finding:
    return Finding(address=at.address, rule="container", problem=problem, fix=fix)


def reached(plan: Plan) -> Iterator[Finding]:
    """Each port of a router is open to those that need it, and to nobody else."""
    for router in routers(plan):
        for service in services(plan, router):
            balancers = _balancers(plan, service)
            outside = {group for it in balancers for group in it.get("security_groups") or ()}
            functions = router.functions(plan)
            web = {group for it in functions for group in block(it, "vpc_config").get("security_group_ids") or ()}
            inside = security_groups(service)
            wanted = _open_ports(plan, router, service, outside, web)
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


def _open_ports(plan: Plan, router: Router, service: Resource, outside: set[str], web: set[str]) -> dict[int, set[str]]:
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
