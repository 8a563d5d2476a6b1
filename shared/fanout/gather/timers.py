"""What wakes a gathering worker: messages in its own queue, read like events.

A timer for the deadline is a delayed message. SQS delays 900 s at most, so that one which comes too early is sent
once more, until it is due. EventBridge Scheduler would fire any time in one go, but each schedule is one more
resource that can be left over, and minutes-exact only.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid5

import orjson
from pydantic import Field

from fanout.events.envelope import Envelope
from fanout.events.event import Event
from fanout.gather.state import MAX_PARTS, Part, ScatterGather

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

__all__ = ["PartReported", "PartWasLate", "SqsTimers", "WokenUp", "identity", "message", "report_id"]

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


class PartReported(Event, source="fanout.gather", version=1):
    """What became of a part that another worker handled."""

    gather_id: str = Field(min_length=1, max_length=36)
    index: int = Field(ge=0, lt=MAX_PARTS)
    result: Any = None
    error: str | None = None


class SqsTimers:
    """The timers of a worker's gathers, and what it reports to other gatherers.

    :param sqs: makes the client on first use.
    """

    def __init__(self, sqs: Callable[[], SQSClient]) -> None:
        self._sqs = sqs

    def send(self, queue_url: str, timer: Envelope, delay_s: int) -> None:
        """Put the timer into the queue, to be seen after ``delay_s`` seconds, 0 to 900."""
        self._sqs().send_message(QueueUrl=queue_url, MessageBody=message(timer), DelaySeconds=delay_s)


def message(envelope: Envelope) -> str:
    """The body of a message in a worker's queue: as EventBridge writes it, in ASCII: SQS refuses some others."""
    body = {
        "id": envelope.metadata.event_id,
        "source": envelope.source,
        "detail-type": envelope.name,
        "time": envelope.metadata.published_at,
        "detail": json.loads(envelope.detail()),
    }
    return json.dumps(body)


def report_id(gather_id: str, part: Part) -> str:
    """The event_id of a part's report. What it says is in the id, because a part that is handled again may say
    something else: equal ids with other data would be rejected, while the gather keeps the first report anyway."""
    said = hashlib.sha256(orjson.dumps([part.result, part.error], option=orjson.OPT_SORT_KEYS)).hexdigest()
    return identity(gather_id, f"part/{part.index}/{said}")


def identity(gather_id: str, what: str) -> str:
    """The event_id of what comes of a gather: the same however often it is made."""
    return str(uuid5(_NAMESPACE, f"{gather_id}/{what}"))


def delay_s(gather: ScatterGather, now: float) -> int:
    """Whole seconds until the deadline, as far as SQS can wait."""
    return max(0, min(MAX_DELAY_S, math.ceil(gather.due_at - now)))
