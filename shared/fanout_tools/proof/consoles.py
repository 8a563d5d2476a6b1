"""A console behind a load balancer: people sign in first, and nobody has more rights by it than their role.

The function's own role may assume the three roles, which it alone may assume, and do nothing else: whoever took it over
would have what an operator has, and no more. Each of the three has the policies of its own name and of those before.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from fanout_tools.plans import Plan, Resource, block, names_of
from fanout_tools.proof.findings import Finding
from fanout_tools.proof.policies import Request, allows, of_role, statements
from fanout_tools.proof.serving import CONNECTING, LOGGING

__all__ = ["ROLES", "Console", "apart", "consoles", "least", "signed_in"]

ASSUME: Final = "sts:AssumeRole"
ROLES: Final = ("observer", "investigator", "operator")
"""Each may do what those before it may."""
_ADDRESSES: Final = ("AssignPrivateIpAddresses", "UnassignPrivateIpAddresses")
OWN: Final = frozenset({ASSUME, *LOGGING, *(f"ec2:{it}" for it in (*CONNECTING, *_ADDRESSES))})
"""What the function may do by itself: its log, and to be in its VPC, which Lambda does in its name."""


@dataclass(frozen=True, kw_only=True)
class Console:
    """A console's function, and what it is told."""

    function: Resource
    told: dict[str, Any]

    def roles(self) -> dict[str, str]:
        """The ARNs that it assumes, by the roles in the console."""
        return {name: str((self.told.get(name) or {}).get("role")) for name in ROLES}


def consoles(plan: Plan) -> Iterator[Console]:
    """The consoles of the plan: the functions that are told of one."""
    for function in plan.of("aws_lambda_function"):
        text = (block(function, "environment").get("variables") or {}).get("FANOUT_CONSOLE")
        if text is not None:
            yield Console(function=function, told=json.loads(text))


def least(plan: Plan) -> Iterator[Finding]:
    """The function may become one of three, and do nothing else by itself."""
    for console in consoles(plan):
        role, assumed = plan.at(console.function.get("role")), set(console.roles().values())
        policy = of_role(plan, role) if role else []
        for arn in sorted(assumed):
            if not allows(policy, Request(action=ASSUME, resource=arn)):
                yield _finding(role or console.function, f"may not assume {arn}", f"allow it {ASSUME}")
        for statement in (it for it in policy if it.allow):
            if beyond := {*statement.actions} - OWN:
                problem = f"allows the console {', '.join(sorted(beyond))} in nobody's name"
                yield Finding(
                    address=statement.at, rule="console", problem=problem, fix="leave that to the three roles"
                )
            if ASSUME in statement.actions and (others := {*statement.resources} - assumed):
                problem = f"lets the console assume {', '.join(sorted(others))}"
                yield Finding(address=statement.at, rule="console", problem=problem, fix="name the three roles alone")


def apart(plan: Plan) -> Iterator[Finding]:
    """Each of the three roles is there, assumed by the console alone, and has the policies of its name and below."""
    for console in consoles(plan):
        for number, (name, arn) in enumerate(console.roles().items()):
            role = plan.at(arn)
            if role is None or role.type != "aws_iam_role":
                yield _finding(console.function, f"assumes {arn}, which is not in the plan", "name a role that is")
                continue
            yield from _trusted(role, str(console.function.get("role")))
            yield from _attached(plan, role, {f"{names_of(plan).namespace}-{it}" for it in ROLES[: number + 1]}, name)


def _trusted(role: Resource, console: str) -> Iterator[Finding]:
    trust = statements(role.address, role.get("assume_role_policy"))
    if not allows(trust, Request(action=ASSUME, resource="", principal=("AWS", console))):
        yield _finding(role, f"does not let {console} assume it", "trust the console's role")
    others = {name for it in trust if it.allow for kind, name in it.principals if (kind, name) != ("AWS", console)}
    if others or any(it.negated for it in trust):
        yield _finding(role, f"lets {', '.join(sorted(others)) or 'all but some'} assume it", "trust the console alone")
    if any({*it.actions} - {ASSUME} for it in trust if it.allow):
        yield _finding(role, "lets the console do more with it than to assume it", f"allow {ASSUME} alone")


