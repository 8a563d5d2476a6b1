"""One constraint on the AWS provider admits 5.100 and each 6.x, and nothing is used that 6 has deprecated."""

import re
from itertools import chain

import pytest

from scripts.paths import REPOSITORY

TERRAFORM = REPOSITORY / "terraform"
TEMPLATES = REPOSITORY / "shared" / "fanout_tools" / "scaffold" / "templates"
FILES = sorted(chain(TERRAFORM.glob("*/*/*.tf"), TEMPLATES.rglob("*.tf.tmpl")))

DEPRECATED = {
    "the name of a region; its id works in both": r"data\.aws_region\.\w+\.name\b",
    "roles' own lists of policies; aws_iam_role_policy works in both": r"\b(managed_policy_arns|inline_policy)\b",
    "buckets' own settings; resources of their own work in both": r"\bacceleration_status\b|\bwebsite_endpoint\b",
}
"""https://registry.terraform.io/providers/hashicorp/aws/latest/docs/guides/version-6-upgrade"""


def test_one_constraint_admits_both_major_versions() -> None:
    wanted = [
        (file.name, constraint)
        for file in FILES
        for constraint in re.findall(r'source\s+= "hashicorp/aws"\s+version = "([^"]+)"', file.read_text())
    ]
    assert len(wanted) > 15
    assert {constraint for _, constraint in wanted} == {">= 5.100, < 7"}


@pytest.mark.parametrize("what", DEPRECATED)
def test_nothing_deprecated_is_used(what: str) -> None:
    assert [file for file in FILES if re.search(DEPRECATED[what], file.read_text())] == []
