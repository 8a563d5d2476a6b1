"""The core of the version before beside this one, on one bus: each reads what the other wrote, and nothing comes twice.

``mixed_versions/fanout-0.1.0.zip`` is the core of version 0.1.0. Both run ``mixed_versions/side.py``, each in processes
of its own, before queues, tables and a bus of the emulator; this test is Lambda's poller. When a version is released,
its core takes the place of the one in the archive: ``git archive`` of ``shared/fanout`` at its tag.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import pytest

from fanout_tools.declarations import worker as manifest
from fanout_tools.emulators import Endpoints
from scripts.paths import REPOSITORY
from tests.integration.platform import eventually

HERE = Path(__file__).parent / "mixed_versions"
BEFORE, NOW = "0.1.0", "this version"
SIDES = [(BEFORE, NOW), (NOW, BEFORE)]
"""Who writes, and who reads."""
DECLARED = {
    "echo": "subscribes: [{ event: mixed.shop/Asked }]\npublishes: [mixed.shop/Answered]",
    "desk": "gathers: true\nsubscribes: [{ event: mixed.shop/Wanted }]\npublishes: [mixed.shop/Piece, mixed.shop/Made]",
    "hand": "subscribes: [{ event: mixed.shop/Piece }]\nparts_of: [desk]",
}
TAKES = {"echo": ["Asked"], "desk": ["Wanted"], "hand": ["Piece"], "results": ["Answered", "Made"]}
LARGE = 1_200_000
"""Bytes that no bus takes, so that the event is a claim."""


@dataclass
class Deployment:
    """Queues, tables, bucket and bus of three workers, and two cores to run them."""

    namespace: str
    folder: Path
    cores: Mapping[str, Path]
    queues: dict[str, str] = field(default_factory=dict)

    @cached_property
    def sqs(self) -> Any:
        return boto3.client("sqs")

    def create(self) -> None:
        """Make everything, as Terraform's modules do, in as far as the core sees it."""
        events, dynamodb = boto3.client("events"), boto3.client("dynamodb")
        events.create_event_bus(Name=self.namespace)
        boto3.client("s3").create_bucket(Bucket=self.namespace)
        for worker, takes in TAKES.items():
            name = f"{self.namespace}-{worker}"
            self.queues[worker] = url = self.sqs.create_queue(QueueName=name)["QueueUrl"]
            self.queues[f"{worker}-dlq"] = self.sqs.create_queue(QueueName=f"{name}-dlq")["QueueUrl"]
            arn = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
            pattern = json.dumps({"source": ["mixed.shop"], "detail-type": takes})
            rule = events.put_rule(Name=name, EventBusName=self.namespace, EventPattern=pattern)["RuleArn"]
            self.sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": _policy(arn, rule)})
            events.put_targets(Rule=name, EventBusName=self.namespace, Targets=[{"Id": worker, "Arn": arn}])
        for worker in DECLARED:
            _table(dynamodb, f"{self.namespace}-{worker}-idempotency", "id")
        _table(dynamodb, f"{self.namespace}-desk-gather", "gather_id", "item")

    def run(self, core: str, what: str, given: object, *, dies: bool = False) -> tuple[Any, list[list[str]]]:
        """A new process of a core: its reply, and the effects of its handlers."""
        reply = self.folder / f"{uuid4()}.json"
        done = subprocess.run(
            [sys.executable, str(HERE / "side.py"), what, str(reply)],
            input=json.dumps(given).encode(),
            env=self._environment(core, what) | ({"MIXED_DIES": "1"} if dies else {}),
            capture_output=True,
            check=False,
            timeout=600,
        )
        assert (done.returncode == 1) if dies else (done.returncode == 0), done.stdout.decode() + done.stderr.decode()
        effects = Path(f"{reply}.effects")
        lines = effects.read_text().splitlines() if effects.exists() else []
        return json.loads(reply.read_text()) if reply.exists() else None, [json.loads(line) for line in lines]

    def _environment(self, core: str, worker: str) -> dict[str, str]:
        return {
            **os.environ,
            "PYTHONPATH": str(self.cores[core]),
            "MIXED_WORKERS": str(self.folder),
            "AWS_LAMBDA_FUNCTION_NAME": f"{self.namespace}-{worker}",
            "FANOUT_NAMESPACE": self.namespace,
            "FANOUT_WORKER": worker,
            "FANOUT_BUS": self.namespace,
            "FANOUT_CLAIMS_BUCKET": self.namespace,
            "FANOUT_QUEUE_URL": self.queues.get(worker, ""),
            "FANOUT_DLQ_URL": self.queues.get(f"{worker}-dlq", ""),
            "FANOUT_IDEMPOTENCY_TABLE": f"{self.namespace}-{worker}-idempotency",
            "FANOUT_GATHER_TABLE": f"{self.namespace}-desk-gather",
            "FANOUT_GATHER_QUEUES": json.dumps({"desk": self.queues["desk"]}),
        }

    def publish(self, core: str, event: str, **data: object) -> str:
        """Publish an event with a core; its id."""
        [event_id], _ = self.run(core, "publish", {"event": event, **data})
        return str(event_id)

    def received(self, worker: str, least: int = 1, sent_by: str = "") -> list[dict[str, Any]]:
        """At least so many messages of a queue, as Lambda would give them; they are taken out of it."""
        found: dict[str, dict[str, Any]] = {}

        def look() -> int:
            asked = {"QueueUrl": self.queues[worker], "MaxNumberOfMessages": 10, "WaitTimeSeconds": 1}
            messages = self.sqs.receive_message(
                **asked, MessageSystemAttributeNames=["All"], MessageAttributeNames=["All"]
            ).get("Messages", [])
            for message in messages:
                found[message["MessageId"]] = _record(message, sent_by)
                self.sqs.delete_message(QueueUrl=self.queues[worker], ReceiptHandle=message["ReceiptHandle"])
            return len(found)

        eventually(look, lambda count: count >= least, f"{least} messages for {worker}")
        return list(found.values())


