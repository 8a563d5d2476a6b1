"""Every mutant of the good plan is caught, with the right resource named."""

import pytest

from scripts.bench.plan_mutants import Verdict, verdicts


@pytest.fixture(scope="module")
def judged() -> list[Verdict]:
    return list(verdicts())


def test_every_mutant_is_caught(judged: list[Verdict]) -> None:
    missed = [verdict.mutant.name for verdict in judged if not verdict.caught]
    assert missed == []
    assert len(judged) >= 40


def test_mutants_are_made_of_everything_that_a_hop_has(judged: list[Verdict]) -> None:
    assert {verdict.mutant.type for verdict in judged} >= {
        "aws_cloudwatch_event_rule",
        "aws_cloudwatch_event_target",
        "aws_cloudwatch_metric_alarm",
        "aws_ecs_task_definition",
        "aws_iam_role",
        "aws_iam_role_policy",
        "aws_kms_key",
        "aws_lambda_alias",
        "aws_lambda_event_source_mapping",
        "aws_lambda_function",
        "aws_lb_listener",
        "aws_lb_target_group",
        "aws_pipes_pipe",
        "aws_sns_topic",
        "aws_sns_topic_subscription",
        "aws_sqs_queue",
        "aws_vpc_security_group_ingress_rule",
    }
