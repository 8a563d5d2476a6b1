"""A deployment in memory, and a laptop that dies at any call it makes.

Every call to AWS is a boundary: the process is killed before it, when nothing has happened, or after it, when it has
happened and nobody was told. A dead process calls nothing any more, not even to clean up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import orjson

from fanout.events.envelope import Envelope
from fanout.idempotency import Completion, LockState, Release, Request
from fanout.idempotency.dynamodb import DynamoDBStore
from fanout.idempotency.store import event_key, fingerprint
from fanout_tools.declarations.naming import Names
from fanout_tools.declarations.worker import Manifest
from fanout_tools.operate.fence import Fence
from fanout_tools.operate.journal import Journal
from fanout_tools.operate.sources.dead_letters import DeadLetterQueue
from fanout_tools.operate.topology import Place, Topology, WorkerPlace
from scripts.reliability.model.clock import Clock
from scripts.reliability.model.dynamodb import ModelDynamoDB
from scripts.reliability.model.sqs import ModelQueue, ModelSQS

__all__ = ["Dead", "Deployment", "Mortal", "event"]

EVERYTHING = 10**9


class Dead(BaseException):
    """The process has been killed."""


@dataclass
class Mortal:
    """Counts the calls of a process, and kills it at one of them."""

    dies_at: int = EVERYTHING
    after: bool = False
    calls: list[str] = field(default_factory=list)
    dead: bool = False

    def wrap(self, client: Any) -> Any:
        return _Client(client, self)

    def call(self, name: str, method: Callable[..., Any], arguments: Mapping[str, Any]) -> Any:
        if self.dead:
            raise Dead
        here = len(self.calls) == self.dies_at
        self.calls.append(name)
        if here and not self.after:
            self.dead = True
            raise Dead
        try:
            return method(**arguments)
        finally:
            if here:  # whether the call was refused or not
                self.dead = True
                raise Dead


class _Client:
    def __init__(self, client: Any, mortal: Mortal) -> None:
        self._client, self._mortal = client, mortal

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._client, name)
        if name == "get_paginator":
            return lambda operation: _Pages(self._mortal, method(operation), operation)
        return lambda **arguments: self._mortal.call(name, method, arguments)


@dataclass
class _Pages:
    mortal: Mortal
    paginator: Any
    operation: str

    def paginate(self, **arguments: Any) -> Iterator[Any]:
        yield from self.mortal.call(self.operation, self.paginator.paginate, arguments)


class SQS(ModelSQS):
    """The model with what operators call beside workers."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.clock = clock

    def receive_message(self, **request: Any) -> dict[str, Any]:
        queue = self._queue(request, "ReceiveMessage")
        received = queue.receive(request["MaxNumberOfMessages"])
        for message in received:
            message.visible_at = self.clock.now + request["VisibilityTimeout"]
        return {
            "Messages": [
                {
                    "MessageId": message.message_id,
                    "ReceiptHandle": message.receipt,
                    "Body": message.body,
                    "MessageAttributes": message.attributes,
                    "Attributes": {
                        "SentTimestamp": str(int(message.sent_at * 1000)),
                        "ApproximateReceiveCount": str(message.receives),
                    },
                }
                for message in received
            ]
        }

    def get_queue_attributes(self, **request: Any) -> dict[str, Any]:
        queue = self._queue(request, "GetQueueAttributes")
        hidden = sum(message.visible_at > self.clock.now for message in queue.messages)
        return {
            "Attributes": {
                "ApproximateNumberOfMessages": str(len(queue.messages) - hidden),
                "ApproximateNumberOfMessagesNotVisible": str(hidden),
            }
        }


class DynamoDB(ModelDynamoDB):
    """The model with what operators call beside workers."""

    def batch_get_item(self, **request: Any) -> dict[str, Any]:
        [(table, wanted)] = request["RequestItems"].items()
        found = (self.get_item(TableName=table, Key=key).get("Item") for key in wanted["Keys"])
        return {"Responses": {table: [item for item in found if item]}, "UnprocessedKeys": {}}

    def get_paginator(self, operation: str) -> Any:
        return _Once(getattr(self, operation))


@dataclass
class _Once:
    method: Callable[..., dict[str, Any]]

    def paginate(self, **request: Any) -> Iterator[dict[str, Any]]:
        yield self.method(**request)


