"""What a worker that was taken over can do to the others, tried in its role's name with IAM enforced: nothing.

Of every function and every call the plan tells: tests/unit/fanout_tools/proof/test_attacks.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from fanout_tools.declarations.worker import load_all
from scripts.paths import REPOSITORY
from tests.integration.conftest import EMULATOR
from tests.integration.iam.role import Role
from tests.integration.platform import Platform

pytestmark = pytest.mark.skipif(EMULATOR != "ministack", reason="IAM is enforced on MiniStack alone")

WORKERS = load_all(REPOSITORY / "services")
DENIED = frozenset({"AccessDenied", "AccessDeniedException"})

Call = Callable[[], Any]


def _on_another(platform: Platform, other: str, session: boto3.Session, *, reports: bool) -> Iterator[tuple[str, Call]]:
    """On another worker's records and queue.

    :param reports: whether the attacker handles parts that the other gathers.
    """
    dynamodb, sqs = session.client("dynamodb"), session.client("sqs")
    names, queue, key = platform.names, platform.deployment.queue_url(other), {"id": {"S": f"{other}#forged"}}
    if WORKERS[other].idempotency.mode != "off":
        table, record = names.idempotency_table(other), {**key, "status": {"S": "COMPLETED"}, "pending": {"S": "[]"}}
        yield f"writes {table}", partial(dynamodb.put_item, TableName=table, Item=record)
        yield f"reads {table}", partial(dynamodb.get_item, TableName=table, Key=key)
    if WORKERS[other].gathers:
        table, part = names.gather_table(other), {"gather_id": {"S": "forged"}, "item": {"S": "part/0"}}
        yield f"writes {table}", partial(dynamodb.put_item, TableName=table, Item=part)
    yield f"takes from {other}'s queue", partial(sqs.receive_message, QueueUrl=queue)
    if not reports:
        yield f"sends into {other}'s queue", partial(sqs.send_message, QueueUrl=queue, MessageBody="forged")


def _on_claims(platform: Platform, worker: str, session: boto3.Session) -> Mapping[str, Call]:
    s3, bucket = session.client("s3"), platform.names.claims_bucket(platform.deployment.account)
    own, other = platform.names.function(worker), platform.names.function("nobody")
    return {
        "lists the claims": lambda: s3.list_objects_v2(Bucket=bucket),
        "lists their versions": lambda: s3.list_object_versions(Bucket=bucket),
        "deletes a claim": lambda: s3.delete_object(Bucket=bucket, Key=f"{own}/any"),
        "reads what operators dropped": lambda: s3.get_object(Bucket=bucket, Key="operations/op/1.jsonl"),
        "writes another's claim": lambda: s3.put_object(Bucket=bucket, Key=f"{other}/any", Body=b"", IfNoneMatch="*"),
    }


@pytest.mark.parametrize("worker", sorted(WORKERS))
def test_a_worker_that_was_taken_over_reaches_nothing_of_anothers(platform: Platform, worker: str) -> None:
    """GIVEN the role of a worker WHEN each attack is tried in its name THEN IAM denies it."""
    succeeded = []
    with Role(platform.names.function(worker)).assumed() as session:
        attacks = list(_on_claims(platform, worker, session).items())
        for other in WORKERS.keys() - {worker}:
            attacks += _on_another(platform, other, session, reports=other in WORKERS[worker].parts_of)
        for what, call in attacks:
            try:
                call()
            except ClientError as error:
                if error.response["Error"]["Code"] in DENIED:
                    continue
                raise
            succeeded.append(what)

    assert succeeded == []
    assert len(attacks) > 20
