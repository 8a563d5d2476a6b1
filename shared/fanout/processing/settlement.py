"""Tell SQS what became of a batch: moves to the DLQ with their cause, backoff of what is to come again.

Each in calls per ten records. A move counts only when the DLQ has the record; a backoff that cannot be set leaves
the queue's own visibility timeout, and never fails the record.

A record may come again as often as it takes, as long as it has not failed ``max_receives`` tries: the queue's own
``maxReceiveCount`` is a backstop for functions that cannot run at all, and delays are such that no record reaches it
for another reason before the queue's retention ends. Shortly before that end it is moved to the DLQ with its cause.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from fanout.errors import describe
from fanout.events.envelope import trace_id
from fanout.events.personal import hidden
from fanout.outcomes import Backoff, Outcome
from fanout.processing.accounts import place_of
from fanout.processing.delivery import FAILED, SENT_BY, Delivery
from fanout.processing.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageAttributeValueTypeDef, SendMessageBatchRequestEntryTypeDef

__all__ = ["RetentionEnds", "Settlement"]

log = logging.getLogger(__name__)

MAX_ENTRIES = 10
"""Of an SQS batch call (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html)."""

MAX_CALL_BYTES = 1024 * 1024
"""Of one SendMessageBatch together, since August 2025."""

MAX_CAUSE = 1_000
"""Characters of a cause in the DLQ message's attributes."""

MAX_HIDDEN_S = 43_200
"""That SQS hides a message for in all, counted from its receipt
(https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibility.html)."""

MARGIN_S = 60
"""For clocks that differ, and deliveries that come late."""


class RetentionEnds(Exception):  # noqa: N818 - an outcome, named so in the DLQ
    """The queue would delete the record before it could be handled once more."""


