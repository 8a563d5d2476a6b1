"""A worker on the model of AWS: its queue, its processes, and what Lambda does with them, until everything is quiet."""

from __future__ import annotations

import io
import json
import logging
import os
import random
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import yaml

from fanout import Envelope, Event, Worker, aws, parameters, seal, telemetry
from fanout.idempotency.client import LeanDynamoDB
from fanout.outbox import relay
from fanout.testing import eventbridge_event
from scripts.reliability.model.calls import name_of
from scripts.reliability.model.clock import Clock, TimeModule
from scripts.reliability.model.dynamodb import ModelDynamoDB
from scripts.reliability.model.faults import Client, Death, Faults, Process
from scripts.reliability.model.services import ModelBus, ModelParameters, ModelS3, ModelSecrets
from scripts.reliability.model.sqs import Message, ModelQueue, ModelSQS
from scripts.reliability.patching import replaced

__all__ = ["Call", "Define", "World"]

DAY_S = 86_400
MOST_CALLS = 3_000
"""Of the function; a world that needs more does not come to rest."""

WORKER = "probe"
ENVIRONMENT = {
    "FANOUT_QUEUE_URL": f"queue/{WORKER}",
    "FANOUT_DLQ_URL": f"queue/{WORKER}-dlq",
    "FANOUT_IDEMPOTENCY_TABLE": f"{WORKER}-idempotency",
    "FANOUT_GATHER_TABLE": f"{WORKER}-gather",
    "FANOUT_GATHER_QUEUES": "{}",
    "FANOUT_OUTBOX_TABLE": "outbox",
    "FANOUT_BUS": "bus",
    "FANOUT_CLAIMS_BUCKET": "claims",
    "PARAMETER_RATE": "/probe/rate",
    "SECRET_KEY": "probe/key",
    "AWS_LAMBDA_FUNCTION_NAME": WORKER,
    "AWS_LAMBDA_FUNCTION_VERSION": "1",
}

Define = Callable[[Worker, "World"], None]


@dataclass(frozen=True)
class Call:
    """One call of the function."""

    request_id: str
    messages: tuple[str, ...]
    ended: str
    """answered, raised or died"""
    failed: tuple[str, ...] = ()


@dataclass(eq=False)
class _Environment:
    """A process with its worker."""

    process: Process
    worker: Worker | None


@dataclass(eq=False)
class _Context:
    """Lambda's."""

    aws_request_id: str
    process: Process
    function_name: str = WORKER
    function_version: str = "1"
    invoked_function_arn: str = f"arn:aws:lambda:eu-central-1:123456789012:function:{WORKER}"
    memory_limit_in_mb: str = "256"

    def get_remaining_time_in_millis(self) -> int:
        return int((self.process.deadline - self.process.clock.now) * 1000)


