"""Canaries through the deployed platform: each pair delivers, and nothing of them stays."""

from __future__ import annotations

import pytest

from fanout_tools.canary.deployed import Deployed
from fanout_tools.canary.planning import Declared
from fanout_tools.canary.run import Result, Verdict, run
from fanout_tools.project import project
from tests.integration.platform import Platform, client


@pytest.fixture(scope="module")
def results(platform: Platform) -> list[Result]:
    declared = Declared.read(project(platform.services.parent))
    return run(Deployed(platform.names, client), declared, limit_s=120)


def test_every_pair_delivers(platform: Platform, results: list[Result]) -> None:
    """GIVEN the deployed platform WHEN a canary is sent for each pair of event and worker THEN each
    comes through."""
    failed = {str(it.fault or it.note) for it in results if it.verdict is not Verdict.DELIVERED}

    assert failed == set()
    assert {it.pair.worker for it in results} == platform.deployment.manifests.keys()


def test_nothing_of_them_stays(platform: Platform, results: list[Result]) -> None:
    """GIVEN canaries that came through WHEN everything that keeps events is looked at THEN none of them is there: no
    idempotency record, no audit line, no message, no object, no execution of a workflow."""
    assert results
    platform.quiet()

    for worker, manifest in platform.deployment.manifests.items():
        assert [it for it in platform.dead_letters(worker) if "fanout-canary" in it["body"]] == []
        if manifest.idempotency.mode != "off":
            table = platform.names.idempotency_table(worker)
            items = platform.dynamodb.scan(TableName=table, ConsistentRead=True)["Items"]
            assert [it for it in items if "canary" in str(it)] == []
    assert platform.audit("fanout-canary") == []
    objects = client("s3").list_objects_v2(Bucket=platform.deployment.bucket("uploads")).get("Contents", [])
    assert [it["Key"] for it in objects if "fanout-canary" in it["Key"]] == []
    assert [it for it in _started(platform) if "fanout-canary" in it] == []
    assert _unmatched(platform) == []


def _started(platform: Platform) -> list[str]:
    """What executions of workflows were started with."""
    states = client("stepfunctions")
    listed = [
        execution["executionArn"]
        for workflow in platform.outputs()["workflows"].values()
        for execution in states.list_executions(stateMachineArn=workflow["arn"])["executions"]
    ]
    return [states.describe_execution(executionArn=arn)["input"] for arn in listed]


def _unmatched(platform: Platform) -> list[str]:
    sqs = client("sqs")
    url = sqs.get_queue_url(QueueName=platform.names.unmatched_queue)["QueueUrl"]
    answered = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0)
    return [message["Body"] for message in answered.get("Messages", ()) if "fanout-canary" in message["Body"]]
