"""Every resource of an environment stands in one stack, by its address."""

import json
from pathlib import Path

import pytest

from fanout.errors import PlanError
from fanout_tools.plans import Plan
from fanout_tools.plans.stacks import EDGE, PLATFORM, Owners, are_used, stack_names
from scripts.mutants.fixture import FIXTURE

OWNERS = Owners(
    workers=frozenset({"billing", "order-log"}),
    stores={"table ledger": "billing", "bucket files": "order-log"},
    namespace="shop-prod",
)


@pytest.mark.parametrize(
    ("path", "stack"),
    [
        ('module.worker["billing"].aws_sqs_queue.main', "billing"),
        ('module.worker["billing"].module.guard.terraform_data.guarded["shop-prod-billing"]', "billing"),
        ('module.store.aws_dynamodb_table.worker["ledger"]', "billing"),
        ('module.store.aws_s3_bucket_policy.worker["files"]', "order-log"),
        ('module.store.module.guard.terraform_data.guarded["table ledger"]', "billing"),
        ('module.store.module.guard.terraform_data.guarded["bucket claims"]', PLATFORM),
        ("module.store.aws_s3_bucket.claims[0]", PLATFORM),
        ('module.observability.aws_cloudwatch_metric_alarm.age["billing"]', "billing"),
        ('module.observability.aws_cloudwatch_dashboard.worker["order-log"]', "order-log"),
        ('module.observability.aws_cloudwatch_metric_alarm.dead_letters["shop-prod-order-log-dlq.fifo"]', "order-log"),
        (
            'module.observability.aws_cloudwatch_metric_alarm.dead_letters["shop-prod-order-log-undelivered-dlq"]',
            "order-log",
        ),
        ('module.observability.aws_cloudwatch_metric_alarm.dead_letters["shop-prod-unmatched"]', PLATFORM),
        ('module.observability.aws_cloudwatch_metric_alarm.pipes["billing"]', PLATFORM),
        ("module.observability.aws_sns_topic.alarms[0]", PLATFORM),
        ('aws_s3_object.package["workers/billing"]', "billing"),
        ('aws_s3_object.package["layers/order-log"]', "order-log"),
        ('aws_s3_object.package["layers/storefront"]', EDGE),
        ('aws_s3_object.package["web/storefront"]', EDGE),
        ('aws_s3_object.package["canary"]', EDGE),
        ('aws_s3_object.package["dependencies-arm64"]', PLATFORM),
        ('aws_lambda_layer_version.this["dependencies-arm64"]', PLATFORM),
        ('aws_cloudwatch_log_subscription_filter.spans["billing"]', "billing"),
        ('module.unmatched[0].aws_cloudwatch_event_rule.unmatched["unmatched"]', EDGE),
        ("module.schedule[0].aws_iam_role.this[0]", EDGE),
        ('module.workflow["fulfilment"].aws_sfn_state_machine.this', EDGE),
        ('module.topic["shop.orders"].aws_sns_topic.this', PLATFORM),
        ("module.key[0].aws_kms_key.this[0]", PLATFORM),
        ("terraform_data.packages", None),
        ("module.manifests.terraform_data.manifests", None),
    ],
)
def test_a_resource_stands_in_one_stack(path: str, stack: str | None) -> None:
    assert OWNERS.stack_of(f"module.platform.{path}") == stack


def test_what_stands_beside_the_platform_belongs_to_no_stack() -> None:
    with pytest.raises(PlanError, match=r"aws_vpc\.mine: stands beside module\.platform"):
        OWNERS.stack_of("aws_vpc.mine")


def test_the_stacks_stand_in_the_order_of_their_deployment(tmp_path: Path) -> None:
    for folder in ("order_log", "billing"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "worker.yaml").touch()

    assert stack_names(tmp_path) == ["platform", "billing", "order-log", "edge"]


@pytest.mark.parametrize(
    ("file", "variable", "used"),
    [
        (None, None, False),
        (None, "true", True),
        ("# by stacks\nstacks = true\n", None, True),
        ("stacks = false\n", "true", False),  # as Terraform has it: a file of values is over a variable
    ],
)
def test_a_file_or_a_variable_says_that_there_are_stacks(
    tmp_path: Path, file: str | None, variable: str | None, used: bool
) -> None:
    if file is not None:
        (tmp_path / "stacks.auto.tfvars").write_text(file)

    assert are_used(tmp_path, {} if variable is None else {"TF_VAR_stacks": variable}) is used


def test_every_resource_of_the_fixture_has_a_stack() -> None:
    """GIVEN the plan of an environment with every optional part WHEN it is taken apart THEN nothing is left over."""
    plan = Plan.read(json.loads((FIXTURE / "plan.json").read_text(encoding="utf-8")))
    workers = {it.address.split('"')[1] for it in plan.resources if ".module.worker[" in it.address}
    tables = {it.address.split('"')[1] for it in plan.of("aws_dynamodb_table") if ".module.store." in it.address}
    owners = Owners(frozenset(workers), {f"table {it}": min(workers) for it in tables}, "fanout-fixture")

    found = {owners.stack_of(it.address) for it in plan.resources} - {None}

    assert found == {PLATFORM, EDGE, *workers}
