"""What lies in a dead-letter queue, told apart by who put it there; pure.

:data:`Kind` decides what can be done about a message: what the worker core gave up or rejected carries its cause in
attributes; what SQS moved itself carries nothing; EventBridge and SNS say why they could not deliver; a failed
invocation is wrapped by Lambda.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import orjson

from fanout.errors import CanaryError, EventError
from fanout.events.envelope import Envelope

__all__ = ["REDRIVABLE", "DeadLetter", "Kind", "read"]


class Kind(StrEnum):
    """Who put a message into the queue."""

    REJECTED = "rejected"
    """The worker: no further try would have helped."""
    EXHAUSTED = "exhausted"
    """The worker: it failed as often as it may be tried, or the queue's retention ended."""
    DIED = "died"
    """The process ended over it, as often as it may; or SQS itself: it was received too often, without a word."""
    UNDELIVERED_BY_EVENTBRIDGE = "undelivered by EventBridge"
    UNDELIVERED_BY_SNS = "undelivered by SNS"
    INVOCATION = "failed invocation"
    """Of the function, without waiting for its answer: a keep-warm ping, or a person's."""
    FOREIGN = "foreign"
    """None of these."""


REDRIVABLE = frozenset(Kind) - {Kind.INVOCATION, Kind.FOREIGN}
"""What the worker's queue can be given."""

_EXHAUSTED = frozenset({"RetentionEnds"})
_DIED = "ProcessDied"
_REJECT = "Reject"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """One message."""

    message_id: str
    receipt_handle: str = field(repr=False)
    body: str = field(repr=False)
    attributes: Mapping[str, str] = field(repr=False)
    """Those of the message; values of other types than text are left out."""
    kind: Kind
    cause: str = ""
    """The exception's class, or the service's code."""
    text: str = ""
    """What it said."""
    sent_ms: int = 0
    """When this queue, or the one before whose message it still is, took it, in milliseconds since 1970."""
    receives: int = 0
    """How often it has been received from this queue, and from the one before if SQS moved it."""
    tries: int = 0
    """How often its handler had begun."""
    envelope: Envelope | None = field(default=None, repr=False)
    """None: it is no event, or cannot be read."""

    @property
    def event_id(self) -> str | None:
        return self.envelope.metadata.event_id if self.envelope else self.attributes.get("event_id")

    @property
    def event(self) -> str | None:
        """``<source>/<Name>``."""
        return self.envelope.identifier if self.envelope else None

    @property
    def original_group(self) -> str | None:
        """Its message group in the FIFO queue that it came from."""
        return self.attributes.get("message_group")

    @property
    def order(self) -> tuple[int, int]:
        """Its place among those of its queue: a FIFO queue's own number, else the time it was sent."""
        return int(self.attributes.get("sequence_number") or 0), self.sent_ms

    @property
    def redrivable(self) -> bool:
        return self.kind in REDRIVABLE and self.envelope is not None


def read(message: Mapping[str, Any], *, max_receives: int) -> DeadLetter:
    """A message as SQS hands it out.

    :param max_receives: how often the worker tries a record.
    """
    attributes = {
        name: str(value["StringValue"])
        for name, value in message.get("MessageAttributes", {}).items()
        if "StringValue" in value
    }
    system = message.get("Attributes", {})
    body, envelope = message["Body"], _envelope(message["Body"])
    kind = _kind(attributes, body, envelope, max_receives)
    cause, text = _cause(kind, attributes, body)
    return DeadLetter(
        message_id=message["MessageId"],
        receipt_handle=message["ReceiptHandle"],
        body=body,
        attributes=attributes,
        kind=kind,
        cause=cause,
        text=text,
        sent_ms=int(system.get("SentTimestamp") or 0),
        receives=int(system.get("ApproximateReceiveCount") or 0),
        tries=_number(attributes.get("attempts")),
        envelope=envelope,
    )


def _kind(attributes: Mapping[str, str], body: str, envelope: Envelope | None, max_receives: int) -> Kind:
    if "error_type" in attributes and "worker" in attributes:
        return _of_core(attributes, max_receives)
    if "RULE_ARN" in attributes or "TARGET_ARN" in attributes:
        return Kind.UNDELIVERED_BY_EVENTBRIDGE
    if "ErrorCode" in attributes and "RequestID" in attributes:
        return Kind.UNDELIVERED_BY_SNS
    if _invocation(body):
        return Kind.INVOCATION
    if envelope is None:
        return Kind.FOREIGN
    return Kind.DIED


def _of_core(attributes: Mapping[str, str], max_receives: int) -> Kind:
    cause = attributes["error_type"]
    if cause == _DIED:
        return Kind.DIED
    if cause in _EXHAUSTED:
        return Kind.EXHAUSTED
    if cause != _REJECT and _number(attributes.get("attempts")) >= max_receives:
        return Kind.EXHAUSTED
    return Kind.REJECTED


def _cause(kind: Kind, attributes: Mapping[str, str], body: str) -> tuple[str, str]:
    if "error_type" in attributes:
        return attributes["error_type"], attributes.get("error_message", "")
    if kind is Kind.UNDELIVERED_BY_EVENTBRIDGE:
        return attributes.get("ERROR_CODE", ""), attributes.get("ERROR_MESSAGE", "")
    if kind is Kind.UNDELIVERED_BY_SNS:
        return attributes.get("ErrorCode", ""), attributes.get("ErrorMessage", "")
    if kind is Kind.INVOCATION:
        found = _invocation(body)
        answer = found.get("responsePayload")
        told = answer if isinstance(answer, Mapping) else {}
        condition = str(found["requestContext"].get("condition", ""))
        return str(told.get("errorType") or condition), str(told.get("errorMessage") or condition)
    if kind is Kind.DIED:
        return "", "received too often: the process ended, or the function could not run at all"
    return "", "not an event"


def _envelope(body: str) -> Envelope | None:
    try:
        return Envelope.decode(body)
    except (EventError, CanaryError):
        return None


def _invocation(body: str) -> dict[str, Any]:
    """What Lambda tells of an invocation that failed, and empty when it is none
    (https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html)."""
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    if isinstance(found, dict) and isinstance(found.get("requestContext"), dict) and "requestPayload" in found:
        return found
    return {}


def _number(text: str | None) -> int:
    return int(text) if text and text.isdecimal() else 0
