"""What rings when events are stuck."""

from __future__ import annotations

import json

import pytest

from tests.integration.platform import NAMESPACE, Platform, client, eventually

OPEN = json.dumps({"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}]})
"""The policy of a queue that every service may write to."""
QUIET = "reader"
"""The worker that no other test has reject anything."""


def _alarms() -> dict[str, dict[str, object]]:
    pages = client("cloudwatch").get_paginator("describe_alarms").paginate(AlarmNamePrefix=NAMESPACE)
    return {alarm["AlarmName"]: alarm for page in pages for alarm in page["MetricAlarms"]}


def test_every_queue_that_should_be_empty_has_an_alarm(platform: Platform) -> None:
    """GIVEN the queues that were made WHEN the alarms are listed THEN only the workers' own queues have none."""
    urls = client("sqs").list_queues(QueueNamePrefix=NAMESPACE)["QueueUrls"]
    queues = {url.rpartition("/")[2] for url in urls}
    workers = {platform.names.queue(name, fifo=it.queue.fifo) for name, it in platform.deployment.manifests.items()}

    assert {f"{queue}-not-empty" for queue in queues - workers} <= set(_alarms())


@pytest.mark.gap(emulator="ministack", reason="it computes no metrics of queues", runs=False)
def test_a_stuck_event_rings(platform: Platform) -> None:
    """GIVEN a worker whose DLQ is empty WHEN it rejects a message THEN the alarm topic tells of it.

    Not of the unmatched events: their queue is filled by other tests, and an alarm that rings already is not told
    again."""
    # GIVEN someone who listens to the alarm topic
    wanted = f"{platform.names.dead_letter_queue(QUIET)}-not-empty"
    assert _alarms()[wanted]["StateValue"] != "ALARM", f"another test fills the DLQ of {QUIET}"
    sqs, sns = client("sqs"), client("sns")
    listener = sqs.create_queue(QueueName="listener", Attributes={"Policy": OPEN})["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=listener, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=platform.outputs()["alarm_topic"], Protocol="sqs", Endpoint=arn)

    # WHEN a message is no event
    sqs.send_message(QueueUrl=platform.deployment.queue_url(QUIET), MessageBody="stray")

    # THEN the alarm on the DLQ is told
    def rung() -> list[str]:
        messages = sqs.receive_message(QueueUrl=listener, MaxNumberOfMessages=10).get("Messages", [])
        told = [json.loads(json.loads(message["Body"])["Message"]) for message in messages]
        return [alarm["AlarmName"] for alarm in told if alarm["NewStateValue"] == "ALARM"]

    eventually(rung, lambda names: wanted in names, f"{wanted} rings")
    sqs.delete_queue(QueueUrl=listener)
    sqs.purge_queue(QueueUrl=platform.deployment.dead_letter_queue_url(QUIET))
