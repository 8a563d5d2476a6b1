"""Function URLs and HTTP APIs that stand open, lead nowhere, let others in, take too much or fail in silence."""

import json
from collections.abc import Iterator
from typing import Any, Final

from fanout_tools.plans import FrontDoor, Plan, Resource, document, front_doors

__all__ = ["removals", "spoilt"]

Spoilt = Iterator[tuple[Resource, str, Plan, tuple[str, ...]]]
"""The resource, what was done to it, the plan with that, and what else a finding may name."""

_VALUES: Final[dict[str, dict[str, dict[str, Any]]]] = {
    "aws_lambda_function_url": {
        "open to everybody": {"authorization_type": "NONE"},
        "for signed requests": {"authorization_type": "AWS_IAM"},
        "whole answers": {"invoke_mode": "BUFFERED"},
        "streamed answers": {"invoke_mode": "RESPONSE_STREAM"},
        "another alias": {"qualifier": "elsewhere"},
        "another function": {"function_name": "elsewhere"},
        "the newest code": {"qualifier": None},
    },
    "aws_apigatewayv2_route": {
        "open to everybody": {"authorization_type": "NONE", "authorizer_id": None},
        "for signed requests": {"authorization_type": "AWS_IAM", "authorizer_id": None},
        "no authorizer": {"authorizer_id": None},
        "another route": {"route_key": "GET /elsewhere"},
        "another integration": {"target": "integrations/elsewhere"},
    },
    "aws_apigatewayv2_authorizer": {
        "tokens of another API": {"api_id": "elsewhere"},
        "tokens from anywhere": {"jwt_configuration": [{"audience": ["shop"]}]},
        "an issuer in plain text": {"jwt_configuration": [{"audience": ["shop"], "issuer": "http://id.example"}]},
        "tokens for anybody": {"jwt_configuration": [{"issuer": "https://id.example"}]},
    },
    "aws_apigatewayv2_integration": {
        "another function": {"integration_uri": "arn:aws:lambda:us-east-1:999999999999:function:elsewhere"},
        "a short wait": {"timeout_milliseconds": 1000},
        "old events": {"payload_format_version": "1.0"},
    },
    "aws_apigatewayv2_stage": {
        "no limits": {"default_route_settings": []},
        "no rate": {"default_route_settings": [{"throttling_rate_limit": 0, "throttling_burst_limit": 200}]},
        "no burst": {"default_route_settings": [{"throttling_rate_limit": 50, "throttling_burst_limit": 0}]},
        "no log": {"access_log_settings": []},
        "a log elsewhere": {"access_log_settings": [{"destination_arn": "arn:aws:logs:us-east-1:9:log-group:x"}]},
        "deployed by hand": {"auto_deploy": False},
    },
}
_PERMISSIONS: Final[dict[str, dict[str, Any]]] = {
    "everybody, past the door": {
        "action": "lambda:InvokeFunction",
        "principal": "*",
        "source_arn": None,
        "function_url_auth_type": None,
    },
    "every action": {"action": "lambda:*"},
    "another principal": {"principal": "s3.amazonaws.com"},
    "another function": {"function_name": "elsewhere"},
    "another source": {"source_arn": "arn:aws:execute-api:us-east-1:999999999999:elsewhere/*/$default"},
}
_ALARMS: Final[dict[str, dict[str, Any]]] = {
    "a high threshold": {"threshold": 1000},
    "the wrong way": {"comparison_operator": "LessThanThreshold"},
    "no actions": {"alarm_actions": []},
    "actions off": {"actions_enabled": False},
    "another metric": {"metric_name": "Url4xxCount", "metric_query": []},
}


def spoilt(plan: Plan) -> Spoilt:
    """Each way to spoil what stands before a function."""
    doors = list(front_doors(plan))
    every = (*(it.at.address for it in doors), *(it.address for it in plan.of("aws_apigatewayv2_route")))
    for resource in plan.of(*_VALUES):
        for change, values in _VALUES[resource.type].items():
            if all(resource.get(name) != value for name, value in values.items()):
                yield resource, change, plan.changed(resource.having(**values)), every
    names = {it.name for it in doors}
    for resource in (it for it in plan.of("aws_lambda_permission") if it.get("function_name") in names):
        for change, values in _PERMISSIONS.items():
            yield resource, change, plan.changed(resource.having(**values)), every
    for stack in plan.of("aws_cloudformation_stack"):
        yield from _stacks(plan, stack, every)
    for door in doors:
        yield from _alarms(plan, door)
        yield from _wrappers(plan, door)


def removals(plan: Plan) -> Iterator[tuple[Resource, tuple[str, ...]]]:
    """What a door cannot be without, with the door."""
    needed = (
        *_VALUES,
        "aws_lambda_permission",
        "aws_cloudformation_stack",
        "aws_apigatewayv2_api",
        "aws_lambda_function",
    )
    for door in front_doors(plan):
        module = door.at.address.rpartition(f".{door.at.type}.")[0]
        for resource in plan.of(*needed, "aws_lambda_alias"):
            if resource.address.startswith(f"{module}."):
                left = {door.at.address, f"aws_lambda_function {door.name}", *_routes(plan, module)}
                yield resource, tuple(left - {resource.address})


def _routes(plan: Plan, module: str) -> Iterator[str]:
    yield from (it.address for it in plan.of("aws_apigatewayv2_route") if it.address.startswith(f"{module}."))


def _stacks(plan: Plan, stack: Resource, every: tuple[str, ...]) -> Spoilt:
    whole = document(stack.get("template_body"))
    for name, resource in whole["Resources"].items():
        said = resource["Properties"]
        changes = {
            "everybody, past the URL": {**said, "InvokedViaFunctionUrl": False},
            "without its condition": {key: value for key, value in said.items() if key != "InvokedViaFunctionUrl"},
            "another function": {**said, "FunctionName": "elsewhere"},
            "every action": {**said, "Action": "lambda:*"},
        }
        for change, properties in changes.items():
            text = json.dumps({"Resources": {name: {**resource, "Properties": properties}}})
            yield stack, change, plan.changed(stack.having(template_body=text)), every


def _alarms(plan: Plan, door: FrontDoor) -> Spoilt:
    for alarm in plan.of("aws_cloudwatch_metric_alarm"):
        if alarm.address.startswith(f"{door.at.address.rpartition('.' + door.at.type)[0]}."):
            for change, values in _ALARMS.items():
                yield alarm, change, plan.changed(alarm.having(**values)), (door.at.address,)
            yield alarm, "removed", plan.without(alarm.address), (door.at.address,)


def _wrappers(plan: Plan, door: FrontDoor) -> Spoilt:
    """The function sends its answers in another way than the URL hands them on."""
    for function in (it for it in plan.of("aws_lambda_function") if door.via == "url"):
        if function.get("function_name") == door.name:
            told = dict(function.get("environment")[0]["variables"])
            if not told.pop("AWS_LAMBDA_EXEC_WRAPPER", None):
                told["AWS_LAMBDA_EXEC_WRAPPER"] = "/opt/elsewhere"
            yield function, "another loop", plan.changed(function.having(environment=[{"variables": told}])), ()