@dataclass(eq=False, repr=False)
class Settlement:
    """Settles the batches of one worker."""

    sqs: Callable[[], SQSClient]
    """Makes the client on first use: most batches have nothing to settle."""
    settings: Settings
    queue_url: Callable[[], str]
    dlq_url: Callable[[], str]
    uniform: Callable[[float, float], float] = random.uniform
    clock: Callable[[], float] = time.time

    def give_up(self, deliveries: Iterable[Delivery]) -> None:
        """Reject what has failed its last try, and what the queue would delete or move away before it comes again."""
        for delivery in deliveries:
            if delivery.outcome is Outcome.RETRIED and delivery.exhausted(self.settings.max_receives):
                delivery.reject(_cause(delivery))
            elif delivery.outcome in FAILED:
                self._reject_late(delivery)

    def _reject_late(self, delivery: Delivery) -> None:
        if self._left_s(delivery) < 2 * self.settings.visibility_s + MARGIN_S:
            cause = RetentionEnds(f"the queue's retention ends: {describe(_cause(delivery), MAX_CAUSE)}")
            delivery.reject(cause)
        elif delivery.record.receive_count >= self.settings.backstop:
            delivery.reject(_cause(delivery))  # SQS would move it now without a word on why

    def out_of_the_way(self, delivery: Delivery) -> bool:
        """Move a record that failed to the DLQ, if that is where it goes; whether it is there."""
        self.give_up([delivery])
        self.dead_letter([delivery])
        return delivery.dead_lettered

    def settle(self, deliveries: Sequence[Delivery]) -> None:
        """Every rejected record to the DLQ that is not there yet, and what would be deleted before it could come
        again; a backoff for the rest."""
        failed = [delivery for delivery in deliveries if delivery.outcome in FAILED]
        for delivery in failed:
            self._reject_late(delivery)  # a further record of an event, and what the DLQ refused before
        self.dead_letter(deliveries)
        if failed:
            self._back_off([delivery for delivery in failed if delivery.outcome in FAILED])

    def _left_s(self, delivery: Delivery) -> float:
        """How long the queue keeps the record from now on."""
        if not delivery.record.sent_ms:
            return float("inf")
        return delivery.record.sent_ms / 1000 + self.settings.retention_s - self.clock()

    def dead_letter(self, deliveries: Iterable[Delivery]) -> None:
        """Move the rejected ones among them; what the DLQ does not take is retried."""
        rejected = [d for d in deliveries if d.outcome is Outcome.REJECTED and not d.dead_lettered]
        for chunk in _chunks(rejected):
            entries = [self._dead_letter_entry(str(index), delivery) for index, delivery in enumerate(chunk)]
            failed = self._call("send_message_batch", self.dlq_url, entries)
            for index, delivery in enumerate(chunk):
                # Deleted from the queue only once it is here: in both for a moment, never in none.
                delivery.dead_lettered = str(index) not in failed
                if not delivery.dead_lettered:
                    log.error(
                        "the DLQ did not take a record; it stays in the queue",
                        extra={"message_id": delivery.record.message_id, "error": failed[str(index)]},
                    )
                    delivery.retry(_cause(delivery))

    def delete(self, deliveries: Sequence[Delivery]) -> None:
        """Take records out of the queue before Lambda does; what cannot be deleted Lambda deletes with the others."""
        for chunk in _chunks(deliveries):
            entries = [{"Id": str(i), "ReceiptHandle": d.record.receipt_handle} for i, d in enumerate(chunk)]
            failed = self._call("delete_message_batch", self.queue_url, entries)
            if failed:
                log.warning(
                    "records that are in the DLQ could not be deleted; they may be handled once more",
                    extra={"records": len(failed), "error": next(iter(failed.values()))},
                )

    def _dead_letter_entry(self, identity: str, delivery: Delivery) -> SendMessageBatchRequestEntryTypeDef:
        record = delivery.record
        entry: SendMessageBatchRequestEntryTypeDef = {
            "Id": identity,
            "MessageBody": record.body,
            "MessageAttributes": self._attributes(delivery),
        }
        if self.settings.fifo:
            # A group of its own: a DLQ hands out no more than ten messages of a group before they are deleted.
            entry["MessageGroupId"] = record.message_id
            entry["MessageDeduplicationId"] = record.message_id
        return entry

    def _attributes(self, delivery: Delivery) -> dict[str, MessageAttributeValueTypeDef]:
        """At most ten, which is what SQS takes: of a FIFO queue, whose own two are needed to give its records back, the
        trace's id is left out, which the event itself has; no other function sends into one."""
        metadata = delivery.envelope.metadata if delivery.envelope else None
        first_seen = datetime.fromtimestamp(delivery.record.first_received_ms / 1000, UTC)
        fifo = self.settings.fifo
        attributes = {
            "error_type": _printable(type(delivery.cause).__name__),
            "error_message": _printable(_told(delivery)) or "no message",
            "worker": self.settings.worker,
            "attempts": str(delivery.tries),
            "first_seen": first_seen.isoformat(timespec="milliseconds"),
            "message_id": delivery.record.message_id,
            "event_id": _printable(metadata.event_id) if metadata else None,
            "error_at": None if delivery.cause is None else place_of(delivery.cause),
            "trace_id": trace_id(metadata.traceparent) if metadata and not fifo else None,
            "message_group": delivery.record.group if fifo else None,
            "sequence_number": delivery.record.sequence_number if fifo else None,
            SENT_BY: delivery.sent_by,
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
        """Whole seconds: the delay asked for, or a random one within the backoff, within what SQS takes."""
        hidden_s = self.settings.visibility_s  # the record may have been hidden for as long already
        most = min(MAX_HIDDEN_S - hidden_s, self._left_s(delivery) - 2 * hidden_s)
        return round(max(0.0, min(most, max(self._wanted_s(delivery), self._pace_s(delivery)))))

    def _wanted_s(self, delivery: Delivery) -> float:
        if delivery.delay_s is not None:
            return delivery.delay_s
        backoff = delivery.backoff or Backoff(self.settings.base_s, self.settings.cap_s)
        count = delivery.tries if delivery.begun else delivery.record.receive_count
        return self.uniform(0, backoff.most(count))

    def _pace_s(self, delivery: Delivery) -> float:
        """The least delay of a record that has used up half of the receives that the backstop allows: such that the
        rest of them lasts until the queue's retention ends."""
        receives, backstop = delivery.record.receive_count, self.settings.backstop
        if self.settings.idempotency == "off" or 2 * receives < backstop:
            return 0.0
        left_s = min(self._left_s(delivery), self.settings.retention_s)
        return left_s / max(1, backstop - receives)

    def _call(self, operation: str, url: Callable[[], str], entries: Sequence[Any]) -> dict[str, str]:
        """The entries that the call failed for, by Id, with why."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            response = getattr(self.sqs(), operation)(QueueUrl=url(), Entries=entries)
        except (BotoCoreError, ClientError) as error:
            return {entry["Id"]: str(error) for entry in entries}
        return {entry["Id"]: f"{entry['Code']}: {entry.get('Message', '')}" for entry in response.get("Failed", ())}


def _cause(delivery: Delivery) -> BaseException:
    return delivery.cause or TimeoutError("no cause was told")


def _told(delivery: Delivery) -> str:
    """What the cause says, without the event's personal values: not cut before they are looked for."""
    return hidden(describe(_cause(delivery), 100 * MAX_CAUSE), delivery.personal())


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