def _policy(queue: str, rule: str) -> str:
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue,
        "Condition": {"ArnEquals": {"aws:SourceArn": rule}},
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def _table(dynamodb: Any, name: str, *key: str) -> None:
    dynamodb.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": each, "AttributeType": "S"} for each in key],
        KeySchema=[
            {"AttributeName": each, "KeyType": kind} for each, kind in zip(key, ("HASH", "RANGE"), strict=False)
        ],
    )
    dynamodb.get_waiter("table_exists").wait(TableName=name)


def _record(message: Mapping[str, Any], sent_by: str) -> dict[str, Any]:
    """https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html"""
    attributes = {**message.get("Attributes", {}), "ApproximateReceiveCount": "1"}
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": attributes | ({"SenderId": f"AROAEXAMPLE:{sent_by}"} if sent_by else {}),
        "messageAttributes": {},
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:us-east-1:000000000000:mixed",
    }


@pytest.fixture(scope="module")
def deployment(
    environment: None, endpoints: Endpoints, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deployment]:
    """Three workers, declared as a build of this version packs them."""
    folder = tmp_path_factory.mktemp("mixed")
    with zipfile.ZipFile(HERE / "fanout-0.1.0.zip") as archive:
        archive.extractall(folder / "before")
    for name, declared in DECLARED.items():
        worker = folder / name / "worker.yaml"
        worker.parent.mkdir()
        worker.write_text(f"description: Runs beside another version\n{declared}\n")
        read = manifest.load(worker)
        packed = {"name": name, **read.model_dump(mode="json"), "derived": read.derived, "routes": {}}
        worker.write_text(json.dumps(packed))
    made = Deployment(f"mixed-{uuid4().hex[:8]}", folder, {BEFORE: folder / "before", NOW: REPOSITORY / "shared"})
    with pytest.MonkeyPatch.context() as patch:
        for name, value in endpoints.environment().items():
            patch.setenv(name, value)
        made.create()
        yield made  # it goes with the emulator: nothing else is on its bus


