"""Every type of resource is priced, free for a reason, or named as not calculated."""

import json
import re

import pytest

from fanout_tools.cost.kinds import FREE, PRICED, unpriced
from scripts.mutants.fixture import PLANS
from scripts.paths import REPOSITORY

NAMED = {
    "aws_cloudwatch_event_api_destination",
    "aws_ecr_repository",
    "aws_s3_bucket",
    "aws_scheduler_schedule",
    "aws_ses_email_identity",
    "aws_sfn_state_machine",
}
"""What they cost follows from what is done with them alone."""


def _planned() -> set[str]:
    resources = [
        it
        for file in PLANS.values()
        for it in json.loads(file.read_text(encoding="utf-8"))["planned_values"]["root_module"]["resources"]
    ]
    return {it["type"] for it in resources}


def _declared() -> set[str]:
    files = (REPOSITORY / "terraform" / "modules").glob("*/*.tf")
    return {it for file in files for it in re.findall(r'^resource "(\w+)"', file.read_text(encoding="utf-8"), re.M)}


@pytest.mark.parametrize("kinds", [_planned(), _declared()], ids=["the whole plan", "all modules"])
def test_every_type_of_resource_is_accounted_for(kinds: set[str]) -> None:
    """GIVEN the types of the whole plan, and of every module THEN each is priced, free for a reason, or named."""
    assert len(kinds) > 50
    assert unpriced(dict.fromkeys(kinds, 1)).keys() <= NAMED


def test_no_type_is_both_priced_and_free() -> None:
    assert not PRICED & FREE.keys()
    assert not (PRICED | FREE.keys()) & NAMED
    assert all(FREE.values())


def test_what_is_not_calculated_is_named() -> None:
    """WHEN a fork adds a database, a role and a file of Terraform's own THEN the database is named, with how many."""
    counted = {"aws_db_instance": 2, "aws_iam_role": 5, "terraform_data": 1, "aws_sqs_queue": 3}

    assert unpriced(counted) == {"aws_db_instance": 2}
