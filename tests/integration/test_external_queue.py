"""A message of a queue that is not the platform's comes to a worker as an event, by a pipe."""

from __future__ import annotations

import json

import pytest

from tests.integration.platform import EXTERNAL_QUEUE, Platform, eventually, order


@pytest.mark.gap(emulator="ministack", reason="keeps no parameters of a pipe's target, and moves nothing", runs=False)
def test_a_message_of_an_external_queue_reaches_a_worker(platform: Platform) -> None:
    """GIVEN a pipe from a queue WHEN its owner sends an order, unknowing of fanout THEN the worker handles it once, and
    it has left the queue."""
    url = platform.sqs.create_queue(QueueName=EXTERNAL_QUEUE)["QueueUrl"]
    placed = order("probe")

    platform.sqs.send_message(QueueUrl=url, MessageBody=json.dumps(placed.model_dump(mode="json")))

    eventually(
        lambda: platform.item("effects", order_id=placed.order_id),
        lambda item: item is not None and item["effects"] == "1",
        "the worker has handled the message",
    )
    attributes = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    eventually(
        lambda: platform.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=attributes)["Attributes"],
        lambda kept: set(kept.values()) == {"0"},
        "the message has left the queue",
    )
