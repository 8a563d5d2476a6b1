"""SQS: queues in virtual time, with receive counts, DLQs, retention, and the locks of FIFO groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from scripts.reliability.model.clock import Clock
from scripts.reliability.model.errors import refusal

__all__ = ["Message", "ModelQueue", "ModelSQS"]

DAY_S = 86_400
DEDUPLICATED_S = 300
"""How long a FIFO queue takes a message with a known deduplication id for the one that it has."""
MAX_ENTRIES = 10
MAX_HIDDEN_S = 43_200
MAX_MESSAGE_BYTES = 1024 * 1024


@dataclass(eq=False)
class Message:
    message_id: str
    body: str
    sent_at: float
    visible_at: float
    group: str | None = None
    attributes: dict[str, Any] = field(default_factory=dict)
    receives: int = 0
    first_received_at: float = 0.0
    sequence: int = 0

    @property
    def receipt(self) -> str:
        """Of its last receive; that of an earlier one is worth nothing."""
        return f"{self.message_id}/{self.receives}"

    @property
    def cause(self) -> str | None:
        """What the core says of a record that it moved to the DLQ."""
        value = self.attributes.get("error_message") or self.attributes.get("error_type")
        return None if value is None else str(value["StringValue"])


class ModelQueue:
    """
    :param max_receives: after so many receives a message is moved to the DLQ, without a word on why.
    """

    def __init__(
        self,
        url: str,
        clock: Clock,
        *,
        visibility_s: float = 30,
        retention_s: float = 14 * DAY_S,
        max_receives: int | None = None,
        dlq: ModelQueue | None = None,
        fifo: bool = False,
    ) -> None:
        self.url, self.fifo, self.dlq = url, fifo, dlq
        self.visibility_s, self.retention_s, self.max_receives = visibility_s, retention_s, max_receives
        self.messages: list[Message] = []
        self.lost: list[Message] = []
        """Deleted because their retention had ended."""
        self.moved: list[Message] = []
        """Moved to the DLQ by the queue itself."""
        self._clock = clock
        self._numbers = count(1)
        self._deduplicated: dict[str, tuple[str, float]] = {}
        """By deduplication id, the message and until when another one is taken for it."""

    def send(
        self,
        body: str,
        *,
        delay_s: float = 0,
        group: str | None = None,
        deduplication: str | None = None,
        attributes: dict[str, Any] | None = None,
    ) -> str:
        now = self._clock.now
        known, until = self._deduplicated.get(deduplication or "", ("", 0.0))
        if now < until:
            return known
        number = next(self._numbers)
        message = Message(f"{self.url}-{number}", body, now, now + delay_s, group, attributes or {}, sequence=number)
        self.messages.append(message)
        if deduplication is not None:
            self._deduplicated[deduplication] = message.message_id, now + DEDUPLICATED_S
        return message.message_id

    def receive(self, most: int) -> list[Message]:
        """Hand out what is visible; what has been handed out too often goes to the DLQ instead."""
        self.expire()
        received: list[Message] = []
        locked = self._locked_groups()
        for message in list(self.messages):
            if len(received) == most or message.visible_at > self._clock.now or message.group in locked:
                continue
            if self.max_receives is not None and message.receives >= self.max_receives:
                self._move(message)
                continue
            message.receives += 1
            message.first_received_at = message.first_received_at or self._clock.now
            message.visible_at = self._clock.now + self.visibility_s
            received.append(message)
        return received

    def receivable(self) -> bool:
        """Whether a message could be received now."""
        locked = self._locked_groups()
        return any(m.visible_at <= self._clock.now and m.group not in locked for m in self.messages)

    def _locked_groups(self) -> set[str]:
        """The FIFO groups of which a message is under way, or hidden for its next try."""
        hidden = {m.group for m in self.messages if m.visible_at > self._clock.now and m.receives}
        return {group for group in hidden if group is not None} if self.fifo else set()

    def _move(self, message: Message) -> None:
        self.messages.remove(message)
        self.moved.append(message)
        if self.dlq is not None:
            self.dlq.send(message.body, group=message.group, attributes=message.attributes)

    def expire(self) -> None:
        for message in [m for m in self.messages if m.sent_at + self.retention_s <= self._clock.now]:
            self.messages.remove(message)
            self.lost.append(message)

    def delete(self, receipt: str) -> bool:
        message = self._of(receipt)
        if message is not None:
            self.messages.remove(message)
        return message is not None

    def hide(self, receipt: str, seconds: float) -> bool:
        message = self._of(receipt)
        if message is not None:
            message.visible_at = self._clock.now + seconds
        return message is not None

    def _of(self, receipt: str) -> Message | None:
        return next((m for m in self.messages if m.receipt == receipt and m.receives), None)

    def next_visible_at(self) -> float | None:
        """When there is something to receive, in seconds since 1970; None of an empty queue."""
        return min((m.visible_at for m in self.messages), default=None)


class ModelSQS:
    """Answers as the client of boto3 does."""

    def __init__(self) -> None:
        self.queues: dict[str, ModelQueue] = {}

    def add(self, queue: ModelQueue) -> ModelQueue:
        self.queues[queue.url] = queue
        return queue

    def _queue(self, request: dict[str, Any], operation: str) -> ModelQueue:
        try:
            return self.queues[request["QueueUrl"]]
        except KeyError:
            raise refusal("AWS.SimpleQueueService.NonExistentQueue", operation) from None

    def send_message(self, **request: Any) -> dict[str, Any]:
        queue = self._queue(request, "SendMessage")
        return {"MessageId": self._send(queue, request)}

    def send_message_batch(self, **request: Any) -> dict[str, Any]:
        queue = self._queue(request, "SendMessageBatch")
        entries: Sequence[dict[str, Any]] = request["Entries"]
        _check(entries, "SendMessageBatch")
        return {"Successful": [{"Id": e["Id"], "MessageId": self._send(queue, e)} for e in entries]}

    def _send(self, queue: ModelQueue, entry: dict[str, Any]) -> str:
        if queue.fifo and not {"MessageGroupId", "MessageDeduplicationId"} <= entry.keys():
            raise refusal("MissingParameter", "SendMessage", "a FIFO queue needs a group and a deduplication id")
        if queue.fifo and "DelaySeconds" in entry:
            raise refusal("InvalidParameterValue", "SendMessage", "a FIFO queue cannot delay one message")
        texts = [str(value.get("StringValue", "")) for value in entry.get("MessageAttributes", {}).values()]
        if any(ord(c) < ord(" ") and c not in "\t\n\r" for text in [entry["MessageBody"], *texts] for c in text):
            raise refusal("InvalidMessageContents", "SendMessage", "a control character")
        return queue.send(
            entry["MessageBody"],
            delay_s=entry.get("DelaySeconds", 0),
            group=entry.get("MessageGroupId"),
            deduplication=entry.get("MessageDeduplicationId"),
            attributes=entry.get("MessageAttributes"),
        )

    def change_message_visibility(self, **request: Any) -> dict[str, Any]:
        queue = self._queue(request, "ChangeMessageVisibility")
        _check_hidden(request, "ChangeMessageVisibility")
        if not queue.hide(request["ReceiptHandle"], request["VisibilityTimeout"]):
            raise refusal("MessageNotInflight", "ChangeMessageVisibility")
        return {}

    def change_message_visibility_batch(self, **request: Any) -> dict[str, Any]:
        queue = self._queue(request, "ChangeMessageVisibilityBatch")
        entries: Sequence[dict[str, Any]] = request["Entries"]
        _check(entries, "ChangeMessageVisibilityBatch")
        done, failed = list[dict[str, Any]](), list[dict[str, Any]]()
        for entry in entries:
            if queue.hide(entry["ReceiptHandle"], entry["VisibilityTimeout"]):
                done.append({"Id": entry["Id"]})
            else:
                failed.append({"Id": entry["Id"], "Code": "MessageNotInflight", "SenderFault": True})
        return {"Successful": done, **({"Failed": failed} if failed else {})}

    def delete_message_batch(self, **request: Any) -> dict[str, Any]:
        """A receipt that is out of date deletes nothing, and is no failure."""
        queue = self._queue(request, "DeleteMessageBatch")
        entries: Sequence[dict[str, Any]] = request["Entries"]
        _check(entries, "DeleteMessageBatch")
        for entry in entries:
            queue.delete(entry["ReceiptHandle"])
        return {"Successful": [{"Id": entry["Id"]} for entry in entries]}


def _check(entries: Sequence[dict[str, Any]], operation: str) -> None:
    if not 0 < len(entries) <= MAX_ENTRIES:
        raise refusal("AWS.SimpleQueueService.TooManyEntriesInBatchRequest", operation)
    if len({entry["Id"] for entry in entries}) < len(entries):
        raise refusal("AWS.SimpleQueueService.BatchEntryIdsNotDistinct", operation)
    if sum(len(entry.get("MessageBody", "")) for entry in entries) > MAX_MESSAGE_BYTES:
        raise refusal("AWS.SimpleQueueService.BatchRequestTooLong", operation)
    for entry in entries:
        _check_hidden(entry, operation)


def _check_hidden(entry: dict[str, Any], operation: str) -> None:
    if not 0 <= entry.get("VisibilityTimeout", 0) <= MAX_HIDDEN_S:
        raise refusal("InvalidParameterValue", operation, f"VisibilityTimeout {entry['VisibilityTimeout']}")
