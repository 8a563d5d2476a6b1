"""A console lets in who has signed in, and gives nobody more than their role."""

from __future__ import annotations

import json
from collections.abc import Iterator

from fanout_tools.plans import Plan, document
from fanout_tools.proof.consoles import Console, apart, consoles, least, signed_in
from fanout_tools.proof.findings import Finding
from scripts.mutants.consoles import of_consoles

FUNCTION = "module.platform.module.console[0].module.function"


def judged(plan: Plan) -> Iterator[Finding]:
    for rule in (least, apart, signed_in):
        yield from rule(plan)


def test_a_plan_without_a_console_has_nothing_to_judge(plan: Plan) -> None:
    without = plan.without(f"{FUNCTION}.aws_lambda_function.this")
    assert list(judged(without)) == []


def test_the_console_of_modules_console_is_sound(plan: Plan) -> None:
    [console] = consoles(plan)
    assert console.function.address == f"{FUNCTION}.aws_lambda_function.this"
    assert list(judged(plan)) == []


def test_whatever_is_spoilt_is_told(plan: Plan) -> None:
    """GIVEN each way to spoil a console WHEN judged THEN a finding names what was spoilt."""
    mutants = list(of_consoles(plan))
    assert len(mutants) > 30
    for mutant in mutants:
        assert {it.address for it in judged(mutant.plan)} & mutant.addresses, mutant.name


def test_what_is_told_says_what_to_do(plan: Plan) -> None:
    """GIVEN a rule that forwards whoever comes WHEN judged THEN it is named with the fix."""
    [rule] = plan.of("aws_lb_listener_rule")
    [found] = signed_in(plan.changed(rule.having(action=rule.get("action")[1:])))
    assert found.address == rule.address
    assert (found.problem, found.fix) == ("forwards whoever has not signed in", "authenticate them first, by OIDC")


def test_a_role_has_no_policy_of_its_own(plan: Plan) -> None:
    """GIVEN a role of people with a policy beside the three WHEN judged THEN it is named."""
    [policy] = (it for it in plan.of("aws_iam_role_policy") if it.address.startswith(FUNCTION))
    role = plan.at(_console(plan).roles()["observer"])
    assert role is not None
    [found] = apart(plan.changed(policy.having(role=role.get("name"))))
    assert found.address == role.address
    assert "observers have web beside" in found.problem


def test_everybody_is_nobody_to_trust(plan: Plan) -> None:
    role = plan.at(_console(plan).roles()["operator"])
    assert role is not None
    trust = document(role.get("assume_role_policy"))
    trust["Statement"].append({"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"})
    [found] = apart(plan.changed(role.having(assume_role_policy=json.dumps(trust))))
    assert "lets * assume it" in found.problem


def _console(plan: Plan) -> Console:
    [found] = consoles(plan)
    return found
