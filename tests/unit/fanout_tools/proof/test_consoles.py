"""A console lets in who has signed in, and gives nobody more than their role."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from fanout_tools.plans import Plan, document
from fanout_tools.proof.consoles import Console, apart, consoles, least, signed_in
from fanout_tools.proof.findings import Finding
from scripts.mutants.consoles import of_consoles
from scripts.mutants.fixture import FIXTURE

FUNCTION = "module.platform.module.console[0].module.function"


@pytest.fixture(scope="module")
def deployed() -> Plan:
    """The good plan with a console, of a file beside it."""
    shown = json.loads((FIXTURE / "plan.json").read_text(encoding="utf-8"))
    module = shown["planned_values"]["root_module"]
    more = json.loads((FIXTURE / "console.json").read_text(encoding="utf-8"))
    module["resources"] = list({it["address"]: it for it in (*module["resources"], *more)}.values())
    return Plan.read(shown)


def judged(plan: Plan) -> Iterator[Finding]:
    for rule in (least, apart, signed_in):
        yield from rule(plan)


def test_a_plan_without_a_console_has_nothing_to_judge(plan: Plan) -> None:
    without = plan.without(f"{FUNCTION}.aws_lambda_function.this")
    assert list(judged(without)) == []


def test_the_console_of_modules_console_is_sound(deployed: Plan) -> None:
    [console] = consoles(deployed)
    assert console.function.address == f"{FUNCTION}.aws_lambda_function.this"
    assert list(judged(deployed)) == []


def test_whatever_is_spoilt_is_told(deployed: Plan) -> None:
    """GIVEN each way to spoil a console WHEN judged THEN a finding names what was spoilt."""
    mutants = list(of_consoles(deployed))
    assert len(mutants) > 30
    for mutant in mutants:
        assert {it.address for it in judged(mutant.plan)} & mutant.addresses, mutant.name


def test_what_is_told_says_what_to_do(deployed: Plan) -> None:
    """GIVEN a rule that forwards whoever comes WHEN judged THEN it is named with the fix."""
    [rule] = deployed.of("aws_lb_listener_rule")
    [found] = signed_in(deployed.changed(rule.having(action=rule.get("action")[1:])))
    assert found.address == rule.address
    assert (found.problem, found.fix) == ("forwards whoever has not signed in", "authenticate them first, by OIDC")


def test_a_role_has_no_policy_of_its_own(deployed: Plan) -> None:
    """GIVEN a role of people with a policy beside the three WHEN judged THEN it is named."""
    [policy] = (it for it in deployed.of("aws_iam_role_policy") if it.address.startswith(FUNCTION))
    role = deployed.at(_console(deployed).roles()["observer"])
    assert role is not None
    [found] = apart(deployed.changed(policy.having(role=role.get("name"))))
    assert found.address == role.address
    assert "observers have web beside" in found.problem


def test_everybody_is_nobody_to_trust(deployed: Plan) -> None:
    role = deployed.at(_console(deployed).roles()["operator"])
    assert role is not None
    trust = document(role.get("assume_role_policy"))
    trust["Statement"].append({"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"})
    [found] = apart(deployed.changed(role.having(assume_role_policy=json.dumps(trust))))
    assert "lets * assume it" in found.problem


def _console(plan: Plan) -> Console:
    [found] = consoles(plan)
    return found
