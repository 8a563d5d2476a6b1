"""A router may invoke its functions and do nothing else; only those who need it reach it."""

import json

import pytest

from fanout_router.config import RouterSettings
from fanout_tools.plans import Plan, Resource, document
from fanout_tools.proof.serving import routers
from tests.unit.fanout_tools.proof.conftest import Judge

ROUTER = "module.platform.module.router[0]"
ALIAS = "arn:aws:lambda:us-east-1:000000000000:function:fanout-fixture-storefront:live"


def resource(plan: Plan, address: str) -> Resource:
    return next(it for it in plan.resources if it.address == address)


def test_the_router_takes_what_its_module_tells_it(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    # GIVEN the environment of the task as Terraform planned it, and a certificate as Secrets Manager would give it
    [router] = routers(plan)
    for name, value in router.environment.items():
        monkeypatch.setenv(name, value)
    for secret in router.container["secrets"]:
        monkeypatch.setenv(secret["name"], "PEM")

    # WHEN the router reads it THEN no option is wrong, and its times are those of the load balancer
    settings = RouterSettings.load()
    functions = settings.functions
    balancer = resource(plan, f"{ROUTER}.aws_lb.this")
    longest_s = max(it.queue_timeout_s + it.response_timeout_s for it in functions)

    assert ALIAS in [f"{it.lambda_function}:{it.lambda_qualifier}" for it in functions]
    assert settings.keep_alive_s > balancer.get("idle_timeout") > longest_s
    assert router.container["stopTimeout"] > settings.drain_s >= longest_s
    assert settings.control_tls


def test_a_further_grant_to_the_router_is_told(plan: Plan, judge: Judge) -> None:
    policy = resource(plan, f"{ROUTER}.aws_iam_role_policy.task")
    more = document(policy.get("policy"))
    more["Statement"].append({"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": ["arn:aws:s3:::x/y"]})

    findings = judge(plan.changed(policy.having(policy=json.dumps(more))))

    assert [(it.address, it.rule) for it in findings] == [(policy.address, "scope")]
    assert "allows the router s3:GetObject" in str(findings[0])


def test_another_function_is_one_too_many(plan: Plan, judge: Judge) -> None:
    policy = resource(plan, f"{ROUTER}.aws_iam_role_policy.task")
    more = document(policy.get("policy"))
    more["Statement"][0]["Resource"].append(ALIAS.replace("storefront", "billing"))

    findings = judge(plan.changed(policy.having(policy=json.dumps(more))))

    assert [(it.address, it.rule) for it in findings] == [(policy.address, "scope")]


def test_a_control_port_for_the_load_balancer_is_told(plan: Plan, judge: Judge) -> None:
    rule = resource(plan, f"{ROUTER}.aws_vpc_security_group_ingress_rule.control")
    balancer = resource(plan, f"{ROUTER}.aws_security_group.balancer").get("id")

    findings = judge(plan.changed(rule.having(referenced_security_group_id=balancer)))

    assert {(it.address, it.rule) for it in findings} == {
        (rule.address, "network"),
        (f"{ROUTER}.aws_ecs_service.this", "network"),
    }
    assert f"opens port 8443 of the router to {balancer}" in "\n".join(map(str, findings))


def test_a_secret_that_the_function_may_not_read_is_told(plan: Plan, judge: Judge) -> None:
    function = resource(plan, 'module.platform.module.web["storefront"].aws_lambda_function.this')
    [environment] = function.get("environment")
    told = {**environment["variables"], "SECRET_OTHER": "fanout-fixture/other"}

    findings = judge(plan.changed(function.having(environment=[{"variables": told}])))

    assert (
        "secretsmanager:GetSecretValue on arn:aws:secretsmanager:us-east-1:000000000000:secret:fanout-fixture/other"
        in str(findings)
    )


def test_nobody_is_told_of_a_router_that_is_gone(plan: Plan, judge: Judge) -> None:
    alarm = resource(plan, f"{ROUTER}.aws_cloudwatch_metric_alarm.none_healthy")

    findings = judge(plan.changed(alarm.having(treat_missing_data="notBreaching")))

    assert [(it.address, it.rule) for it in findings] == [(f"{ROUTER}.aws_lb_target_group.this", "alarm")]
