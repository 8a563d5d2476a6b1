"""Who may call a web function that no router stands before, and what is told of it."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from fanout_tools.declarations.web import WebManifest
from fanout_tools.plans import Plan, Resource, document
from fanout_tools.proof.front_doors import as_declared
from tests.unit.fanout_tools.proof.conftest import WEB, Judge

HOOKS, API = (f'module.platform.module.web["{name}"]' for name in ("hooks", "api"))
URL = f"{HOOKS}.aws_lambda_function_url.this[0]"
STACK = f"{HOOKS}.aws_cloudformation_stack.url[0]"


def resource(plan: Plan, address: str) -> Resource:
    return next(it for it in plan.resources if it.address == address)


def test_an_open_url_needs_both_permissions(plan: Plan, judge: Judge) -> None:
    """GIVEN a URL for everybody WHEN the policy has but what AWS asked for until October 2025 THEN it is told."""
    [finding] = judge(plan.without(STACK))
    assert (finding.address, finding.rule) == (URL, "permission")
    assert "lambda:InvokeFunction by everybody through the URL is not allowed" in str(finding)


def test_nobody_invokes_past_an_open_url(plan: Plan, judge: Judge) -> None:
    """GIVEN the permission as Terraform's provider can write it WHEN it lacks its condition THEN it is told that every
    account may invoke the function with any event."""
    stack = resource(plan, STACK)
    template = document(stack.get("template_body"))
    del template["Resources"]["Invoke"]["Properties"]["InvokedViaFunctionUrl"]

    findings = judge(plan.changed(stack.having(template_body=json.dumps(template))))

    assert {(it.address, it.rule) for it in findings} == {(STACK, "scope"), (URL, "permission")}
    assert "lets every AWS account call lambda:InvokeFunction" in "\n".join(map(str, findings))


@pytest.mark.parametrize(
    ("name", "declared", "rule", "told"),
    [
        ("hooks", {"via": "url", "url": {"streaming": True}}, "open", "NONE, and web.yaml declares auth: iam"),
        (
            "hooks",
            {"via": "url", "url": {"auth": "none"}},
            "open",
            "and web.yaml declares streaming: false",
        ),
        ("hooks", {"via": "router"}, "open", "leads to fanout-fixture-hooks: no web.yaml declares it via url"),
        ("api", {"via": "http_api", "http_api": {"auth": "none"}}, "open", "bearers of tokens: declared is auth: none"),
        ("storefront", {"via": "url"}, "delivery", "the plan has nothing by which it is reached"),
    ],
)
def test_what_is_not_as_declared_is_told(plan: Plan, name: str, declared: dict[str, Any], rule: str, told: str) -> None:
    other = WebManifest.model_validate({"description": "Probe", **declared})
    web: Mapping[str, WebManifest] = {**WEB, name: other}

    findings = list(as_declared(plan, web))

    assert rule in {it.rule for it in findings}
    assert told in "\n".join(map(str, findings))


def test_an_api_that_forgets_its_tokens_is_told(plan: Plan, judge: Judge) -> None:
    route = resource(plan, f"{API}.aws_apigatewayv2_route.this[0]")

    [finding] = judge(plan.changed(route.having(authorization_type="NONE", authorizer_id=None)))

    assert (finding.address, finding.rule) == (route.address, "open")
    assert "lets in everybody: declared is auth: jwt" in str(finding)


def test_another_api_may_not_invoke_the_function(plan: Plan, judge: Judge) -> None:
    permission = resource(plan, f"{API}.aws_lambda_permission.http_api[0]")

    findings = judge(plan.changed(permission.having(source_arn="arn:aws:execute-api:us-east-1:000000000000:*/*")))

    assert {(it.address, it.rule) for it in findings} == {
        (permission.address, "scope"),
        (f"{API}.aws_apigatewayv2_integration.this[0]", "permission"),
    }


def test_a_permission_without_a_door_is_one_too_many(plan: Plan, judge: Judge) -> None:
    """GIVEN a worker WHEN its function lets in the API of another THEN it is told."""
    permission = resource(plan, f"{API}.aws_lambda_permission.http_api[0]")
    more = permission.having(function_name="fanout-fixture-billing")
    beside = Resource(address="aws_lambda_permission.more", type=more.type, values=more.values)

    [finding] = judge(Plan((*plan.resources, beside)))

    assert (finding.address, finding.rule) == (beside.address, "scope")
    assert "fanout-fixture-billing:live, which has no URL and no HTTP API" in str(finding)


def test_a_gateway_that_gives_up_first_is_told(plan: Plan, judge: Judge) -> None:
    integration = resource(plan, f"{API}.aws_apigatewayv2_integration.this[0]")

    [finding] = judge(plan.changed(integration.having(timeout_milliseconds=19_999)))

    assert "answers 503 while its function still works" in str(finding)


def test_failed_requests_wake_somebody(plan: Plan, judge: Judge) -> None:
    for door, alarm, metric in (
        (URL, f'{HOOKS}.aws_cloudwatch_metric_alarm.errors["url"]', "Url5xxCount"),
        (f"{API}.aws_apigatewayv2_integration.this[0]", f'{API}.aws_cloudwatch_metric_alarm.errors["http_api"]', "5xx"),
    ):
        [finding] = judge(plan.without(alarm))
        assert (finding.address, finding.rule) == (door, "alarm")
        assert f"{metric} wakes nobody" in str(finding)
