"""Consoles that let in who has not signed in, or let people do more than their role may."""

import json
from collections.abc import Iterator
from typing import Any, Final

from fanout_tools.plans import Plan, Resource, document
from fanout_tools.proof.consoles import ROLES, Console, consoles
from scripts.mutants.mutant import ELSEWHERE, Mutant, mutant

__all__ = ["of_consoles"]

_TOLD: Final[dict[str, Any]] = {
    "balancer": "arn:aws:elasticloadbalancing:us-east-1:999999999999:loadbalancer/app/elsewhere/0123456789abcdef",
    "client": "elsewhere",
    "host": "elsewhere.example.org",
    "issuer": "https://elsewhere.example.org",
    "keys": "https://keys.example.org",
}
_OIDC: Final[dict[str, Any]] = {
    "on_unauthenticated_request": "allow",
    "issuer": "https://elsewhere.example.org",
    "client_id": "elsewhere",
    "token_endpoint": "http://id.example.org/token",
    "user_info_endpoint": "http://id.example.org/userinfo",
}


def of_consoles(plan: Plan) -> Iterator[Mutant]:
    """Each way to spoil a console."""
    for console in consoles(plan):
        rules = list(plan.of("aws_lb_listener_rule"))
        yield from _told(plan, console, rules)
        for rule in rules:
            yield from _unasked(plan, console, rule)
        yield from _roles(plan, console)


def _told(plan: Plan, console: Console, rules: list[Resource]) -> Iterator[Mutant]:
    """A function that takes another's word, or becomes somebody else."""
    addresses = [it.address for it in rules]
    changes = _TOLD | {name: {"role": ELSEWHERE, "groups": []} for name in ROLES}
    for name, value in changes.items():
        variables = console.function.get("environment")[0]["variables"]
        told = [{"variables": {**variables, "FANOUT_CONSOLE": json.dumps({**console.told, name: value})}}]
        spoilt = plan.changed(console.function.having(environment=told))
        yield mutant(console.function, f"another {name}", spoilt, *addresses, *_policies(plan, console))


def _unasked(plan: Plan, console: Console, rule: Resource) -> Iterator[Mutant]:
    """Rules that ask nobody, or others."""
    function = console.function.address
    yield mutant(rule, "removed", plan.without(rule.address), function)
    yield mutant(rule, "asks nobody", plan.changed(rule.having(action=rule.get("action")[1:])))
    for name, value in _OIDC.items():
        actions = [dict(it) for it in rule.get("action")]
        actions[0]["authenticate_oidc"] = [{**actions[0]["authenticate_oidc"][0], name: value}]
        yield mutant(rule, f"{name} {value}", plan.changed(rule.having(action=actions)))
    elsewhere = [*rule.get("action")[:1], {**rule.get("action")[1], "target_group_arn": ELSEWHERE}]
    yield mutant(rule, "leads elsewhere", plan.changed(rule.having(action=elsewhere)), function)
    plain = next(it for it in plan.of("aws_lb_listener") if it.get("protocol") == "HTTP")
    yield mutant(rule, "in plain text", plan.changed(rule.having(listener_arn=plain.arn)), function)


def _roles(plan: Plan, console: Console) -> Iterator[Mutant]:
    """Roles that have too much or too little, and a function that has rights of its own."""
    policies = {str(it.get("name")).rpartition("-")[2]: it for it in plan.of("aws_iam_policy")}
    for name, arn in console.roles().items():
        role = plan.at(arn)
        assert role is not None
        for attached in plan.of("aws_iam_role_policy_attachment"):
            if attached.get("role") == role.get("name"):
                yield mutant(attached, "removed", plan.without(attached.address), role.address)
                more = plan.changed(attached.having(policy_arn=policies["tuner"].arn))
                yield mutant(attached, "a tuner's", more, role.address)
        yield mutant(role, "removed", plan.without(role.address), console.function.address)
        trust = document(role.get("assume_role_policy"))
        trust["Statement"][0]["Principal"] = {"AWS": f"arn:aws:iam::{'0' * 12}:root"}
        anybody = role.having(assume_role_policy=json.dumps(trust))
        yield mutant(role, f"anybody of the account is an {name}", plan.changed(anybody))
    for policy in _own(plan, console):
        whole = document(policy.get("policy"))
        for action, on in (("sqs:ReceiveMessage", "*"), ("sts:AssumeRole", ELSEWHERE)):
            more_statements = [*whole["Statement"], {"Effect": "Allow", "Action": [action], "Resource": [on]}]
            wider = policy.having(policy=json.dumps({**whole, "Statement": more_statements}))
            yield mutant(policy, f"{action} on {on}", plan.changed(wider))


def _own(plan: Plan, console: Console) -> Iterator[Resource]:
    role = plan.at(console.function.get("role"))
    yield from (it for it in plan.of("aws_iam_role_policy") if role and it.get("role") == role.get("id"))


def _policies(plan: Plan, console: Console) -> Iterator[str]:
    role = plan.at(console.function.get("role"))
    yield from (it.address for it in (*_own(plan, console), role) if it)
