"""Messages of a queue come to the bus as the template says, and stay where they cannot be put."""

import json
from types import SimpleNamespace
from typing import Any

import pytest

from fanout_localstack.pipes import move, rendered

TEMPLATE = '{"metadata":{"event_id":"<$.messageId>","at":"<aws.pipes.event.ingestion-time>"},"data":<$.body>}'


class Queue:
    """SQS with one queue."""

    def __init__(self, *bodies: str) -> None:
        self.messages = {str(number): body for number, body in enumerate(bodies)}

    def get_queue_url(self, *, QueueName: str) -> dict[str, str]:  # noqa: N803
        return {"QueueUrl": f"http://sqs/{QueueName}"}

    def receive_message(self, *, MaxNumberOfMessages: int, **_: Any) -> dict[str, Any]:  # noqa: N803
        taken = list(self.messages.items())[:MaxNumberOfMessages]
        found = [{"MessageId": key, "ReceiptHandle": key, "Body": body} for key, body in taken]
        return {"Messages": found} if found else {}

    def delete_message(self, *, ReceiptHandle: str, **_: Any) -> None:  # noqa: N803
        del self.messages[ReceiptHandle]


class Bus:
    """EventBridge that refuses what names the word."""

    def __init__(self, refused: str = "") -> None:
        self.refused = refused
        self.entries: list[dict[str, Any]] = []

    def put_events(self, *, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        refuses = [bool(self.refused) and self.refused in entry["Detail"] for entry in Entries]
        self.entries += [entry for entry, refused in zip(Entries, refuses, strict=True) if not refused]
        return {"Entries": [{"ErrorCode": "Internal"} if refused else {"EventId": "1"} for refused in refuses]}


def pipe(batch_size: int = 10) -> Any:
    return SimpleNamespace(
        name="imports",
        source="arn:aws:sqs:us-east-1:000000000000:legacy",
        target="arn:aws:events:us-east-1:000000000000:event-bus/b",
        source_parameters={"SqsQueueParameters": {"BatchSize": batch_size}},
        target_parameters={
            "InputTemplate": TEMPLATE,
            "EventBridgeEventBusParameters": {"Source": "shop.queues", "DetailType": "Received"},
        },
    )


@pytest.mark.parametrize(
    ("body", "data"),
    [('{"a": [1, "<$.x>"]}', {"a": [1, "<$.x>"]}), ("12", 12), ("null", None), ('say "hi"\n', 'say "hi"\n'), ("", "")],
)
def test_a_body_is_put_as_the_json_that_it_is_or_as_a_text(body: str, data: object) -> None:
    made = json.loads(rendered(TEMPLATE, {"messageId": "m-1", "body": body}))

    assert made["data"] == data
    assert made["metadata"]["event_id"] == "m-1"
    assert made["metadata"]["at"].endswith("Z")


def test_inner_values_and_texts_around_them() -> None:
    record = {"messageId": "m", "body": '{"id": 7, "of": {"name": "a\\"b"}}', "attributes": {"SentTimestamp": "1"}}

    made = rendered('{"id": <$.body.id>, "t": "no <$.body.id> of <$.body.of.name>", "none": <$.body.x.y>}', record)

    assert json.loads(made) == {"id": 7, "t": 'no 7 of a"b', "none": None}


def test_messages_leave_the_queue_once_they_are_on_the_bus() -> None:
    queue, bus = Queue('{"id": 1}', '{"id": 2}', '{"id": 3}'), Bus()

    assert move(pipe(batch_size=2), queue, bus)

    assert [json.loads(entry["Detail"])["data"] for entry in bus.entries] == [{"id": 1}, {"id": 2}]
    assert {(entry["Source"], entry["DetailType"]) for entry in bus.entries} == {("shop.queues", "Received")}
    assert list(queue.messages.values()) == ['{"id": 3}']


def test_what_the_bus_refuses_stays_in_the_queue() -> None:
    queue = Queue('{"id": "good"}', '{"id": "bad"}')

    move(pipe(), queue, Bus(refused="bad"))

    assert list(queue.messages.values()) == ['{"id": "bad"}']


def test_an_empty_queue_puts_nothing() -> None:
    bus = Bus()

    assert not move(pipe(), Queue(), bus)
    assert bus.entries == []
