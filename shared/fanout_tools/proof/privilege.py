"""Least privilege: nothing is granted by ``*``, and nothing to everybody, unless ``allowed.yaml`` gives the reason."""

from collections.abc import Iterator
from typing import Final

from fanout_tools.plans import Plan
from fanout_tools.proof.findings import Finding
from fanout_tools.proof.policies import SCOPES, Statement, statements

__all__ = ["narrow"]

_POLICIES: Final = ("policy", "assume_role_policy", "policy_document")
_OPEN_KEYS: Final = "aws_kms_key"


def narrow(plan: Plan) -> Iterator[Finding]:
    """No wildcard action or resource, no principal that anybody is, no policy that AWS may widen."""
    for it in plan.resources:
        for attribute in _POLICIES:
            if isinstance(it.get(attribute), str):
                for statement in statements(it.address, it.get(attribute)):
                    yield from _narrow(statement, of_key=it.type.startswith(_OPEN_KEYS))
        for inline in it.get("inline_policy") or ():
            for statement in statements(it.address, inline.get("policy")):
                yield from _narrow(statement, of_key=False)
        if it.type == "aws_iam_role_policy_attachment" and ":aws:policy/" in str(it.get("policy_arn")):
            problem = f"{it.get('policy_arn')} is AWS's, and may be widened any day"
            yield _wide(it.address, "managed-policy", str(it.get("policy_arn")), problem, "write the statements out")
        if it.type == "aws_lambda_permission" and not (it.get("source_arn") or it.get("source_account")):
            problem = f"any resource may have {it.get('principal')} call the function"
            yield _wide(it.address, "public-principal", str(it.get("principal")), problem, "set source_arn")


def _narrow(statement: Statement, *, of_key: bool) -> Iterator[Finding]:
    if not statement.allow:
        return
    if statement.negated:
        problem = "NotAction, NotResource or NotPrincipal allows all but what it names"
        yield _wide(statement.at, "wildcard-action", "Not", problem, "name what is allowed")
    for action in statement.actions:
        if "*" in action and not (of_key and _delegates(statement)):
            yield _wide(statement.at, "wildcard-action", action, f"allows the action {action}", "name the actions")
    for resource in statement.resources:
        # In a key's policy * is the key itself.
        if "*" in _bare(resource) and not of_key:
            keys = sorted({key for _, key, _ in statement.conditions})
            value = " if ".join([f"{', '.join(statement.actions)} on {resource}", *keys])
            yield _wide(statement.at, "wildcard-resource", value, f"allows {value}", "name the resources")
    for kind, name in statement.principals:
        if name == "*" and not any(key in SCOPES for _, key, _ in statement.conditions):
            yield _wide(statement.at, "public-principal", f"{kind}:*", "is open to everybody", "name the principal")


def _bare(resource: str) -> str:
    """A log group's ARN ends in ``:*``, which stands for its streams
    (https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatchlogs.html)."""
    return resource.removesuffix(":*") if ":log-group:" in resource else resource


def _delegates(statement: Statement) -> bool:
    """AWS's default key policy, which lets IAM policies of the account decide
    (https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html)."""
    return all(kind == "AWS" and name.endswith(":root") for kind, name in statement.principals)


def _wide(address: str, rule: str, value: str, problem: str, fix: str) -> Finding:
    fix = f"{fix}, or give the reason in shared/fanout_tools/proof/allowed.yaml"
    return Finding(address=address, rule=rule, problem=problem, fix=fix, value=value)
