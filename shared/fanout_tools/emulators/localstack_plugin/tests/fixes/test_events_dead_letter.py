import json
from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError
from localstack.aws import connect
from localstack.services.events.target import TargetSender

from fanout_localstack.fixes import events_dead_letter

TARGET = "arn:aws:sqs:us-east-1:000000000000:gone"
DEAD_LETTERS = "arn:aws:sqs:us-east-1:000000000000:dead-letters"
RULE = "arn:aws:events:us-east-1:000000000000:rule/shop/orders"
EVENT = {"id": "1", "source": "shop.orders", "detail": {"n": 1}, "event-bus-name": "shop"}


class Sender(TargetSender):
    """A target that fails the first ``failures`` times."""

    def __init__(self, failures: int, **target: object) -> None:
        target = {"Id": "t", "Arn": TARGET, **target}
        super().__init__(target, RULE, "orders", "events", "us-east-1", "000000000000")
        self.failures = failures
        self.received = []

    def send_event(self, event, _trace_header):
        if self.failures:
            self.failures -= 1
            raise ClientError({"Error": {"Code": "QueueDoesNotExist", "Message": "no queue"}}, "SendMessage")
        self.received.append(event)


@pytest.fixture
def dead_letters(monkeypatch: pytest.MonkeyPatch) -> list[dict]:
    """What is sent to the dead-letter queue, with the fix installed."""
    sent = []
    sqs = SimpleNamespace(
        get_queue_url=lambda **asked: {"QueueUrl": "{QueueOwnerAWSAccountId}/{QueueName}".format(**asked)},
        send_message=lambda **message: sent.append(message),
    )
    monkeypatch.setattr(connect, "connect_to", lambda **_: SimpleNamespace(sqs=sqs))
    monkeypatch.setattr(TargetSender, "process_event", TargetSender.process_event)
    events_dead_letter.install()
    return sent


def test_what_cannot_be_delivered_is_in_the_dead_letter_queue_with_its_cause(dead_letters):
    sender = Sender(99, DeadLetterConfig={"Arn": DEAD_LETTERS})

    with pytest.raises(ClientError):
        sender.process_event(dict(EVENT), None)

    (message,) = dead_letters
    assert message["QueueUrl"] == "000000000000/dead-letters"
    assert json.loads(message["MessageBody"]) == {"id": "1", "source": "shop.orders", "detail": {"n": 1}}
    attributes = {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}
    assert attributes["RULE_ARN"] == RULE
    assert attributes["TARGET_ARN"] == TARGET
    assert attributes["ERROR_CODE"] == "QueueDoesNotExist"
    assert attributes["RETRY_ATTEMPTS"] == "2"


def test_a_target_that_recovers_within_the_retries_gets_the_event(dead_letters):
    sender = Sender(2, DeadLetterConfig={"Arn": DEAD_LETTERS})

    sender.process_event(dict(EVENT), None)

    assert len(sender.received) == 1
    assert dead_letters == []


def test_a_retry_policy_without_retries_is_kept(dead_letters):
    sender = Sender(1, DeadLetterConfig={"Arn": DEAD_LETTERS}, RetryPolicy={"MaximumRetryAttempts": 0})

    with pytest.raises(ClientError):
        sender.process_event(dict(EVENT), None)

    assert dead_letters[0]["MessageAttributes"]["RETRY_ATTEMPTS"]["StringValue"] == "0"


def test_without_a_dead_letter_queue_the_error_stays_the_callers(dead_letters):
    with pytest.raises(ClientError):
        Sender(99).process_event(dict(EVENT), None)

    assert dead_letters == []
