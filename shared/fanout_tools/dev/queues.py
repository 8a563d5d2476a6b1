"""Queues in this process, as Amazon SQS keeps them: visibility, receive counts, delays, order, dead letters.

Times are seconds since 1970, and are given: a test gives its own. Safe to share between threads.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from threading import RLock
from typing import Any
from uuid import uuid4

__all__ = ["Message", "Queue"]

DEDUPLICATION_S = 300.0
"""Of a FIFO queue
(https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/using-messagededuplicationid-property.html)."""

DEAD_LETTER_RETENTION_S = 14 * 86_400.0


@dataclass(eq=False, kw_only=True)
class Message:
    """One message of a queue."""

    body: str
    sent_at: float
    visible_at: float
    attributes: Mapping[str, Any] = field(default_factory=dict)
    """As SendMessage takes them."""
    group: str | None = None
    """Of a FIFO queue."""
    sequence: int = 0
    message_id: str = field(default_factory=lambda: str(uuid4()))
    receipt: str = ""
    """Of its last receive; empty: it has none, or has been given back."""
    receives: int = 0
    first_received_at: float = 0.0


@dataclass(eq=False, kw_only=True)
class Queue:
    """One queue.

    :ivar visibility_s: how long a received message is hidden.
    :ivar max_receives: a message that has been received so often goes to ``dead`` in place of another receive.
    """

    name: str
    visibility_s: float = 30.0
    retention_s: float = DEAD_LETTER_RETENTION_S
    max_receives: int | None = None
    dead: Queue | None = field(default=None, repr=False)
    fifo: bool = False
    _messages: dict[str, Message] = field(default_factory=dict, init=False, repr=False)
    """By id, in the order in which they were sent."""
    _seen: dict[str, tuple[float, Message]] = field(default_factory=dict, init=False, repr=False)
    """A FIFO queue's, by deduplication id."""
    _numbers: Iterator[int] = field(default_factory=lambda: count(1), init=False, repr=False)
    _lock: RLock = field(default_factory=RLock, init=False, repr=False)

    def send(
        self,
        body: str,
        now: float,
        *,
        attributes: Mapping[str, Any] | None = None,
        delay_s: float = 0.0,
        group: str | None = None,
        deduplication: str | None = None,
    ) -> Message:
        """Put a message into the queue; a FIFO queue takes what it was sent within five minutes once."""
        with self._lock:
            known = self._seen.get(deduplication or "")
            if self.fifo and known is not None and known[0] > now - DEDUPLICATION_S:
                return known[1]
            made = Message(
                body=body,
                sent_at=now,
                visible_at=now + delay_s,
                attributes=attributes or {},
                group=group,
                sequence=next(self._numbers),
            )
            self._messages[made.message_id] = made
            if self.fifo and deduplication:
                self._seen[deduplication] = (now, made)
            return made

    def take_in(self, message: Message) -> None:
        """A message that SQS moves from another queue: it stays the same, and keeps its time."""
        with self._lock:
            message.receipt, message.visible_at = "", 0.0
            self._messages[message.message_id] = message

    def receive(self, most: int, now: float, *, hidden_s: float | None = None) -> list[Message]:
        """Up to so many messages that can be had now, hidden from others from here on."""
        with self._lock:
            self._expire(now)
            found = [it for it in self._available(now) if not self._is_spent(it)][:most]
            for message in found:
                message.receives += 1
                message.first_received_at = message.first_received_at or now
                message.receipt = f"{message.message_id}/{message.receives}"
                message.visible_at = now + (self.visibility_s if hidden_s is None else hidden_s)
            return found

    def _expire(self, now: float) -> None:
        for message in [it for it in self._messages.values() if it.sent_at + self.retention_s <= now]:
            del self._messages[message.message_id]

    def _available(self, now: float) -> list[Message]:
        """Those that are visible; of a group in a FIFO queue none behind one that is not."""
        hidden = {it.group for it in self._messages.values() if it.visible_at > now}
        blocked = hidden if self.fifo else frozenset()
        return [it for it in self._messages.values() if it.visible_at <= now and it.group not in blocked]

    def _is_spent(self, message: Message) -> bool:
        """Whether it has been received too often, and is in the DLQ now."""
        if self.dead is None or self.max_receives is None or message.receives < self.max_receives:
            return False
        del self._messages[message.message_id]
        self.dead.take_in(message)
        return True

    def hide(self, receipt: str, seconds: float, now: float) -> bool:
        """Let a received message come again after so long; whether it is there."""
        with self._lock:
            message = self._of(receipt)
            if message is not None:
                message.visible_at = now + seconds
                message.receipt = message.receipt if seconds else ""
            return message is not None

    def delete(self, receipt: str) -> bool:
        """Take a received message away; whether it was there."""
        with self._lock:
            message = self._of(receipt)
            if message is not None:
                del self._messages[message.message_id]
            return message is not None

    def _of(self, receipt: str) -> Message | None:
        message = self._messages.get(receipt.partition("/")[0])
        return message if message is not None and message.receipt == receipt else None

    def hurry(self, now: float) -> int:
        """Let all that wait for their time be had now; how many there were."""
        with self._lock:
            hidden = [it for it in self._messages.values() if it.visible_at > now]
            for message in hidden:
                message.visible_at = now
            return len(hidden)

    def next_at(self) -> float | None:
        """When a message can be had next; None: there is none."""
        with self._lock:
            return min((it.visible_at for it in self._messages.values()), default=None)

    def messages(self) -> list[Message]:
        """All of them, in the order in which they were sent."""
        with self._lock:
            return list(self._messages.values())

    def counts(self, now: float) -> tuple[int, int, int]:
        """How many are waiting, have been received, and are delayed."""
        with self._lock:
            hidden = [it for it in self._messages.values() if it.visible_at > now]
            received = sum(it.receives > 0 for it in hidden)
            return len(self._messages) - len(hidden), received, len(hidden) - received
