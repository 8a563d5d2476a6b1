"""Who put a message into a dead-letter queue: golden messages of each kind."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fanout_tools.operate.dead_letters import REDRIVABLE, DeadLetter, Kind, read
from tests.unit.fanout_tools.operate.mortal import event

CORE = {"worker": "billing", "message_id": "m-0", "first_seen": "2026-11-28T00:00:00.000+00:00", "event_id": "event-1"}
FAILED_INVOCATION = json.dumps(
    {
        "version": "1.0",
        "timestamp": "2026-11-14T18:16:05.568Z",
        "requestContext": {
            "requestId": "e4b46cbf",
            "functionArn": "arn:aws:lambda:eu-central-1:123456789012:function:shop-prod-billing:live",
            "condition": "RetriesExhausted",
            "approximateInvokeCount": 2,
        },
        "requestPayload": {"fanout_heartbeat_s": 0},
        "responseContext": {"statusCode": 200, "executedVersion": "7", "functionError": "Unhandled"},
        "responsePayload": {"errorType": "ImportModuleError", "errorMessage": "No module named 'handler'"},
    }
)


def letter(body: str, **attributes: str) -> DeadLetter:
    typed: dict[str, Any] = {n: {"DataType": "String", "StringValue": value} for n, value in attributes.items()}
    system = {"SentTimestamp": "1800000000000", "ApproximateReceiveCount": "1"}
    message = {"MessageId": "m-1", "ReceiptHandle": "r", "Body": body, "MessageAttributes": typed, "Attributes": system}
    return read(message, max_receives=5)


GOLDEN: dict[str, tuple[DeadLetter, Kind, str]] = {
    "a handler rejects": (
        letter(event(1), error_type="Reject", error_message="not in stock", attempts="5", **CORE),
        Kind.REJECTED,
        "Reject",
    ),
    "a policy rejects": (letter(event(1), error_type="KeyError", attempts="1", **CORE), Kind.REJECTED, "KeyError"),
    "unreadable": (letter("{", error_type="EventError", attempts="1", **CORE), Kind.REJECTED, "EventError"),
    "tries are used up": (
        letter(event(1), error_type="TimeoutError", attempts="5", **CORE),
        Kind.EXHAUSTED,
        "TimeoutError",
    ),
    "retention ends": (
        letter(event(1), error_type="RetentionEnds", attempts="2", **CORE),
        Kind.EXHAUSTED,
        "RetentionEnds",
    ),
    "the process dies over it": (
        letter(event(1), error_type="ProcessDied", attempts="5", **CORE),
        Kind.DIED,
        "ProcessDied",
    ),
    "moved by SQS": (letter(event(1)), Kind.DIED, ""),
    "EventBridge cannot deliver": (
        letter(
            event(1),
            RULE_ARN="arn:aws:events:eu-central-1:123456789012:rule/shop-prod/billing-1",
            TARGET_ARN="arn:aws:sqs:eu-central-1:123456789012:shop-prod-billing",
            ERROR_CODE="NO_PERMISSIONS",
            ERROR_MESSAGE="Lack of permissions to invoke cross account target.",
            RETRY_ATTEMPTS="0",
        ),
        Kind.UNDELIVERED_BY_EVENTBRIDGE,
        "NO_PERMISSIONS",
    ),
    "SNS cannot deliver": (
        letter(event(1), RequestID="1d2e", ErrorCode="403", ErrorMessage="AccessDenied"),
        Kind.UNDELIVERED_BY_SNS,
        "403",
    ),
    "an invocation fails": (letter(FAILED_INVOCATION), Kind.INVOCATION, "ImportModuleError"),
    "somebody's own": (letter("hello"), Kind.FOREIGN, ""),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_each_kind_is_told_apart_with_its_cause(name: str) -> None:
    found, kind, cause = GOLDEN[name]

    assert (found.kind, found.cause) == (kind, cause)


def test_what_the_worker_cannot_take_is_not_redrivable() -> None:
    assert {name for name, (found, _, _) in GOLDEN.items() if not found.redrivable} == {
        "an invocation fails",
        "somebody's own",
        "unreadable",
    }
    assert {Kind.INVOCATION, Kind.FOREIGN}.isdisjoint(REDRIVABLE)


def test_a_message_has_its_event_and_its_place() -> None:
    found = letter(event(7), error_type="Reject", sequence_number="12", message_group="o-7", **CORE)

    assert (found.event, found.event_id, found.original_group) == ("shop.orders/OrderPlaced", "event-7", "o-7")
    assert found.order == (12, 1_800_000_000_000)


def test_an_unreadable_event_has_the_id_that_the_worker_told() -> None:
    assert letter("{", error_type="EventError", **CORE).event_id == "event-1"
