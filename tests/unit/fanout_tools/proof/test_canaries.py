"""Canaries reach workers, and nothing else."""

import json

import pytest

from fanout_tools.plans import Plan, document
from fanout_tools.proof.canaries import contained


def test_the_good_plan_keeps_canaries_to_workers(plan: Plan) -> None:
    assert list(contained(plan)) == []


@pytest.mark.parametrize("source", [{"exists": True}, {"prefix": ""}, {"prefix": "canary.shop"}, "canary.shop.orders"])
def test_a_rule_that_hands_them_to_a_workflow_is_told(plan: Plan, source: object) -> None:
    """GIVEN a workflow's rule that asks for more than its event WHEN judged THEN its target is named, with the fix."""
    rule = next(it for it in plan.of("aws_cloudwatch_event_rule") if it.get("name") == "workflow-settlement")
    wide = json.dumps({**document(rule.get("event_pattern")), "source": [source]})

    [found] = contained(plan.changed(rule.having(event_pattern=wide)))

    assert found.address == 'module.platform.module.workflow["settlement"].aws_cloudwatch_event_target.this'
    assert "its rule workflow-settlement takes canaries" in found.problem


def test_an_archive_that_keeps_them_is_told(plan: Plan) -> None:
    """GIVEN an archive without a pattern WHEN judged THEN it is named: a replay would send canaries again."""
    [archive] = plan.of("aws_cloudwatch_event_archive")

    [found] = contained(plan.changed(archive.having(event_pattern=None)))

    assert found.address == archive.address
    assert "keeps canaries for a replay" in found.problem
