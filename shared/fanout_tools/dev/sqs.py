"""Amazon SQS's calls over queues in this process: as boto3's client has them, as far as fanout uses them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from botocore.exceptions import ClientError

from fanout_tools.dev.queues import DEAD_LETTER_RETENTION_S, Message, Queue

__all__ = ["LocalSqs", "name_of"]

MISSING = "AWS.SimpleQueueService.NonExistentQueue"


def name_of(url: str) -> str:
    """Of the queue with that URL."""
    return url.rpartition("/")[2]


class LocalSqs:
    """
    :param url: makes the URL of a queue.
    :param sent: is told whenever there is something new to receive.
    """

    def __init__(self, url: Callable[[str], str], clock: Callable[[], float], sent: Callable[[], None]) -> None:
        self.queues: dict[str, Queue] = {}
        self._url, self._clock, self._sent = url, clock, sent

    def queue(self, url: str) -> Queue:
        """
        :raises ClientError: there is none.
        """
        if name_of(url) not in self.queues:
            raise ClientError({"Error": {"Code": MISSING, "Message": f"{url}: no such queue"}}, "SQS")
        return self.queues[name_of(url)]

    # boto3's names and arguments.

    def create_queue(self, *, QueueName: str, **_: Any) -> dict[str, Any]:  # noqa: N803
        self.queues.setdefault(QueueName, Queue(name=QueueName, retention_s=DEAD_LETTER_RETENTION_S))
        return {"QueueUrl": self._url(QueueName)}

    def delete_queue(self, *, QueueUrl: str) -> dict[str, Any]:  # noqa: N803
        self.queues.pop(name_of(QueueUrl), None)
        return {}

    def get_queue_url(self, *, QueueName: str, **_: Any) -> dict[str, Any]:  # noqa: N803
        self.queue(QueueName)
        return {"QueueUrl": self._url(QueueName)}

    def list_queues(self, *, QueueNamePrefix: str = "", **_: Any) -> dict[str, Any]:  # noqa: N803
        return {"QueueUrls": [self._url(name) for name in self.queues if name.startswith(QueueNamePrefix)]}

    def send_message(self, *, QueueUrl: str, MessageBody: str, **more: Any) -> dict[str, Any]:  # noqa: N803
        made = self._send(self.queue(QueueUrl), MessageBody, more)
        return {"MessageId": made.message_id}

    def send_message_batch(self, *, QueueUrl: str, Entries: Iterable[Mapping[str, Any]]) -> dict[str, Any]:  # noqa: N803
        queue = self.queue(QueueUrl)
        sent = [(entry["Id"], self._send(queue, entry["MessageBody"], entry)) for entry in Entries]
        return {"Successful": [{"Id": each, "MessageId": made.message_id} for each, made in sent], "Failed": []}

    def _send(self, queue: Queue, body: str, entry: Mapping[str, Any]) -> Message:
        made = queue.send(
            body,
            self._clock(),
            attributes=entry.get("MessageAttributes"),
            delay_s=float(entry.get("DelaySeconds", 0)),
            group=entry.get("MessageGroupId"),
            deduplication=entry.get("MessageDeduplicationId"),
        )
        self._sent()
        return made

    def receive_message(
        self,
        *,
        QueueUrl: str,  # noqa: N803
        MaxNumberOfMessages: int = 1,  # noqa: N803
        VisibilityTimeout: int | None = None,  # noqa: N803
        **_: Any,
    ) -> dict[str, Any]:
        """Never waits: nobody else sends while one waits."""
        found = self.queue(QueueUrl).receive(MaxNumberOfMessages, self._clock(), hidden_s=VisibilityTimeout)
        return {"Messages": [_received(message) for message in found]} if found else {}

    def change_message_visibility_batch(
        self,
        *,
        QueueUrl: str,  # noqa: N803
        Entries: Iterable[Mapping[str, Any]],  # noqa: N803
    ) -> dict[str, Any]:
        queue, now = self.queue(QueueUrl), self._clock()
        return _answers(Entries, lambda it: queue.hide(it["ReceiptHandle"], float(it.get("VisibilityTimeout", 0)), now))

    def change_message_visibility(
        self,
        *,
        QueueUrl: str,  # noqa: N803
        ReceiptHandle: str,  # noqa: N803
        VisibilityTimeout: int,  # noqa: N803
    ) -> dict[str, Any]:
        self.queue(QueueUrl).hide(ReceiptHandle, VisibilityTimeout, self._clock())
        return {}

    def delete_message_batch(self, *, QueueUrl: str, Entries: Iterable[Mapping[str, Any]]) -> dict[str, Any]:  # noqa: N803
        queue = self.queue(QueueUrl)
        return _answers(Entries, lambda it: queue.delete(it["ReceiptHandle"]) or True)

    def delete_message(self, *, QueueUrl: str, ReceiptHandle: str) -> dict[str, Any]:  # noqa: N803
        self.queue(QueueUrl).delete(ReceiptHandle)
        return {}

    def get_queue_attributes(self, *, QueueUrl: str, **_: Any) -> dict[str, Any]:  # noqa: N803
        waiting, received, delayed = self.queue(QueueUrl).counts(self._clock())
        count = "ApproximateNumberOfMessages"
        counts = {count: waiting, f"{count}NotVisible": received, f"{count}Delayed": delayed}
        return {"Attributes": {name: str(number) for name, number in counts.items()}}


def _answers(entries: Iterable[Mapping[str, Any]], done: Callable[[Mapping[str, Any]], bool]) -> dict[str, Any]:
    good, bad = list[dict[str, Any]](), list[dict[str, Any]]()
    for entry in entries:
        if done(entry):
            good.append({"Id": entry["Id"]})
        else:
            bad.append({"Id": entry["Id"], "Code": "ReceiptHandleIsInvalid", "SenderFault": True})
    return {"Successful": good, "Failed": bad}


def _received(message: Message) -> dict[str, Any]:
    system = {
        "SentTimestamp": message.sent_at * 1000,
        "ApproximateReceiveCount": message.receives,
        "ApproximateFirstReceiveTimestamp": message.first_received_at * 1000,
        "SequenceNumber": message.sequence,
    }
    attributes = {name: str(int(value)) for name, value in system.items()}
    if message.group is not None:
        attributes["MessageGroupId"] = message.group
    return {
        "MessageId": message.message_id,
        "ReceiptHandle": message.receipt,
        "Body": message.body,
        "Attributes": attributes,
        "MessageAttributes": dict(message.attributes),
    }