@pytest.mark.parametrize(("writer", "reader"), SIDES)
@pytest.mark.parametrize("size", [0, LARGE])
def test_an_event_is_read_whoever_wrote_it(deployment: Deployment, writer: str, reader: str, size: int) -> None:
    """GIVEN an event of one version, small or a claim, WHEN the other handles it THEN it has all of its data, and its
    follow-up is on the bus."""
    event_id = deployment.publish(writer, "Asked", question="why", note="x" * size)
    response, [effect] = deployment.run(reader, "echo", deployment.received("echo"))
    assert response == {"batchItemFailures": []}
    assert effect[:2] == [f"why:{size}", event_id]
    [answered] = deployment.received("results")
    detail = json.loads(answered["body"])["detail"]
    assert detail["data"] == {"answer": "why"}
    assert detail["metadata"]["causation_id"] == event_id


@pytest.mark.parametrize(("first", "second"), SIDES)
def test_what_one_version_handled_is_a_duplicate_to_the_other(deployment: Deployment, first: str, second: str) -> None:
    """GIVEN a record that one version has handled WHEN it comes again to the other, as amid a deployment THEN nothing
    happens a second time."""
    deployment.publish(first, "Asked", question="twice")
    records = deployment.received("echo")
    _, effects = deployment.run(first, "echo", records)
    response, again = deployment.run(second, "echo", records)
    assert (len(effects), again, response) == (1, [], {"batchItemFailures": []})
    deployment.received("results")


@pytest.mark.parametrize(("first", "second"), SIDES)
def test_what_one_version_died_of_the_other_takes_over(deployment: Deployment, first: str, second: str) -> None:
    """GIVEN a process that died amid a record WHEN the other version gets it after the lock has ended THEN it handles
    it, with the ids that the first has given."""
    deployment.publish(first, "Asked", question="dies")
    records = deployment.received("echo")
    _, [effect] = deployment.run(first, "echo", records, dies=True)
    _end_locks(f"{deployment.namespace}-echo-idempotency")
    response, [again] = deployment.run(second, "echo", records)
    assert response == {"batchItemFailures": []}
    assert again == effect
    deployment.received("results")


@pytest.mark.parametrize(("desk", "hand"), SIDES)
def test_a_gather_s_parts_are_made_by_the_other_version(deployment: Deployment, desk: str, hand: str) -> None:
    """GIVEN a worker of one version that scatters WHEN one of the other handles the parts, and a third call gathers by
    turns THEN there is one result with all of them."""
    deployment.publish(hand, "Wanted", pieces=3)
    deployment.run(desk, "desk", deployment.received("desk"))
    parts = deployment.received("hand", 3)
    response, effects = deployment.run(hand, "hand", parts)
    assert response == {"batchItemFailures": []}
    assert sorted(what for what, *_ in effects) == ["piece:0", "piece:1", "piece:2"]
    reports = deployment.received("desk", 3, sent_by=f"{deployment.namespace}-hand")
    for core, batch in ((hand, reports[:1]), (desk, reports[1:])):  # the gatherer itself is deployed meanwhile
        assert deployment.run(core, "desk", batch)[0] == {"batchItemFailures": []}
    woken = deployment.received("desk")
    assert deployment.run(hand, "desk", woken)[0] == {"batchItemFailures": []}
    [made] = deployment.received("results")
    assert json.loads(made["body"])["detail"]["data"] == {"numbers": [0, 1, 2], "failed": [], "missing": []}


def _end_locks(table: str) -> None:
    """As if the time-out of the function that died had passed."""
    dynamodb = boto3.resource("dynamodb").Table(table)
    for item in dynamodb.scan()["Items"]:
        if item["status"] == "INPROGRESS":
            dynamodb.update_item(
                Key={"id": item["id"]},
                UpdateExpression="SET in_progress_expiration = :past",
                ExpressionAttributeValues={":past": 1},
            )
