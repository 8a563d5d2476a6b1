"""IAM policy documents: what they grant, to whom, under which conditions.

Evaluation follows AWS's: an explicit Deny wins, then an Allow is needed
(https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html). What this module does not
understand never proves anything: an unknown condition makes an Allow fail and a Deny hold.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import Any, Final

from fanout_tools.plans import Plan, Resource, document

__all__ = [
    "SCOPES",
    "Request",
    "Statement",
    "allows",
    "elsewhere",
    "matches",
    "may",
    "of_resource",
    "of_role",
    "source_arns",
    "statements",
]

SCOPES: Final = ("aws:sourcearn", "aws:sourceaccount", "aws:sourceorgid", "aws:principalorgid", "kms:calleraccount")
"""Condition keys that tie a grant to a source or an organisation; in lower case, as AWS compares them."""

_ATTACHED: Final[Mapping[str, tuple[str, str, str, str]]] = {
    # resource: the type that attaches a policy to it, by which attribute, to which of its own, the policy's attribute
    "aws_sqs_queue": ("aws_sqs_queue_policy", "queue_url", "url", "policy"),
    "aws_sns_topic": ("aws_sns_topic_policy", "arn", "arn", "policy"),
    "aws_kms_key": ("aws_kms_key_policy", "key_id", "key_id", "policy"),
    "aws_cloudwatch_event_bus": ("aws_cloudwatch_event_bus_policy", "event_bus_name", "name", "policy"),
    "aws_s3_bucket": ("aws_s3_bucket_policy", "bucket", "id", "policy"),
}


@dataclass(frozen=True, kw_only=True)
class Statement:
    """One statement of a policy, with every "one or many" made many."""

    at: str
    """The address of the resource that holds the policy."""
    allow: bool
    principals: tuple[tuple[str, str], ...]
    """Kind (Service, AWS, Federated) and name; of an identity's policy none."""
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    conditions: tuple[tuple[str, str, tuple[str, ...]], ...]
    """Operator, key in lower case, values."""
    negated: bool
    """Whether it has NotAction, NotPrincipal or NotResource: it then grants all but what it names."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """A call that a policy has to decide on."""

    action: str
    resource: str
    principal: tuple[str, str] | None = None
    """Kind and name; None for an identity's own policy."""
    source_arn: str = ""
    """For whom a service calls; empty where it names nobody."""
    told: Mapping[str, str] = field(default_factory=dict)
    """Further condition keys (lower case) that AWS sets for such a call."""

    def context(self) -> Mapping[str, str]:
        """The condition keys that AWS sets for the call."""
        account = self.source_arn.split(":")[4] if self.source_arn.count(":") > 4 else ""
        return {
            "aws:securetransport": "true",
            **self.told,
            **({"aws:sourcearn": self.source_arn} if self.source_arn else {}),
            **({"aws:sourceaccount": account, "kms:calleraccount": account} if account else {}),
        }


@lru_cache(maxsize=1024)  # a policy is read anew for each request it has to decide on
def statements(at: str, text: str | None) -> tuple[Statement, ...]:
    """The statements of a policy (JSON)."""
    return tuple(_statement(at, it) for it in _many(document(text).get("Statement")))


def _statement(at: str, it: Mapping[str, Any]) -> Statement:
    return Statement(
        at=at,
        allow=it.get("Effect") == "Allow",
        principals=tuple(_principals(it.get("Principal"))),
        actions=tuple(_many(it.get("Action"))),
        resources=tuple(_many(it.get("Resource"))),
        conditions=tuple(_conditions(it.get("Condition") or {})),
        negated=any(key in it for key in ("NotAction", "NotPrincipal", "NotResource")),
    )


def of_resource(plan: Plan, resource: Resource) -> list[Statement]:
    """The statements of a resource's own policy, wherever the plan sets it."""
    found = list(statements(resource.address, resource.get("policy")))
    if resource.type in _ATTACHED:
        kind, ours, theirs, policy = _ATTACHED[resource.type]
        for it in plan.of(kind):
            if it.get(ours) in (resource.get(theirs), resource.arn):
                found += statements(it.address, it.get(policy))
    if resource.type == "aws_cloudwatch_log_group":
        for it in plan.of("aws_cloudwatch_log_resource_policy"):
            found += statements(it.address, it.get("policy_document"))
    return found


