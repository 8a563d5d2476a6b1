"""A dead-letter queue's messages, looked at without taking them.

SQS shows a message only by handing it out. What is browsed is hidden for :data:`HIDDEN_S`, or less: it is given back as
soon as it has been read, and when the reader is killed it comes back by itself. The DLQ has no DLQ of its own, so that
its receive counts move nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fanout_tools.operate.dead_letters import DeadLetter, read

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

__all__ = ["HIDDEN_S", "Browsed", "DeadLetterQueue"]

HIDDEN_S = 20
"""How long a browsed message is hidden if nobody gives it back: under the minute of an alarm's period."""
MOST = 10
"""Of one call (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html)."""
WAIT_S = 1
"""Of a receive: a long poll asks all of SQS's servers, a short one some."""
EMPTY = 3
"""So many empty answers in a row are an empty queue, unless it says that it has more."""
RECEIVERS = 8


@dataclass(frozen=True, slots=True)
class Browsed:
    """What a look saw."""

    letters: tuple[DeadLetter, ...]
    about: int
    """How many the queue said that it had, give or take."""

    @property
    def whole(self) -> bool:
        """Whether it saw as many as the queue said it had."""
        return len(self.letters) >= self.about


@dataclass(frozen=True)
class DeadLetterQueue:
    """
    :ivar max_receives: how often the worker tries a record: tells what is exhausted from what was rejected.
    """

    sqs: SQSClient = field(repr=False)
    url: str
    max_receives: int
    wait_s: int = WAIT_S
    told: Callable[[int, int], None] | None = None
    """Is told of a look's progress: how many of how many."""

    def depth(self) -> int:
        """The messages in it, those that somebody looks at included; approximately."""
        found = self.sqs.get_queue_attributes(
            QueueUrl=self.url,
            AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"],
        )["Attributes"]
        return sum(map(int, found.values()))

    def browse(self, most: int) -> Browsed:
        """Up to so many messages, which are visible again when this returns."""
        about, letters = self.depth(), list[DeadLetter]()
        try:
            for letter in self._take(most, about, HIDDEN_S, at_once=RECEIVERS):
                letters.append(letter)
                self._tell(len(letters), max(min(most, about), len(letters) + 1))
        finally:
            self.give_back(letters)
        self._tell(len(letters), len(letters))
        return Browsed(tuple(_distinct(letters)), about)

    def _tell(self, done: int, total: int) -> None:
        if self.told is not None and done and (done % MOST == 0 or done == total):
            self.told(done, total)

    def take(self, most: int, hidden_s: int) -> list[DeadLetter]:
        """Up to so many messages, hidden from everybody else for so long."""
        return list(_distinct(self._take(most, self.depth(), hidden_s, at_once=1)))

    def give_back(self, letters: Sequence[DeadLetter]) -> None:
        """Let others see them at once. What cannot be given back comes back by itself."""
        self.hide(letters, 0)

    def hide(self, letters: Sequence[DeadLetter], seconds: int) -> None:
        """Keep them from others for so long from now."""
        for chunk in _chunks(letters):
            self.sqs.change_message_visibility_batch(
                QueueUrl=self.url,
                Entries=[
                    {"Id": str(i), "ReceiptHandle": letter.receipt_handle, "VisibilityTimeout": seconds}
                    for i, letter in enumerate(chunk)
                ],
            )

    def delete(self, letters: Sequence[DeadLetter]) -> list[DeadLetter]:
        """Delete them; those that SQS did not delete, which stay."""
        kept = list[DeadLetter]()
        for chunk in _chunks(letters):
            response = self.sqs.delete_message_batch(
                QueueUrl=self.url,
                Entries=[{"Id": str(i), "ReceiptHandle": it.receipt_handle} for i, it in enumerate(chunk)],
            )
            kept += [chunk[int(failed["Id"])] for failed in response.get("Failed", ())]
        return kept

    def _take(self, most: int, about: int, hidden_s: int, *, at_once: int) -> Iterator[DeadLetter]:
        seen, empty = 0, 0
        receivers = max(1, min(at_once, -(-min(most, about) // MOST)))
        with ThreadPoolExecutor(receivers) as pool:
            while seen < most and empty < EMPTY:
                wanted = [min(MOST, most - seen)] * min(receivers, -(-(most - seen) // MOST))
                received = [it for some in pool.map(lambda n: self._receive(n, hidden_s), wanted) for it in some]
                empty = 0 if received else empty + 1
                seen += len(received)
                yield from received
                if seen >= about and empty:
                    return

    def _receive(self, most: int, hidden_s: int) -> list[DeadLetter]:
        found = self.sqs.receive_message(
            QueueUrl=self.url,
            MaxNumberOfMessages=most,
            VisibilityTimeout=hidden_s,
            WaitTimeSeconds=self.wait_s,
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["All"],
        )
        return [read(message, max_receives=self.max_receives) for message in found.get("Messages", ())]


def _distinct(letters: Sequence[DeadLetter] | Iterator[DeadLetter]) -> list[DeadLetter]:
    """Each message once, with its last receipt: a standard queue may hand one out twice."""
    return list({letter.message_id: letter for letter in letters}.values())


def _chunks(letters: Sequence[DeadLetter]) -> Iterator[Sequence[DeadLetter]]:
    for start in range(0, len(letters), MOST):
        yield letters[start : start + MOST]
