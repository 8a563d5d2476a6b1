"""Tell SQS what became of a batch: cause-bearing moves to the DLQ, backoff of what is to come again.

Each in calls per ten records. A move counts only when the DLQ has the record; a backoff that cannot be set leaves
the queue's own visibility timeout, and never fails the record.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from fanout.delivery import FAILED, Delivery
from fanout.outcomes import Outcome
from fanout.policies import Backoff
from fanout.settings import Settings
from fanout.trace import trace_id

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageAttributeValueTypeDef, SendMessageBatchRequestEntryTypeDef

__all__ = ["Settlement"]

log = logging.getLogger(__name__)

MAX_ENTRIES = 10
"""Of an SQS batch call (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html)."""

MAX_CALL_BYTES = 1024 * 1024
"""Of one SendMessageBatch together, since August 2025."""

MAX_CAUSE = 1_000
"""Characters of a cause in the DLQ message's attributes."""


@dataclass(frozen=True)
class Settlement:
    """Settles the batches of one worker."""

    sqs: Callable[[], SQSClient]
    """Makes the client on first use: most batches have nothing to settle."""
    settings: Settings
    queue_url: Callable[[], str]
    dlq_url: Callable[[], str]
    uniform: Callable[[float, float], float] = random.uniform

    def settle(self, deliveries: Sequence[Delivery]) -> None:
        """Every record that failed for the last time, and every rejected one, to the DLQ; a backoff for the rest."""
        for delivery in deliveries:
            if delivery.outcome in FAILED and delivery.record.receive_count >= self.settings.max_receives:
                # SQS would move it now without a word on why.
                delivery.outcome = Outcome.REJECTED
        self._dead_letter([d for d in deliveries if d.outcome is Outcome.REJECTED])
        self._back_off([d for d in deliveries if d.outcome in FAILED])

    def _dead_letter(self, rejected: Sequence[Delivery]) -> None:
        for chunk in _chunks(rejected):
            entries = [self._dead_letter_entry(str(index), delivery) for index, delivery in enumerate(chunk)]
            failed = self._call("send_message_batch", self.dlq_url, entries)
            for index, delivery in enumerate(chunk):
                if str(index) in failed:
                    log.error(
                        "the DLQ did not take a record; it stays in the queue",
                        extra={"message_id": delivery.record.message_id, "error": failed[str(index)]},
                    )
                    delivery.outcome = Outcome.RETRIED

    def _dead_letter_entry(self, identity: str, delivery: Delivery) -> SendMessageBatchRequestEntryTypeDef:
        record = delivery.record
        entry: SendMessageBatchRequestEntryTypeDef = {
            "Id": identity,
            "MessageBody": record.body,
            "MessageAttributes": self._cause(delivery),
        }
        if self.settings.fifo:
            entry["MessageGroupId"] = record.group or record.message_id
            entry["MessageDeduplicationId"] = record.message_id
        return entry

    def _cause(self, delivery: Delivery) -> dict[str, MessageAttributeValueTypeDef]:
        metadata = delivery.envelope.metadata if delivery.envelope else None
        first_seen = datetime.fromtimestamp(delivery.record.first_received_ms / 1000, UTC)
        attributes = {
            "error_type": type(delivery.cause).__name__,
            "error_message": _printable(str(delivery.cause)) or "no message",
            "worker": self.settings.worker,
            "attempts": str(delivery.record.receive_count),
            "first_seen": first_seen.isoformat(timespec="milliseconds"),
            "message_id": delivery.record.message_id,
            "event_id": _printable(metadata.event_id) if metadata else None,
            "trace_id": trace_id(metadata.traceparent) if metadata else None,
        }
        return {name: {"DataType": "String", "StringValue": value} for name, value in attributes.items() if value}

    def _back_off(self, failed: Sequence[Delivery]) -> None:
        for chunk in _chunks(failed):
            entries = [
                {
                    "Id": str(index),
                    "ReceiptHandle": delivery.record.receipt_handle,
                    "VisibilityTimeout": self._delay_s(delivery),
                }
                for index, delivery in enumerate(chunk)
            ]
            refused = self._call("change_message_visibility_batch", self.queue_url, entries)
            if refused:
                log.warning(
                    "the backoff could not be set; the queue's visibility timeout holds",
                    extra={"records": len(refused), "error": next(iter(refused.values()))},
                )

    def _delay_s(self, delivery: Delivery) -> int:
        """Whole seconds: the delay asked for, or a random one within the backoff."""
        if delivery.delay_s is not None:
            return round(delivery.delay_s)
        backoff = delivery.backoff or Backoff(self.settings.base_s, self.settings.cap_s)
        return round(self.uniform(0, backoff.most(delivery.record.receive_count)))

    def _call(self, operation: str, url: Callable[[], str], entries: Sequence[Any]) -> dict[str, str]:
        """The entries that the call failed for, by Id, with why."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            response = getattr(self.sqs(), operation)(QueueUrl=url(), Entries=entries)
        except (BotoCoreError, ClientError) as error:
            return {entry["Id"]: str(error) for entry in entries}
        return {entry["Id"]: f"{entry['Code']}: {entry.get('Message', '')}" for entry in response.get("Failed", ())}


def _chunks(deliveries: Sequence[Delivery]) -> Iterator[list[Delivery]]:
    """Within the count and the bytes of one call."""
    chunk: list[Delivery] = []
    size = 0
    for delivery in deliveries:
        # Attributes count too; their bound is generous for eight short ones and one cause of 4-byte characters.
        length = len(delivery.record.body.encode()) + 4 * MAX_CAUSE + 1_000
        if chunk and (len(chunk) == MAX_ENTRIES or size + length > MAX_CALL_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append(delivery)
        size += length
    if chunk:
        yield chunk


def _printable(text: str) -> str:
    """Within what SQS takes for an attribute: no control characters, bounded."""
    kept = "".join(c for c in text if c in "\t\n" or c.isprintable())
    return kept[:MAX_CAUSE]
