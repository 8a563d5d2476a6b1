"""What wakes a gathering worker: messages in its own queue, read like events.

An timer for the deadline is a delayed message. SQS delays 900 s at most, so that one which comes too early is sent
once more, until it is due. EventBridge Scheduler would fire any time in one go, but each schedule is one more
resource that can be left over, and minutes-exact only.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol
from uuid import UUID, uuid5

from pydantic import Field

from fanout.envelope import Envelope
from fanout.event import Event
from fanout.gather.state import ScatterGather

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

__all__ = ["PartWasLate", "SqsTimers", "Timers", "WokenUp", "identity", "late", "woken"]

MAX_DELAY_S = 900
"""Of one message (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html)."""

_NAMESPACE = UUID("0d1b6c2e-98a7-5c3a-8f04-5b0e6a3f7c19")


class WokenUp(Event, source="fanout.gather", version=1):
    """A gather may have come to its end: all parts have settled, or the deadline has."""

    gather_id: str
    turn: int = Field(ge=-1, description="-1: the parts have settled; else how often the deadline was waited for")


class PartWasLate(Event, source="fanout.gather", version=1):
    """A part succeeded after its gather had failed: it is to be undone."""

    gather_id: str
    index: int


class Timers(Protocol):
    def send(self, queue_url: str, timer: Envelope, delay_s: int) -> None:
        """Put the timer into the queue, to be seen after ``delay_s`` seconds, 0 to 900."""


class SqsTimers:
    """
    :param sqs: makes the client on first use.
    """

    def __init__(self, sqs: Callable[[], SQSClient]) -> None:
        self._sqs = sqs

    def send(self, queue_url: str, timer: Envelope, delay_s: int) -> None:
        body = {
            "id": timer.metadata.event_id,
            "source": timer.source,
            "detail-type": timer.name,
            "time": timer.metadata.published_at,
            "detail": json.loads(timer.detail()),
        }
        self._sqs().send_message(QueueUrl=queue_url, MessageBody=json.dumps(body), DelaySeconds=delay_s)


def identity(gather_id: str, what: str) -> str:
    """The event_id of what comes of a gather: the same however often it is made."""
    return str(uuid5(_NAMESPACE, f"{gather_id}/{what}"))


def woken(gather: ScatterGather, turn: int) -> WokenUp:
    return WokenUp(gather_id=gather.gather_id, turn=turn)


def late(gather: ScatterGather, index: int) -> PartWasLate:
    return PartWasLate(gather_id=gather.gather_id, index=index)


def delay_s(gather: ScatterGather, now: float) -> int:
    """Whole seconds until the deadline, as far as SQS can wait."""
    return max(0, min(MAX_DELAY_S, math.ceil(gather.due_at - now)))


def moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
