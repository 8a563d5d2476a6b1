"""The least that the role which deploys an environment has to be allowed, by what its plan makes.

Names are bound by the environment's namespace, with which all of them begin; where AWS knows no resource for a call, or
gives a resource an ARN without its name, a condition or nothing binds it (``actions.yaml``).
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import yaml

from fanout_tools.declarations.naming import Names
from fanout_tools.errors import ToolError
from fanout_tools.plans import Plan, document, is_existing, names_of

__all__ = ["POLICIES", "POLICY_CHARACTERS", "Place", "known", "policies"]

POLICY_CHARACTERS: Final = 6_144
"""Of a managed policy, blanks left out (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html)."""
POLICIES: Final = 10
"""Managed policies that a role may have unless AWS gives more: the same page."""
_ACTIONS: Final = Path(__file__).with_name("actions.yaml")
_FRAME: Final = {"Version": "2012-10-17", "Statement": list[Any]()}

Document = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where the environment is, and how its names begin."""

    account: str
    region: str
    prefix: str
    bus: str = ""
    """One that is there already and that nothing is changed of; empty: the environment makes its own."""
    partition: str = "aws"
    path: str = "/"
    """Of its roles."""
    project: str = "fanout"
    """The tag of all that it makes."""

    @classmethod
    def of(cls, plan: Plan, account: str) -> Self:
        """Where a plan is for; it may have been made for no account.

        :raises ToolError: the plan has no bus.
        """
        bus = next(plan.of("aws_cloudwatch_event_bus"), None)
        if bus is None:
            raise ToolError("the plan has no bus: name the plan of an environment")
        _, partition, _, region, _ = bus.arn.split(":", 4)
        paths = {str(it.get("path") or "/") for it in plan.of("aws_iam_role")} - {"/"}
        tags: Mapping[str, Any] = next((it.get("tags_all") for it in plan.resources if it.get("tags_all")), {})
        return cls(
            account=account,
            region=region,
            prefix=names_of(plan).namespace,
            bus=names_of(plan).event_bus,
            partition=partition,
            path=next(iter(sorted(paths)), "/"),
            project=str(tags.get("project", "fanout")),
        )

    def arn(self, rest: str) -> str:
        """What stands in ``actions.yaml``, for this environment."""
        if rest == "*":
            return rest
        bus = self.bus or f"{self.prefix}*"
        rules = Names(self.prefix, self.bus).rule_path(self.prefix) if self.bus else f"rule/{self.prefix}"
        filled = rest.format(
            region=self.region, account=self.account, prefix=self.prefix, path=self.path, bus=bus, rules=rules
        )
        return f"arn:{self.partition}:{filled}"


def known() -> Mapping[str, Sequence[Mapping[str, Any]]]:
    """What is called for each type of resource."""
    found: Mapping[str, Sequence[Mapping[str, Any]]] = yaml.safe_load(_ACTIONS.read_text(encoding="utf-8"))
    return found


def policies(plan: Plan, place: Place, *, state_bucket: str | None = None) -> list[Document]:
    """The documents of as many managed policies as IAM's size makes it, all of them for one role.

    :param state_bucket: where Terraform keeps the state.
    :raises ToolError: the plan holds a type of resource that nothing is known of, or there are too many documents.
    """
    statements = [*_made(plan, place), _handed(plan, place), *_deploying(place), *_state(place, state_bucket)]
    packed = list(_packed(_merged(statements)))
    if len(packed) > POLICIES:
        raise ToolError(f"{len(packed)} policies are needed, and a role has {POLICIES}: ask AWS for more of them")
    return packed


def _made(plan: Plan, place: Place) -> Iterator[dict[str, Any]]:
    types = sorted({it.type for it in plan.resources if it.type.startswith("aws_") and not is_existing(it)})
    calls = known()
    if unknown := [each for each in types if each not in calls]:
        raise ToolError(f"nothing is known of {', '.join(unknown)}: add what Terraform calls for it to {_ACTIONS}")
    boundaries = sorted({str(it.get("permissions_boundary") or "") for it in plan.of("aws_iam_role")} - {""})
    for each in types:
        for call in calls[each]:
            statement: dict[str, Any] = {
                "Effect": "Allow",
                "Action": list(call["actions"]),
                "Resource": sorted({place.arn(rest) for rest in call["resources"]}),
            }
            if call.get("bounded") and boundaries:
                statement["Condition"] = {"StringEquals": {"iam:PermissionsBoundary": boundaries}}
            elif "condition" in call:
                statement["Condition"] = json.loads(json.dumps(call["condition"]).replace("{project}", place.project))
            yield statement


