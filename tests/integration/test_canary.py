"""Canaries through the deployed platform: each pair delivers, and nothing of them stays."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest
from botocore.config import Config

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


def _run_by_the_clock(platform: Platform, **event: object) -> dict[str, Any]:
    """What the deployed function returns, or raises, to what Scheduler sends it."""
    function = platform.names.function("canary")
    patient = boto3.client("lambda", config=Config(read_timeout=300, retries={"total_max_attempts": 1}))
    answer = patient.invoke(FunctionName=function, Payload=json.dumps(event))
    told: dict[str, Any] = json.load(answer["Payload"])
    return told


def test_by_the_clock_every_pair_delivers(platform: Platform, results: list[Result]) -> None:
    """GIVEN the deployed platform WHEN the function runs that Scheduler invokes THEN each pair comes through, by the
    rights of its own role."""
    assert _run_by_the_clock(platform) == {"delivered": len(results), "late": 0, "failed": 0, "unsent": 0}


def test_by_the_clock_a_mapping_that_is_disabled_is_named(platform: Platform, results: list[Result]) -> None:
    """GIVEN a worker whose mapping is disabled WHEN the function runs THEN the invocation fails with that hop; WHEN it
    is told that the worker is paused THEN its pairs are late; WHEN the mapping is on again THEN nothing stays."""
    pairs = sum(it.pair.worker == "loyalty" for it in results)
    with platform.switched_off("loyalty"):
        failed = _run_by_the_clock(platform)
        paused = _run_by_the_clock(platform, paused=["loyalty"])

    assert failed["errorMessage"].startswith(f"mapping {platform.names.queue('loyalty')} -> ")
    assert paused == {"delivered": len(results) - pairs, "late": pairs, "failed": 0, "unsent": 0}


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