def of_role(plan: Plan, role: Resource) -> list[Statement]:
    """The statements of the policies that a role has in this plan."""
    attached = {
        it.get("policy_arn") for it in plan.of("aws_iam_role_policy_attachment") if it.get("role") == role.get("name")
    }
    found: list[Statement] = []
    for it in plan.of("aws_iam_role_policy"):
        if it.get("role") in (role.get("id"), role.get("name")):
            found += statements(it.address, it.get("policy"))
    for it in plan.of("aws_iam_policy"):
        if it.arn in attached:
            found += statements(it.address, it.get("policy"))
    return found


def allows(policy: Iterable[Statement], request: Request) -> bool:
    """Whether the statements let the request through."""
    applying = [it for it in policy if not it.negated and _concerns(it, request)]
    if any(not it.allow and _met(it, request) is not False for it in applying):
        return False
    return any(it.allow and _met(it, request) is True for it in applying)


def may(policy: Iterable[Statement], request: Request) -> bool:
    """Whether the statements might let the request through: :func:`allows` in the attacker's favour. What cannot be
    told makes an Allow hold and a Deny fail."""
    policy = list(policy)
    if any(not it.allow and not it.negated and _concerns(it, request) and _met(it, request) is True for it in policy):
        return False
    return any(it.allow and (it.negated or _concerns(it, request)) and _met(it, request) is not False for it in policy)


def source_arns(statement: Statement) -> tuple[str, ...]:
    """The ARNs that a grant is scoped to; empty when it is not scoped by any."""
    found = [values for operator, key, values in statement.conditions if key == "aws:sourcearn" and _positive(operator)]
    return tuple(value for values in found for value in values)


def elsewhere(arn: str) -> str:
    """The same ARN in another account."""
    parts = arn.split(":")
    parts[4] = "9" * 12 if parts[4] != "9" * 12 else "8" * 12
    return ":".join(parts)


def _concerns(statement: Statement, request: Request) -> bool:
    return (
        (request.principal is None or _names(statement.principals, request.principal))
        and any(matches(pattern.lower(), request.action.lower()) for pattern in statement.actions)
        # A role's trust policy and a key's policy speak of what they are attached to.
        and (not statement.resources or any(matches(pattern, request.resource) for pattern in statement.resources))
    )


def _names(principals: Iterable[tuple[str, str]], wanted: tuple[str, str]) -> bool:
    return any((k, n) == wanted or (n == "*" and k in ("*", wanted[0])) for k, n in principals)


def _met(statement: Statement, request: Request) -> bool | None:
    """Whether the conditions hold; None when that cannot be told."""
    answers = [_holds(operator, key, values, request.context()) for operator, key, values in statement.conditions]
    if False in answers:
        return False
    return None if None in answers else True


_EVERY: Final = "ForAllValues:"


def _holds(operator: str, key: str, values: tuple[str, ...], context: Mapping[str, str]) -> bool | None:
    if operator == "Null":
        return (key not in context) == ("true" in values)
    if key not in context:  # of no value all are as they should be
        return True if operator.endswith("IfExists") or operator.startswith(_EVERY) else None
    # A key of one value: any of it is all of it.
    bare = operator.removesuffix("IfExists").removeprefix("ForAnyValue:").removeprefix(_EVERY)
    actual = context[key]
    if bare in ("ArnEquals", "ArnLike", "StringLike"):
        return any(matches(value, actual) for value in values)
    if bare in ("StringEquals", "Bool"):
        return actual in values
    if bare == "StringNotEquals":
        return actual not in values
    negative = bare in ("ArnNotEquals", "ArnNotLike", "StringNotLike")
    return not any(matches(value, actual) for value in values) if negative else None


def _positive(operator: str) -> bool:
    return operator in ("ArnEquals", "ArnLike", "StringEquals", "StringLike")


def matches(pattern: str, text: str) -> bool:
    """Whether IAM's pattern, with * and ?, is met."""
    return _compiled(pattern).fullmatch(text) is not None


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), re.DOTALL)


def _principals(given: Any) -> Iterator[tuple[str, str]]:
    if given == "*":
        yield ("*", "*")
    elif isinstance(given, Mapping):
        for kind, names in given.items():
            yield from ((kind, name) for name in _many(names))


def _conditions(given: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    for operator, keys in given.items():
        for key, values in keys.items():
            yield operator, key.lower(), tuple(str(value) if value is not True else "true" for value in _many(values))


def _many(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