def _attached(plan: Plan, role: Resource, wanted: set[str], name: str) -> Iterator[Finding]:
    attached = {
        str(it.get("policy_arn"))
        for it in plan.of("aws_iam_role_policy_attachment")
        if it.get("role") == role.get("name")
    }
    known = {it.arn: str(it.get("name")) for it in plan.of("aws_iam_policy")}
    found = {known.get(arn, arn) for arn in attached}
    if missing := wanted - found:
        yield _finding(role, f"{name}s lack {', '.join(sorted(missing))}", "attach the policies of modules/operators")
    own = [it.get("name") for it in plan.of("aws_iam_role_policy") if it.get("role") in (role.get("id"), role.arn)]
    if more := (found - wanted) | set(map(str, own)):
        yield _finding(role, f"{name}s have {', '.join(sorted(more))} beside", "detach it: it is not in their role")


def signed_in(plan: Plan) -> Iterator[Finding]:
    """Whoever asks for the console's host is asked to sign in, with the provider and at the load balancer whose word
    the function takes."""
    for console in consoles(plan):
        host, balancer = console.told.get("host"), plan.at(str(console.told.get("balancer")))
        if balancer is None or balancer.type != "aws_lb":
            problem = "takes the word of a load balancer that is not in the plan"
            yield _finding(console.function, problem, "name the router's in FANOUT_CONSOLE")
            continue
        region = balancer.arn.split(":")[3]
        if console.told.get("keys") != f"https://public-keys.auth.elb.{region}.amazonaws.com":
            problem = f"takes keys from {console.told.get('keys')}"
            yield _finding(console.function, problem, "name AWS's for the region")
        rules = [it for it in plan.of("aws_lb_listener_rule") if _hosts(it) == [host]]
        if not any(_leads(plan, it, balancer) for it in rules):
            problem = f"no rule of {balancer.address} leads {host} to it: nobody is asked to sign in"
            yield _finding(console.function, problem, "use modules/console")
        for rule in rules:
            yield from _asks(rule, console)


def _hosts(rule: Resource) -> list[str]:
    return [
        host for it in rule.get("condition") or () for named in it.get("host_header") or () for host in named["values"]
    ]


def _leads(plan: Plan, rule: Resource, balancer: Resource) -> bool:
    listener = next((it for it in plan.of("aws_lb_listener") if it.arn == rule.get("listener_arn")), None)
    return (
        listener is not None
        and listener.get("load_balancer_arn") == balancer.arn
        and listener.get("protocol") == "HTTPS"
        and any(it.arn == _actions(rule)[-1].get("target_group_arn") for it in plan.of("aws_lb_target_group"))
    )


def _actions(rule: Resource) -> list[dict[str, Any]]:
    return sorted(rule.get("action") or [{}], key=lambda it: it.get("order") or 0)


def _asks(rule: Resource, console: Console) -> Iterator[Finding]:
    first = _actions(rule)[0]
    told: dict[str, Any] = next(iter(first.get("authenticate_oidc") or ()), {})
    if first.get("type") != "authenticate-oidc" or told.get("on_unauthenticated_request") != "authenticate":
        yield _finding(rule, "forwards whoever has not signed in", "authenticate them first, by OIDC")
        return
    for name, wanted in (("issuer", "issuer"), ("client_id", "client")):
        if told.get(name) != console.told.get(wanted):
            problem = f"its {name} is {told.get(name)}, the function takes the word of {console.told.get(wanted)}"
            yield _finding(rule, problem, "let modules/console name both")
    plain = [name for name in _ENDPOINTS if not str(told.get(name)).startswith("https://")]
    if plain:
        yield _finding(rule, f"asks the identity provider in plain text: {', '.join(plain)}", "name https:// addresses")


_ENDPOINTS: Final = ("issuer", "authorization_endpoint", "token_endpoint", "user_info_endpoint")


def _finding(at: Resource, problem: str, fix: str) -> Finding:
    return Finding(address=at.address, rule="console", problem=problem, fix=fix)
