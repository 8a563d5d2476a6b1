"""An SQS message as Lambda hands it to a worker."""

from collections.abc import Mapping
from typing import Any, NamedTuple, Self

__all__ = ["Record"]


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