def _handed(plan: Plan, place: Place) -> dict[str, Any]:
    """Roles may be handed to the services that may assume them, and to no other."""
    services = {
        service
        for role in plan.of("aws_iam_role")
        for statement in document(role.get("assume_role_policy")).get("Statement", ())
        for service in _many(statement.get("Principal", {}).get("Service", ()))
    }
    return {
        "Effect": "Allow",
        "Action": ["iam:PassRole"],
        "Resource": sorted({place.arn(f"iam::{{account}}:role{path}{{prefix}}*") for path in ("/", place.path)}),
        "Condition": {"StringEquals": {"iam:PassedToService": sorted(services)}},
    }


def _deploying(place: Place) -> Iterator[dict[str, Any]]:
    """What a deployment does beside Terraform: it asks who it is, shifts traffic, looks at how the new code does, and
    sends canaries through every hop (terraform/modules/canary/role.tf)."""
    yield {
        "Effect": "Allow",
        "Action": ["cloudwatch:DescribeAlarms", "lambda:GetAccountSettings", "sts:GetCallerIdentity"],
        "Resource": ["*"],
    }
    functions = place.arn("lambda:{region}:{account}:function:{prefix}*")
    yield _on(
        functions, "lambda:GetAlias", "lambda:GetFunctionConfiguration", "lambda:InvokeFunction", "lambda:UpdateAlias"
    )
    yield _on(place.arn("logs:{region}:{account}:log-group:/aws/*/{prefix}*"), "logs:FilterLogEvents")
    yield _on(
        place.arn("sqs:{region}:{account}:{prefix}*"),
        *("sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:GetQueueUrl"),
        "sqs:ReceiveMessage",
    )
    yield _on(place.arn("events:{region}:{account}:event-bus/{bus}"), "events:DescribeEventBus")
    yield {
        **_on(place.arn("events:{region}:{account}:event-bus/{bus}"), "events:PutEvents"),
        "Condition": {"ForAllValues:StringLike": {"events:source": ["canary.*"]}},
    }


def _on(resource: str, *actions: str) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": [*actions], "Resource": [resource]}


def _state(place: Place, bucket: str | None) -> Iterator[dict[str, Any]]:
    if bucket is None:
        return
    actions = ["s3:DeleteObject", "s3:GetObject", "s3:ListBucket", "s3:PutObject"]
    yield {
        "Effect": "Allow",
        "Action": actions,
        "Resource": [place.arn(f"s3:::{bucket}"), place.arn(f"s3:::{bucket}/*")],
    }


def _merged(statements: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """One statement for all actions on the same resources under the same condition."""
    found: dict[str, dict[str, Any]] = {}
    for it in statements:
        same = json.dumps([it["Resource"], it.get("Condition")], sort_keys=True)
        kept = found.setdefault(same, {**it, "Action": []})
        kept["Action"] = sorted({*kept["Action"], *it["Action"]})
    return sorted(found.values(), key=_size, reverse=True)


def _packed(statements: Iterable[dict[str, Any]]) -> Iterator[Document]:
    """The statements, each in the first document that has room for it."""
    documents: list[dict[str, Any]] = []
    for it in statements:
        for each in documents:
            if _size({**each, "Statement": [*each["Statement"], it]}) <= POLICY_CHARACTERS:
                each["Statement"].append(it)
                break
        else:
            documents.append({**_FRAME, "Statement": [it]})
    yield from documents


def _size(value: Mapping[str, Any]) -> int:
    return len(json.dumps(value, separators=(",", ":")))


def _many(value: object) -> list[str]:
    return [value] if isinstance(value, str) else [str(each) for each in value] if isinstance(value, list) else []
