"""The identities that AWS would give to planned resources: ARN, id, URL and the like.

Where AWS makes an ARN of the resource's name, so does this; the modules compute some of these ARNs themselves, and
both must agree. Any other identity (a KMS key's) is made up, well formed and the resource's alone, from its address.
Formats: https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from fanout_tools.plans import resources

__all__ = ["ACCOUNT", "Account", "identified"]

ACCOUNT: Final = "000000000000"
"""The account that a plan without an account is made for."""

Values = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Account:
    """Where the resources are."""

    partition: str = "aws"
    region: str = "us-east-1"
    number: str = ACCOUNT

    def arn(self, service: str, rest: str) -> str:
        return f"arn:{self.partition}:{service}:{self.region}:{self.number}:{rest}"

    def world_arn(self, service: str, rest: str) -> str:
        """Of services that are not regional."""
        return f"arn:{self.partition}:{service}::{self.number if service == 'iam' else ''}:{rest}"


def _rule(account: Account, it: Values) -> dict[str, Any]:
    bus = it.get("event_bus_name") or "default"
    path = it["name"] if bus == "default" else f"{bus}/{it['name']}"
    return {"arn": account.arn("events", f"rule/{path}"), "id": path}


def _queue(account: Account, it: Values) -> dict[str, Any]:
    url = f"https://sqs.{account.region}.amazonaws.com/{account.number}/{it['name']}"
    return {"arn": account.arn("sqs", it["name"]), "id": url, "url": url}


def _function(account: Account, it: Values) -> dict[str, Any]:
    arn = account.arn("lambda", f"function:{it['function_name']}")
    return {"arn": arn, "id": it["function_name"], "version": "1", "qualified_arn": f"{arn}:1"}


def _alias(account: Account, it: Values) -> dict[str, Any]:
    arn = account.arn("lambda", f"function:{it['function_name']}:{it['name']}")
    invoke = f"arn:{account.partition}:apigateway:{account.region}:lambda:path/2015-03-31/functions/{arn}/invocations"
    return {"arn": arn, "id": arn, "function_version": it.get("function_version") or "1", "invoke_arn": invoke}


def _api(account: Account, it: Values) -> dict[str, Any]:
    number = uuid.uuid5(uuid.NAMESPACE_URL, it["address"]).hex[:10]
    return {
        "arn": f"arn:{account.partition}:apigateway:{account.region}::/apis/{number}",
        "id": number,
        "execution_arn": account.arn("execute-api", number),
        "api_endpoint": f"https://{number}.execute-api.{account.region}.amazonaws.com",
    }


def _layer(account: Account, it: Values) -> dict[str, Any]:
    arn = account.arn("lambda", f"layer:{it['layer_name']}")
    return {"layer_arn": arn, "arn": f"{arn}:1", "id": f"{arn}:1", "version": "1"}


def _bucket(account: Account, it: Values) -> dict[str, Any]:
    return {"arn": account.world_arn("s3", it["bucket"]), "id": it["bucket"]}


def _key(account: Account, it: Values) -> dict[str, Any]:
    number = str(uuid.uuid5(uuid.NAMESPACE_URL, it["address"]))
    return {"arn": account.arn("kms", f"key/{number}"), "id": number, "key_id": number}


def _data(_: Account, it: Values) -> dict[str, Any]:
    return {"id": str(uuid.uuid5(uuid.NAMESPACE_URL, it["address"])), "output": it.get("input")}


def _named(service: str, prefix: str, name: str = "name") -> Callable[[Account, Values], dict[str, Any]]:
    return lambda account, it: {"arn": account.arn(service, f"{prefix}{it[name]}"), "id": it[name]}


def _topic(account: Account, it: Values) -> dict[str, Any]:
    return dict.fromkeys(("arn", "id"), account.arn("sns", it["name"]))


def _policy(account: Account, it: Values) -> dict[str, Any]:
    return dict.fromkeys(("arn", "id"), account.world_arn("iam", f"policy/{it['name']}"))


def _machine(account: Account, it: Values) -> dict[str, Any]:
    return dict.fromkeys(("arn", "id"), account.arn("states", f"stateMachine:{it['name']}"))


def _api_destination(account: Account, it: Values) -> dict[str, Any]:
    number = uuid.uuid5(uuid.NAMESPACE_URL, it["address"])
    return {"arn": account.arn("events", f"api-destination/{it['name']}/{number}"), "id": it["name"]}


def _balanced(kind: str) -> Callable[[Account, Values], dict[str, Any]]:
    """Of Elastic Load Balancing, whose ARNs end in 16 digits of its own choice."""

    def identity(account: Account, it: Values) -> dict[str, Any]:
        suffix = f"{kind}/{it['name']}/{uuid.uuid5(uuid.NAMESPACE_URL, it['address']).hex[:16]}"
        arn = account.arn("elasticloadbalancing", suffix if kind == "targetgroup" else f"loadbalancer/{suffix}")
        domain = f"{it['name']}.{account.region}.elb.amazonaws.com"
        return {"arn": arn, "id": arn, "arn_suffix": suffix, "dns_name": domain, "zone_id": "Z0"}

    return identity


def _schedule(account: Account, it: Values) -> dict[str, Any]:
    path = f"{it.get('group_name') or 'default'}/{it['name']}"
    return {"arn": account.arn("scheduler", f"schedule/{path}"), "id": path}


def _repository(account: Account, it: Values) -> dict[str, Any]:
    url = f"{account.number}.dkr.ecr.{account.region}.amazonaws.com/{it['name']}"
    return {"arn": account.arn("ecr", f"repository/{it['name']}"), "id": it["name"], "repository_url": url}


def _task_definition(account: Account, it: Values) -> dict[str, Any]:
    family = account.arn("ecs", f"task-definition/{it['family']}")
    return {"arn": f"{family}:1", "arn_without_revision": family, "id": it["family"], "revision": 1}


def _security_group(account: Account, it: Values) -> dict[str, Any]:
    number = f"sg-{uuid.uuid5(uuid.NAMESPACE_URL, it['address']).hex[:17]}"
    return {"arn": account.arn("ec2", f"security-group/{number}"), "id": number}


_FORMATS: Final[Mapping[str, Callable[[Account, Values], dict[str, Any]]]] = {
    "aws_apigatewayv2_api": _api,
    "aws_cloudwatch_event_api_destination": _api_destination,
    "aws_cloudwatch_event_archive": _named("events", "archive/"),
    "aws_cloudwatch_event_bus": _named("events", "event-bus/"),
    "aws_cloudwatch_event_rule": _rule,
    "aws_cloudwatch_log_group": _named("logs", "log-group:"),
    "aws_cloudwatch_metric_alarm": _named("cloudwatch", "alarm:", "alarm_name"),
    "aws_dynamodb_table": _named("dynamodb", "table/"),
    "aws_ecr_repository": _repository,
    "aws_ecs_cluster": lambda account, it: dict.fromkeys(("arn", "id"), account.arn("ecs", f"cluster/{it['name']}")),
    "aws_ecs_task_definition": _task_definition,
    "aws_iam_policy": _policy,
    "aws_iam_role": lambda account, it: {
        "arn": account.world_arn("iam", f"role{it.get('path') or '/'}{it['name']}"),
        "id": it["name"],
    },
    "aws_kms_alias": _named("kms", ""),
    "aws_kms_key": _key,
    "aws_lambda_alias": _alias,
    "aws_lambda_function": _function,
    "aws_lambda_layer_version": _layer,
    "aws_lb": _balanced("app"),
    "aws_lb_target_group": _balanced("targetgroup"),
    "aws_pipes_pipe": _named("pipes", "pipe/"),
    "aws_s3_bucket": _bucket,
    "aws_scheduler_schedule": _schedule,
    "aws_scheduler_schedule_group": _named("scheduler", "schedule-group/"),
    "aws_sfn_state_machine": _machine,
    "aws_security_group": _security_group,
    "aws_sns_topic": _topic,
    "aws_sqs_queue": _queue,
    "terraform_data": _data,
}


def identified(shown: dict[str, Any]) -> dict[str, Any]:
    """The plan with an identity for each resource that has none yet; changes the plan it is given."""
    account = _account(shown)
    unknown = {it["address"]: it["change"].get("after_unknown") or {} for it in shown["resource_changes"]}
    for resource in resources(shown["planned_values"]["root_module"]):
        identity = _identity(account, resource)
        wanted = identity.keys() & unknown.get(resource["address"], {}).keys()
        values = resource.setdefault("values", {})  # Terraform leaves it out where no value is known
        values.update({name: identity[name] for name in sorted(wanted)})
    return shown


def _identity(account: Account, resource: Mapping[str, Any]) -> dict[str, Any]:
    kind, address = resource["type"], resource["address"]
    if kind in _FORMATS:
        return _FORMATS[kind](account, {**resource.get("values", {}), "address": address})
    token = uuid.uuid5(uuid.NAMESPACE_URL, address).hex[:12]
    service = kind.removeprefix("aws_").partition("_")[0]
    return {"id": token, "arn": account.arn(service, f"{kind}/{token}")}


def _account(shown: Mapping[str, Any]) -> Account:
    """Whom the plan is for, as its data sources were told."""
    told = {
        resource["type"]: resource["values"]
        for resource in resources(shown.get("prior_state", {}).get("values", {}).get("root_module", {}))
        if resource["mode"] == "data"
    }
    return Account(
        partition=told.get("aws_partition", {}).get("partition", "aws"),
        region=told.get("aws_region", {}).get("id", "us-east-1"),
        number=told.get("aws_caller_identity", {}).get("account_id", ACCOUNT),
    )
