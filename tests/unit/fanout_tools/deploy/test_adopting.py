"""What an apply has made without learning of it is found in what it says."""

from typing import Any

import pytest

from fanout_tools.deploy.adopting import there_already

POLICY = 'module.platform.module.operators[0].aws_iam_policy.this["operator"]'
ALIAS = 'module.platform.module.worker["billing"].aws_lambda_alias.live'
POLICY_ARN = "arn:aws:iam::000000000000:policy/shop-local-operator"
LOG = f"""module.platform.module.bus[0].aws_sqs_queue.unmatched: Creation complete after 26s [id=q]
Error: creating IAM Policy (shop-local-operator): operation error IAM: CreatePolicy, EntityAlreadyExists: A policy ...
  {POLICY}
Error: creating Lambda Alias (live): operation error Lambda: CreateAlias, Alias already exists: live
  {ALIAS}
Error: creating SQS Queue (shop-local-billing): operation error SQS: CreateQueue, AccessDenied
  module.platform.module.worker["billing"].aws_sqs_queue.main
Error: creating S3 Bucket (shop-local-files): BucketAlreadyExists: it already exists
  module.platform.module.store.aws_s3_bucket.worker["files"]
"""
STATE: dict[str, Any] = {
    "resources": [
        {
            "module": 'module.platform.module.worker["billing"]',
            "type": "aws_lambda_function",
            "instances": [{"attributes": {"function_name": "shop-local-billing"}}],
        }
    ]
}


def test_what_is_there_already_is_told_with_its_import_id() -> None:
    """GIVEN a policy and an alias that a repeated call found there, and two errors of other kinds WHEN read THEN the
    two alone are named."""
    assert list(there_already(LOG, STATE)) == [
        (POLICY, POLICY_ARN),
        (ALIAS, "shop-local-billing/live"),
    ]


@pytest.mark.parametrize(
    ("what", "said", "address"),
    [
        (
            "AWS DynamoDB Table (shop-local-billing-idempotency)",
            "operation error DynamoDB: CreateTable, ResourceInUseException: Table already exists: shop-local",
            'module.platform.module.worker["billing"].aws_dynamodb_table.idempotency[0]',
        ),
        (
            "IAM Role (shop-local-billing)",
            "operation error IAM: CreateRole, EntityAlreadyExists: Role with name shop-local-billing already exists.",
            'module.platform.module.worker["billing"].aws_iam_role.this',
        ),
        (
            "CloudWatch Logs Log Group (/aws/lambda/shop-local-billing)",
            "operation error CloudWatch Logs: CreateLogGroup, ResourceAlreadyExistsException: it is there",
            'module.platform.module.worker["billing"].aws_cloudwatch_log_group.this',
        ),
        (
            "Lambda Function (shop-local-billing)",
            "operation error Lambda: CreateFunction, ResourceConflictException: Function already exist: shop-local",
            'module.platform.module.worker["billing"].aws_lambda_function.this',
        ),
    ],
)
def test_what_goes_by_its_name_is_imported_by_it(what: str, said: str, address: str) -> None:
    name = what.partition("(")[2].rstrip(")")
    assert list(there_already(f"Error: creating {what}: {said}\n  {address}\n", {})) == [(address, name)]


def test_an_alias_whose_function_is_not_known_is_left() -> None:
    assert [address for address, _ in there_already(LOG, {"resources": []})] == [POLICY]


def test_what_the_state_knows_is_not_imported_again() -> None:
    """GIVEN an error of an earlier apply WHEN what it was about has been imported since THEN it is left."""
    known = {"type": "aws_iam_policy", "instances": [{"attributes": {"arn": POLICY_ARN}}]}
    assert [address for address, _ in there_already(LOG, {"resources": [known]})] == []