def event(number: int, **data: Any) -> str:
    """The body of a message."""
    metadata = {
        "event_id": f"event-{number}",
        "schema_version": 1,
        "correlation_id": f"event-{number}",
        "published_at": "2026-11-28T00:00:00+00:00",
    }
    detail = {"metadata": metadata, "data": {"number": number, **data}}
    return orjson.dumps({"source": "shop.orders", "detail-type": "OrderPlaced", "detail": detail}).decode()


class Deployment:
    """One worker with its queue, DLQ and store; its handler counts effects, and rejects what it is told to."""

    def __init__(self, *, mode: str = "strict", fifo: bool = False, region: str = "eu-central-1") -> None:
        self.clock = Clock()
        declared: dict[str, Any] = {
            "description": "It works",
            "subscribes": [{"event": "shop.orders/OrderPlaced"}],
            "idempotency": {"mode": mode},
            "queue": {"fifo": fifo},
            **({"via": "bus"} if fifo else {}),
        }
        manifest = Manifest.parse(declared, file="worker.yaml")
        place = Place("123456789012", region)
        self.topology = Topology.made({"billing": manifest}, Names("shop-prod"), place)
        self.worker: WorkerPlace = self.topology.worker("billing")
        self.sqs, self.dynamodb = SQS(self.clock), DynamoDB()
        self.queue = self.sqs.add(ModelQueue(self.worker.queue_url, self.clock, fifo=fifo))
        self.dlq = self.sqs.add(ModelQueue(self.worker.dead_letter_queue_url, self.clock, fifo=fifo))
        self.dynamodb.create(self.topology.names.operations_table, "op", "step")
        if self.worker.records_table:
            self.dynamodb.create(self.worker.records_table, "id")
        self.effects: list[str] = []
        self.handled_order: list[str] = []
        self.rejects: Callable[[Envelope], bool] = lambda _: False
        self._deliveries = count()

    def dead_letter(self, number: int, *, error: str = "Reject", text: str = "not in stock", **more: str) -> None:
        attributes = {"error_type": error, "error_message": text, "worker": "billing", "attempts": "1", **more}
        typed = {name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()}
        self.dlq.send(event(number), group=f"own-{number}", attributes=typed)

    def work(self) -> None:
        """The worker takes all that is in its queue."""
        while messages := self.queue.receive(10):
            for message in messages:
                self._handle(message.message_id, Envelope.decode(message.body), message.body)
                self.queue.delete(message.receipt)

    def _handle(self, message_id: str, envelope: Envelope, body: str) -> None:
        if self.worker.records_table is None:
            self._effect(envelope, body)
            return
        store = DynamoDBStore(self.dynamodb, self.worker.records_table, ttl_s=10**7, clock=self.clock.time)  # type: ignore[arg-type]
        owner = f"delivery-{next(self._deliveries)}/{message_id}"
        key = event_key("billing", envelope)
        request = Request(key, owner, fingerprint(envelope.data), self.clock.now + 60)
        [lock] = store.acquire([request])
        if lock.state in (LockState.RELEASED, LockState.DIED):
            [lock] = store.take_over([request], [lock])
        if lock.state is LockState.ACQUIRED:
            if self._effect(envelope, body):
                assert store.complete([Completion(lock)]) == [None]
            else:
                store.release([Release(lock, 0)])

    def _effect(self, envelope: Envelope, body: str) -> bool:
        identity = envelope.metadata.event_id
        if self.rejects(envelope):
            self.dead_letter_again(identity, body)
            return False
        self.effects.append(identity)
        return True

    def dead_letter_again(self, identity: str, body: str) -> None:
        attributes = {"error_type": "Reject", "error_message": "still not in stock", "worker": "billing"}
        typed = {name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()}
        self.dlq.send(body, group=f"again-{identity}", attributes=typed)

    def where(self) -> list[str]:
        """The event ids in the queue, in the DLQ, and among the effects."""
        bodies = [message.body for queue in (self.queue, self.dlq) for message in queue.messages]
        return sorted({*(Envelope.decode(body).metadata.event_id for body in bodies), *self.effects})

    # What a process on a laptop has.

    def journal(self, mortal: Mortal, holder: str) -> Journal:
        return Journal(mortal.wrap(self.dynamodb), self.topology.names.operations_table, holder, self.clock.time)

    def dead_letters(self, mortal: Mortal) -> DeadLetterQueue:
        return DeadLetterQueue(mortal.wrap(self.sqs), self.worker.dead_letter_queue_url, 5, wait_s=0)

    def fence(self, mortal: Mortal) -> Fence:
        return Fence(mortal.wrap(self.dynamodb), self.worker, self.clock.time)