@dataclass(eq=False)
class World:
    """
    :param folder: where the worker's declaration is written.
    :param sections: of its ``worker.yaml``.
    :param define: declares its handlers; called once a process.
    :param faults: what befalls which call.
    """

    folder: Path
    sections: Mapping[str, Any]
    define: Define
    faults: Faults = field(default_factory=Faults)
    routes: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.clock = Clock()
        self.dynamodb = ModelDynamoDB()
        self.sqs = ModelSQS()
        self.bus = ModelBus(self._deliver)
        self.s3 = ModelS3()
        self._models: dict[str, Any] = {
            "dynamodb": self.dynamodb,
            "sqs": self.sqs,
            "events": self.bus,
            "s3": self.s3,
            "ssm": ModelParameters({"/probe/rate": "7"}),
            "secretsmanager": ModelSecrets({"probe/key": "secret"}),
        }
        self.calls: list[Call] = []
        self.begun: Counter[str] = Counter()
        """How often each handler began, by what the scenario calls the record."""
        self.violations: list[str] = []
        self.stream: list[dict[str, Any]] = []
        """Records of the outbox's stream that have not been relayed."""
        self._numbers = count(1)
        self._idle: list[_Environment] = []
        self._current: list[_Environment] = []
        self._relay_at = 0.0
        self.quiet_after_s = 0.0
        """When the last call ended, in virtual seconds from the beginning."""
        self._began = self.clock.now
        self.faults.meanwhile = self._meanwhile
        self._declare()

    # Parts of the world.

    def _declare(self) -> None:
        folder = self.folder / "services" / WORKER
        folder.mkdir(parents=True, exist_ok=True)
        self._file = folder / "handler.py"
        (folder / "worker.yaml").write_text(yaml.safe_dump({"description": "A probe", **self.sections}))
        settings = Worker(str(self._file)).settings
        self.settings = settings
        for table, keys in (
            (ENVIRONMENT["FANOUT_IDEMPOTENCY_TABLE"], ["id"]),
            (ENVIRONMENT["FANOUT_GATHER_TABLE"], ["gather_id", "item"]),
            ("effects", ["effect"]),
        ):
            self.dynamodb.create(table, *keys)
        self.dynamodb.create("outbox", "partition", "event_id", listener=self._streamed)
        backstop = getattr(settings, "backstop", settings.max_receives)
        retention_s = getattr(settings, "retention_s", 4 * DAY_S)
        visibility_s = getattr(settings, "visibility_s", 180)
        self.timeout_s = getattr(settings, "timeout_s", 30)
        self.dlq = self.sqs.add(ModelQueue(ENVIRONMENT["FANOUT_DLQ_URL"], self.clock, retention_s=14 * DAY_S))
        self.queue = self.sqs.add(
            ModelQueue(
                ENVIRONMENT["FANOUT_QUEUE_URL"],
                self.clock,
                visibility_s=visibility_s,
                retention_s=retention_s,
                max_receives=backstop,
                dlq=self.dlq,
                fifo=settings.fifo,
            )
        )
        self.batch_size = int(self.sections.get("batch", {}).get("size", 10))

    def _deliver(self, identifier: str, body: str) -> None:
        """As the bus's rule for the worker's queue does."""
        if identifier in self.settings.subscribes:
            self.queue.send(body)

    def _streamed(self, _: str, item: dict[str, Any]) -> None:
        record = {"eventName": "INSERT", "dynamodb": {"SequenceNumber": str(next(self._numbers)), "NewImage": item}}
        self.stream.append(record)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Within the block the core lives in this world."""
        module = TimeModule(self.clock)
        pairs: list[tuple[Any, Any]] = [
            (time.time, self.clock.time),
            (time.monotonic, self.clock.time),
            (time.sleep, self.clock.sleep),
            (time, module),
            (aws.client, self.client),
            (telemetry.configure, lambda *_, **__: None),
        ]
        if finish_by := getattr(aws, "finish_by", None):
            pairs.append((finish_by, self._finish_by))
        before, disabled = dict(os.environ), logging.root.manager.disable
        from_environment = LeanDynamoDB.__dict__["from_environment"]
        os.environ.update(ENVIRONMENT)
        logging.disable(logging.CRITICAL)
        random.seed(1997)
        LeanDynamoDB.from_environment = staticmethod(lambda: None)  # type: ignore[method-assign]
        try:
            with replaced(pairs), redirect_stdout(io.StringIO()):
                yield
        finally:
            LeanDynamoDB.from_environment = from_environment  # type: ignore[method-assign]
            logging.disable(disabled)
            os.environ.clear()
            os.environ.update(before)

    def client(self, service: str) -> Any:
        """A client for the process that runs at the moment."""
        return Client(self._models[service], self._current[-1].process, self.faults, name_of)

    def _finish_by(self, moment: float | None) -> None:
        process = self._current[-1].process
        process.finish_by, process.out_of_time = moment, lambda left: aws.OutOfTime(left=left)

    # For scenarios.

    def send(self, event: Event | Envelope, *, delay_s: float = 0, group: str | None = None) -> Envelope:
        envelope = event if isinstance(event, Envelope) else seal(event)
        self.queue.send(_body(envelope), delay_s=delay_s, group=group)
        return envelope

    def begin(self, what: str) -> int:
        """A handler begins; how often it has now, in all processes."""
        self.begun[what] += 1
        return self.begun[what]

    def die(self) -> None:
        """The process that runs at the moment dies."""
        self._current[-1].process.die()

    @staticmethod
    def effect(name: str) -> Any:
        """The item of a transaction that has the effect, each time it is carried out."""
        return {
            "Update": {
                "TableName": "effects",
                "Key": {"effect": {"S": name}},
                "UpdateExpression": "ADD times :one",
                "ExpressionAttributeValues": {":one": {"N": "1"}},
            }
        }

    def conditional_effect(self, name: str) -> None:
        """As a handler that does not commit has its effect once: by a condition."""
        once = {
            "TableName": "effects",
            "Item": {"effect": {"S": f"{name}#mark"}},
            "ConditionExpression": "attribute_not_exists(effect)",
        }
        dynamodb = self.client("dynamodb")
        try:
            dynamodb.transact_write_items(TransactItems=[{"Put": once}, self.effect(name)])
        except dynamodb.exceptions.TransactionCanceledException:
            return

    def effects(self) -> dict[str, int]:
        items = self.dynamodb.tables["effects"].items.values()
        return {item["effect"]["S"]: int(item["times"]["N"]) for item in items if "times" in item}

    def published(self, name: str) -> dict[str, list[dict[str, Any]]]:
        """The data of the events of that name that the bus took, by event_id."""
        found: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for entry in self.bus.taken:
            if entry["DetailType"] == name:
                detail = json.loads(entry["Detail"])
                found[detail["metadata"]["event_id"]].append(detail["data"])
        return found

    # Time.

    def run(self) -> None:
        """Until nothing is left to do."""
        while (moment := self._next()) is not None:
            if len(self.calls) > MOST_CALLS:
                self.violations.append(f"not quiet after {MOST_CALLS:,} calls")
                return
            self.clock.advance_to(moment)
            self._step()
            self.quiet_after_s = self.clock.now - self._began
        self.queue.expire()

    def _next(self) -> float | None:
        moments = [m.visible_at for m in self.queue.messages]
        if not self._receivable():
            moments = [moment for moment in moments if moment > self.clock.now]
        if self.stream:
            moments.append(self._relay_at)
        return min(moments, default=None)

    def _receivable(self) -> bool:
        locked = self.queue._locked_groups()
        return any(m.visible_at <= self.clock.now and m.group not in locked for m in self.queue.messages)

    def _step(self) -> None:
        if self.stream and self._relay_at <= self.clock.now:
            self._call_relay()
        if batch := self.queue.receive(self.batch_size):
            self._call(batch)

    def _meanwhile(self) -> None:
        """While a call's answer is late, the other processes go on."""
        if len(self._current) == 1 and (batch := self.queue.receive(self.batch_size)):
            self._call(batch)

    # Calls of the functions.

    @contextmanager
    def _process(self, worker: bool) -> Iterator[_Environment]:
        idle = [e for e in self._idle if (e.worker is not None) == worker]
        environment = idle[0] if idle else self._cold_start(worker)
        if idle:
            self._idle.remove(environment)
        process = environment.process
        process.deadline, process.finish_by = self.clock.now + self.timeout_s, None
        self._current.append(environment)
        try:
            yield environment
        finally:
            self._current.pop()
            process.dead = process.dead or self.clock.now >= process.deadline
            if not process.dead:
                self._idle.append(environment)

    def _cold_start(self, worker: bool) -> _Environment:
        parameters.forget()
        relay._relay.cache_clear()
        if not worker:
            return _Environment(Process(self.clock), None)
        made = Worker(str(self._file))
        if self.routes:
            object.__setattr__(made.settings, "routes", self.routes)
        self.define(made, self)
        return _Environment(Process(self.clock), made)

    def _call(self, batch: list[Message]) -> None:
        request_id = f"request-{next(self._numbers)}"
        event = {"Records": [_record(message) for message in batch]}
        receipts = {message.message_id: message.receipt for message in batch}
        answer: Any = None
        with self._process(worker=True) as environment:
            assert environment.worker is not None
            try:
                answer = environment.worker.lambda_handler(event, _Context(request_id, environment.process))
                ended = "answered"
            except Death:
                ended = "died"
            except BaseException as error:  # noqa: BLE001 - Lambda takes any as the function's error
                ended = f"raised {error!r}"
        if environment.process.dead:
            ended, answer = "died", None
        failed = tuple(f["itemIdentifier"] for f in answer["batchItemFailures"]) if answer is not None else ()
        self.calls.append(Call(request_id, tuple(receipts), ended, failed))
        if ended.startswith("raised"):
            self.violations.append(f"the function {ended}")
        if answer is None:
            return
        self._check_failed(request_id, failed)
        for message_id, receipt in receipts.items():
            if message_id not in failed:
                self.queue.delete(receipt)

    def _check_failed(self, request_id: str, failed: tuple[str, ...]) -> None:
        """No record comes again that this very call has recorded, unless something of it is still to be published."""
        items = self.dynamodb.tables[ENVIRONMENT["FANOUT_IDEMPOTENCY_TABLE"]].items.values()
        marks = {item["id"]["S"] for item in items}
        for item in items:
            owner = item.get("owner", {}).get("S", "")
            batch = item.get("batch", {}).get("S", "")
            recorded = item["status"]["S"] == "COMPLETED" or (batch and f"#batch#{batch}" in marks)
            pending = item.get("pending", {}).get("S", "[]") != "[]"
            if owner.partition("/")[0] == request_id and owner.partition("/")[2] in failed and recorded and not pending:
                self.violations.append(f"{item['id']['S']} is recorded, and comes again")

    def _call_relay(self) -> None:
        records, self.stream = self.stream, []
        answer: Any = None
        with self._process(worker=False) as environment:
            try:
                answer = relay.handler({"Records": records}, _Context("relay", environment.process))
            except Death:
                pass
            except Exception as error:  # noqa: BLE001 - Lambda takes any as the function's error
                self.violations.append(f"the relay raised {error!r}")
        if environment.process.dead:
            answer = None
        self.calls.append(Call("relay", (), "died" if answer is None else "answered"))
        again = [f["itemIdentifier"] for f in answer["batchItemFailures"]] if answer else []
        if answer is None or again:
            numbers = [record["dynamodb"]["SequenceNumber"] for record in records]
            first = 0 if answer is None else min(numbers.index(number) for number in again)
            self.stream = records[first:] + self.stream
            self._relay_at = self.clock.now + 1


def _body(envelope: Envelope) -> str:
    return json.dumps(eventbridge_event(envelope))


def _record(message: Message) -> dict[str, Any]:
    attributes = {
        "ApproximateReceiveCount": str(message.receives),
        "ApproximateFirstReceiveTimestamp": str(int(message.first_received_at * 1000)),
        "SentTimestamp": str(int(message.sent_at * 1000)),
        **({"MessageGroupId": message.group, "SequenceNumber": f"{message.sequence:020}"} if message.group else {}),
    }
    return {
        "messageId": message.message_id,
        "receiptHandle": message.receipt,
        "body": message.body,
        "attributes": attributes,
        "messageAttributes": message.attributes,
        "eventSource": "aws:sqs",
    }
