"""The function URLs and HTTP APIs of a plan, and the functions' own policies.

A policy is read from ``aws_lambda_permission`` and from the permissions of a CloudFormation stack, which
``modules/web`` needs for the one condition that the provider does not know:
https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fanout_tools.plans.plan import Plan, Resource, document

__all__ = ["FrontDoor", "Permission", "front_doors", "permissions"]


@dataclass(frozen=True, kw_only=True)
class FrontDoor:
    """A way by which requests reach a function."""

    via: str
    """As in ``web.yaml``: ``url`` or ``http_api``."""
    at: Resource
    """The function URL, or the API's integration."""
    api: Resource | None = None
    alias: Resource | None
    """What is invoked; None where the plan has no such alias."""

    @property
    def name(self) -> str:
        """Of the function."""
        return str(self.alias.get("function_name")) if self.alias else ""


@dataclass(frozen=True, kw_only=True)
class Permission:
    """A statement of a function's own policy."""

    at: Resource
    """Where the plan has it."""
    function: str
    """The ARN that it is for: an alias's, or the function's."""
    action: str
    principal: str
    source_arn: str = ""
    auth_type: str = ""
    """Of the function URL by which alone it holds."""
    by_url: bool = False
    """Whether it holds for requests by way of a function URL alone."""


def front_doors(plan: Plan) -> Iterator[FrontDoor]:
    """All that there are."""
    for url in plan.of("aws_lambda_function_url"):
        name, alias = url.get("function_name"), url.get("qualifier")
        found = (it for it in plan.of("aws_lambda_alias") if (it.get("function_name"), it.get("name")) == (name, alias))
        yield FrontDoor(via="url", at=url, alias=next(found, None))
    apis = {it.get("id"): it for it in plan.of("aws_apigatewayv2_api")}
    for it in plan.of("aws_apigatewayv2_integration"):
        if it.get("integration_type") == "AWS_PROXY":
            alias = plan.at(str(it.get("integration_uri")).partition("/functions/")[2].removesuffix("/invocations"))
            invoked = alias if alias and alias.type == "aws_lambda_alias" else None
            yield FrontDoor(via="http_api", at=it, api=apis.get(it.get("api_id")), alias=invoked)


def permissions(plan: Plan) -> Iterator[Permission]:
    """Every statement that the plan adds to a function's policy."""
    aliases = {(it.get("function_name"), it.get("name")): it.arn for it in plan.of("aws_lambda_alias")}
    for it in plan.of("aws_lambda_permission"):
        yield Permission(
            at=it,
            function=aliases.get((it.get("function_name"), it.get("qualifier")), str(it.get("function_name"))),
            action=str(it.get("action")),
            principal=str(it.get("principal")),
            source_arn=str(it.get("source_arn") or ""),
            auth_type=str(it.get("function_url_auth_type") or ""),
        )
    for stack in plan.of("aws_cloudformation_stack"):
        for resource in document(stack.get("template_body")).get("Resources", {}).values():
            if resource.get("Type") == "AWS::Lambda::Permission":
                yield _of_stack(stack, resource.get("Properties") or {})


def _of_stack(stack: Resource, said: Mapping[str, Any]) -> Permission:
    return Permission(
        at=stack,
        function=str(said.get("FunctionName")),
        action=str(said.get("Action")),
        principal=str(said.get("Principal")),
        source_arn=str(said.get("SourceArn") or ""),
        auth_type=str(said.get("FunctionUrlAuthType") or ""),
        by_url=said.get("InvokedViaFunctionUrl") is True,
    )
