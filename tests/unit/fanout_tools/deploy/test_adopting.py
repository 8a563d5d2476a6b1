"""What an apply has made without learning of it is found in what it says."""

from typing import Any

from fanout_tools.deploy.adopting import there_already

POLICY = 'module.platform.module.operators[0].aws_iam_policy.this["operator"]'
ALIAS = 'module.platform.module.worker["billing"].aws_lambda_alias.live'
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
        (POLICY, "arn:aws:iam::000000000000:policy/shop-local-operator"),
        (ALIAS, "shop-local-billing/live"),
    ]


def test_an_alias_whose_function_is_not_known_is_left() -> None:
    assert [address for address, _ in there_already(LOG, {"resources": []})] == [POLICY]
