"""Everything that can have tags says whose it is: the worker's team, else who runs the environment."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.paths import REPOSITORY

TERRAFORM = REPOSITORY / "terraform"
TEMPLATES = REPOSITORY / "shared" / "fanout_tools" / "scaffold" / "templates" / "project"
ROOTS = [*sorted(TERRAFORM.glob("environments/*/main.tf")), TEMPLATES / "prod.tf.tmpl", TEMPLATES / "local.tf.tmpl"]
WITHOUT_TAGS = {
    "aws_appautoscaling_policy",
    "aws_appautoscaling_scheduled_action",
    "aws_cloudwatch_event_target",
    "aws_iam_role_policy",
    "aws_lambda_alias",
    "aws_lambda_function_event_invoke_config",
    "aws_lambda_provisioned_concurrency_config",
    "aws_sns_topic_subscription",
    "terraform_data",
}
"""The types of modules/worker that the provider gives no tags."""
OF_WORKERS = {
    "observability/alarms.tf": {f"aws_cloudwatch_metric_alarm.{name}" for name in ("age", "errors", "throttles")},
    "store/main.tf": {"aws_dynamodb_table.worker", "aws_s3_bucket.worker"},
}
"""Where a worker's own stands among others'; all of modules/worker is its own."""


def _resources(file: Path) -> Iterator[tuple[str, str, str]]:
    text = file.read_text(encoding="utf-8")
    yield from re.findall(r'^resource "(\w+)" "(\w+)" \{\n(.*?)^\}$', text, re.MULTILINE | re.DOTALL)


def _is_tagged(body: str) -> bool:
    return re.search(r"^  tags += ", body, re.MULTILINE) is not None


def test_what_a_worker_has_is_tagged_with_its_owner() -> None:
    files = sorted((TERRAFORM / "modules" / "worker").glob("*.tf"))
    found = [(kind, name, body) for file in files for kind, name, body in _resources(file) if kind not in WITHOUT_TAGS]

    assert {"aws_dynamodb_table", "aws_iam_role", "aws_lambda_function", "aws_sqs_queue"} <= {it[0] for it in found}
    assert [f"{kind}.{name}" for kind, name, body in found if not _is_tagged(body)] == []


@pytest.mark.parametrize("file", OF_WORKERS)
def test_what_a_worker_has_elsewhere_is_tagged_too(file: str) -> None:
    found = {f"{kind}.{name}": body for kind, name, body in _resources(TERRAFORM / "modules" / file)}

    assert [name for name in OF_WORKERS[file] if not _is_tagged(found[name])] == []


@pytest.mark.parametrize("file", ROOTS, ids=[f"{file.parent.name}/{file.name}" for file in ROOTS])
def test_everything_else_has_the_environments_owner(file: Path) -> None:
    tags = re.search(r"default_tags \{\n\s+tags = merge\(var\.tags, \{(.*)\}\)", file.read_text(encoding="utf-8"))
    assert tags is not None
    assert re.search(r"\bowner = var\.owner\b", tags[1])
