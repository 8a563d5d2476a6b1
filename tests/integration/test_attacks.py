"""What a worker that was taken over can do to the others, tried in its role's name with IAM enforced: nothing.

Of every function and every call the plan tells: tests/unit/fanout_tools/proof/test_attacks.py.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any
from uuid import uuid4

import boto3
import pytest
from botocore.exceptions import ClientError

from contracts.reports import SalesReportRequested
from fanout.events.canary import MARK
from fanout.gather.state import Part
from fanout.gather.timers import PartReported, WokenUp, message, report_id
from fanout.publish import wrap
from fanout_tools.declarations.worker import load_all
from scripts.paths import REPOSITORY
from tests.integration.conftest import EMULATOR
from tests.integration.iam.role import Role
from tests.integration.platform import Platform, client, eventually

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


def test_a_worker_that_may_report_parts_sends_nothing_else(platform: Platform) -> None:
    """GIVEN the role of a worker with parts_of, in a session as Lambda names it WHEN it sends an event, another's timer
    and a canary into the gathering worker's queue THEN all are in its DLQ under its name, and nothing came of them; of
    a report of a gather that is not there nothing is kept."""
    sender, queue, gather = platform.names.function("loyalty"), platform.deployment.queue_url("report"), str(uuid4())
    report = PartReported(gather_id=gather, index=0, result={"orders": 1})
    own = report_id(report.gather_id, Part(index=0, result=report.result))
    canary = {"id": "1", "source": "canary.shop.reports", "detail-type": "SalesReportRequested"}
    forged = [
        message(wrap(SalesReportRequested(report_id=gather, key="forged"))),
        message(wrap(WokenUp(gather_id=gather, turn=-1))),
        json.dumps({**canary, "detail": {MARK: "c0ffee-1", "gather": gather}}),
    ]
    arn = client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    role = Role(sender)
    with role.granted("sqs:SendMessage", arn), role.assumed(sender) as session:
        for body in (*forged, message(wrap(report, event_id=own))):
            session.client("sqs").send_message(QueueUrl=queue, MessageBody=body)

    def rejected() -> list[dict[str, Any]]:
        return [it for it in platform.dead_letters("report") if gather in it["body"]]

    found = eventually(rejected, lambda letters: len(letters) >= len(forged), "what was forged is in the DLQ")
    platform.quiet()
    assert {(it["error_type"], it["sent_by"]) for it in found} == {("EventError", sender)}
    assert {it["body"] for it in rejected()} == set(forged)
    table = platform.names.gather_table("report")
    kept = platform.dynamodb.query(
        TableName=table,
        KeyConditionExpression="gather_id = :it",
        ExpressionAttributeValues={":it": {"S": report.gather_id}},
    )
    assert kept["Items"] == []
    client("sqs").purge_queue(QueueUrl=platform.deployment.dead_letter_queue_url("report"))  # others look into it
