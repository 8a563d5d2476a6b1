"""What became of a canary that nobody tells of: in a DLQ, with the reason; or still in its queue."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fanout.errors import CanaryError
from fanout.events.canary import canary_in
from fanout_tools.canary.deployed import Deployed, found

__all__ = ["Dead", "Depth", "depth", "raised", "take_from_dead_letters"]

MOST = 200
"""Messages that are looked at in one DLQ: one with more had them before this deployment."""
HIDDEN_S = 20
"""For how long a look hides them from others."""


@dataclass(frozen=True, slots=True)
class Dead:
    """A canary in a DLQ."""

    queue: str
    code: str
    """EventBridge's ERROR_CODE, such as NO_PERMISSIONS; of SNS there is none."""
    text: str


@dataclass(frozen=True, slots=True)
class Depth:
    """Messages in a queue, approximately."""

    waiting: int
    in_flight: int


def depth(deployed: Deployed, queue: str) -> Depth | None:
    """None: there is no such queue."""
    url = deployed.queue_url(queue)
    if url is None:
        return None
    asked = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    counted = deployed.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=asked)["Attributes"]
    return Depth(*(int(counted[name]) for name in asked))


def take_from_dead_letters(deployed: Deployed, queue: str) -> dict[str, Dead]:
    """The canaries in a DLQ by their ids, deleted there: of this run and of earlier ones. Everything else stays."""
    url = deployed.queue_url(queue)
    if url is None:
        return {}
    sqs, dead, others = deployed.client("sqs"), dict[str, Dead](), list[str]()
    while len(others) < MOST and (messages := _received(sqs, url)):
        for message in messages:
            canary = _canary(message)
            if canary is None:
                others.append(message["ReceiptHandle"])
            else:
                dead[canary.identity] = _dead(queue, message)
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    for receipt in others:
        found(sqs.change_message_visibility, QueueUrl=url, ReceiptHandle=receipt, VisibilityTimeout=0)
    return dead


def _received(sqs: Any, url: str) -> list[dict[str, Any]]:
    answered = sqs.receive_message(
        QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=HIDDEN_S, MessageAttributeNames=["All"]
    )
    return list(answered.get("Messages", ()))


def _canary(message: Mapping[str, Any]) -> CanaryError | None:
    try:
        return canary_in(json.loads(message["Body"]))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None  # what else is in a DLQ need not be an event


def _dead(queue: str, message: Mapping[str, Any]) -> Dead:
    told = {name: value.get("StringValue", "") for name, value in message.get("MessageAttributes", {}).items()}
    return Dead(queue, told.get("ERROR_CODE", ""), told.get("ERROR_MESSAGE", ""))


def raised(deployed: Deployed, worker: str, since_ms: int) -> str | None:
    """What the worker's function has failed with since then, as Lambda's own lines tell; None: nothing."""
    told = found(
        deployed.client("logs").filter_log_events,
        logGroupName=deployed.names.log_group(worker),
        startTime=since_ms,
        filterPattern='"[ERROR]"',
    )
    lines = [event["message"].partition("[ERROR]")[2] for event in (told or {}).get("events", ())]
    return next((line.strip().splitlines()[0] for line in lines if line.strip()), None)
