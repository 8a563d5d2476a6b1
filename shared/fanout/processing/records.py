"""What Lambda hands to a worker: the records of a batch, or a direct invocation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Self

from fanout.errors import DeclarationError

__all__ = ["Invocation", "Record", "records_of", "refusal"]


class Record(NamedTuple):
    """One record of a batch (https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html)."""

    message_id: str
    receipt_handle: str
    body: str
    receive_count: int
    """How often the queue has handed it out, this time included."""
    first_received_ms: int
    """When the queue first handed it out, in milliseconds since 1970."""
    group: str | None
    """Its message group in a FIFO queue."""
    sent_ms: int = 0
    """When the queue took it, in milliseconds since 1970; 0: unknown."""
    sequence_number: str | None = None
    """Its place in a FIFO queue."""

    @classmethod
    def from_lambda(cls, record: Mapping[str, Any]) -> Self:
        attributes = record["attributes"]
        return cls(
            record["messageId"],
            record["receiptHandle"],
            record["body"],
            int(attributes["ApproximateReceiveCount"]),
            int(attributes.get("ApproximateFirstReceiveTimestamp") or 0),
            attributes.get("MessageGroupId"),
            int(attributes.get("SentTimestamp") or 0),
            attributes.get("SequenceNumber"),
        )


class Invocation(NamedTuple):
    """Which call it is, and how long it may go on."""

    request_id: str
    remaining_s: Callable[[], float]
    """Seconds until Lambda ends it."""


SQS = "aws:sqs"


def records_of(event: Any) -> Sequence[Mapping[str, Any]] | None:
    """The SQS records of a batch, as an event source mapping (``{"Records": [...]}``) or EventBridge Pipes (a list)
    sends them; None for a direct invocation.

    :raises DeclarationError: its records are another service's.
    """
    if isinstance(event, Mapping) and isinstance(event.get("Records"), list):
        records: list[Mapping[str, Any]] = event["Records"]
        for record in records:
            if type(record) is dict and record.get("eventSource") == SQS:
                continue  # as always from a queue: nothing slower for each record of each batch
            if _source(record) != SQS:
                raise DeclarationError(
                    f"the function was invoked with records of {_source(record)}; a worker takes those of its queue: "
                    "send them to the queue, or through the bus"
                )
        return records
    if isinstance(event, list) and event and all(_source(record) == SQS for record in event):
        return event
    return None


def refusal(worker: str, event: Any) -> DeclarationError:
    """What to raise for a direct invocation that nothing in the worker handles."""
    return DeclarationError(
        f"{worker}: invoked with {_what(event)}, which nothing handles; publish events to the bus, or declare a "
        "function with @worker.on_invoke"
    )


def _source(record: Any) -> str:
    if not isinstance(record, Mapping):
        return f"no service: {type(record).__name__}"
    source = record.get("eventSource") or record.get("EventSource")
    if source is None and "messageId" in record and "receiptHandle" in record:
        return SQS
    return str(source or "an unnamed service")[:100]


def _what(event: Any) -> str:
    if isinstance(event, list):
        return f"a list of {len(event)} values that are not SQS records"
    if not isinstance(event, Mapping):
        return f"a {type(event).__name__}"
    if "detail-type" in event:
        return f"an EventBridge event ({event.get('source')}/{event['detail-type']})"[:200]
    return "an object with the keys " + (", ".join(sorted(map(str, event)))[:200] or "(none)")
