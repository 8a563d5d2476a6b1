"""What rings when events are stuck."""

from __future__ import annotations

import json

import pytest

from tests.integration.platform import NAMESPACE, Platform, client, eventually


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
@pytest.mark.gap(emulator="localstack", reason="its alarms may come later than a test waits", runs=False)
def test_a_stuck_event_rings(platform: Platform) -> None:
    """GIVEN an event that nobody takes WHEN it lies in its queue THEN the alarm topic tells of it."""
    # GIVEN someone who listens to the alarm topic
    sqs, sns = client("sqs"), client("sns")
    listener = sqs.create_queue(QueueName="listener")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=listener, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=platform.outputs()["alarm_topic"], Protocol="sqs", Endpoint=arn)

    # WHEN an event is misspelt
    entry = {"EventBusName": platform.names.bus, "Source": "shop.oders", "DetailType": "OrderPlaced", "Detail": "{}"}
    assert client("events").put_events(Entries=[entry])["FailedEntryCount"] == 0

    # THEN the alarm on its queue is told
    wanted = f"{platform.names.unmatched_queue}-not-empty"

    def rung() -> list[str]:
        messages = sqs.receive_message(QueueUrl=listener, MaxNumberOfMessages=10).get("Messages", [])
        told = [json.loads(json.loads(message["Body"])["Message"]) for message in messages]
        return [alarm["AlarmName"] for alarm in told if alarm["NewStateValue"] == "ALARM"]

    eventually(rung, lambda names: wanted in names, f"{wanted} rings")
    sqs.delete_queue(QueueUrl=listener)
