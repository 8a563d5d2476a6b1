"""A worker on the model of AWS: its queue, its processes, and what Lambda does with them, until everything is quiet."""

from __future__ import annotations

import io
import json
import logging
import os
import random
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from fanout import Envelope, Event, Worker, aws, parameters, telemetry, wrap
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
from scripts.reliability.site import WORKER, Define, Helper, Site

__all__ = ["Call", "World"]

MOST_CALLS = 3_000
"""Of the function; a world that needs more does not come to rest."""


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
    site: Site | None
    """None: of the outbox's relay."""


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
    :param faults: what happens to which call.
    """

    folder: Path
    sections: Mapping[str, Any]
    define: Define
    faults: Faults = field(default_factory=Faults)
    routes: Mapping[str, Any] = field(default_factory=dict)
    helper: Helper | None = None

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
        self._groups: defaultdict[str, list[str]] = defaultdict(list)
        """The numbers of the events of each FIFO message group, in their order."""
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
        self.site = self._site(WORKER, self.sections, self.define)
        self.sites = [self.site]
        if self.helper is not None:
            self.sites.append(self._site(self.helper.name, self.helper.sections, self.helper.define))
        self.queue, self.dlq = self.site.queue, self.site.dlq
        self.timeout_s = self.site.settings.timeout_s
        self.dynamodb.create("effects", "effect")
        self.dynamodb.create("outbox", "partition", "event_id", listener=self._streamed)

    def _site(self, name: str, sections: Mapping[str, Any], define: Define) -> Site:
        site = Site(name, self.folder, sections, define, self.clock, self.sqs)
        self.dynamodb.create(site.environment["FANOUT_IDEMPOTENCY_TABLE"], "id")
        self.dynamodb.create(site.environment["FANOUT_GATHER_TABLE"], "gather_id", "item")
        return site

    def _deliver(self, identifier: str, body: str) -> None:
        """As the bus's rules for the workers' queues do."""
        for site in self.sites:
            if identifier in site.settings.subscribes:
                site.queue.send(body)

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
        os.environ.update(self.site.environment)
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
        envelope = event if isinstance(event, Envelope) else wrap(event)
        if group is not None:
            self._groups[group].append(str(envelope.data["number"]))
        self.queue.send(_body(envelope), delay_s=delay_s, group=group)
        return envelope

    def begin(self, what: str) -> int:
        """A handler begins; how often it has now, in all processes."""
        self.begun[what] += 1
        self._check_order(what)
        return self.begun[what]

    def _check_order(self, what: str) -> None:
        """Whatever is before it in its message group has its effect, or is in the DLQ."""
        for group, names in self._groups.items():
            if what in names:
                over = self.effects().keys() | self._dead()
                for early in names[: names.index(what)]:
                    if early not in over:
                        self.violations.append(f"{what} of message group {group} began before {early} was over")

    def _dead(self) -> set[str]:
        return {str(json.loads(message.body)["detail"]["data"].get("number")) for message in self.dlq.messages}

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
        for site in self.sites:
            site.queue.expire()

    def _next(self) -> float | None:
        moments = [moment for site in self.sites for moment in self._moments(site.queue)]
        if self.stream:
            moments.append(self._relay_at)
        return min(moments, default=None)

    def _moments(self, queue: ModelQueue) -> list[float]:
        """When one of the queue's messages may be received."""
        moments = [message.visible_at for message in queue.messages]
        return moments if queue.receivable() else [moment for moment in moments if moment > self.clock.now]

    def _step(self) -> None:
        if self.stream and self._relay_at <= self.clock.now:
            self._call_relay()
        for site in self.sites:
            if batch := site.queue.receive(site.batch_size):
                self._call(site, batch)

    def _meanwhile(self) -> None:
        """While a call's answer is late, the other processes go on."""
        if len(self._current) > 1:
            return
        for site in self.sites:
            if batch := site.queue.receive(site.batch_size):
                self._call(site, batch)

    # Calls of the functions.

    @contextmanager
    def _process(self, site: Site | None) -> Iterator[_Environment]:
        before = dict(os.environ)
        os.environ.update(site.environment if site is not None else {})
        idle = [environment for environment in self._idle if environment.site is site]
        environment = idle[0] if idle else self._cold_start(site)
        if idle:
            self._idle.remove(environment)
        process = environment.process
        process.deadline, process.finish_by = self.clock.now + self.timeout_s, None
        self._current.append(environment)
        try:
            yield environment
        finally:
            os.environ.update(before)
            self._current.pop()
            process.dead = process.dead or self.clock.now >= process.deadline
            if not process.dead:
                self._idle.append(environment)

    def _cold_start(self, site: Site | None) -> _Environment:
        parameters.forget()
        relay.relay_of_environment.cache_clear()
        if site is None:
            return _Environment(Process(self.clock), None, None)
        made = Worker(str(site.file))
        if self.routes:
            object.__setattr__(made.settings, "routes", self.routes)
        site.define(made, self)
        return _Environment(Process(self.clock), made, site)

    def _call(self, site: Site, batch: list[Message]) -> None:
        request_id = f"request-{next(self._numbers)}"
        event = {"Records": [_record(message) for message in batch]}
        receipts = {message.message_id: message.receipt for message in batch}
        answer: Any = None
        with self._process(site) as environment:
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
        self._check_failed(site, request_id, failed)
        for message_id, receipt in receipts.items():
            if message_id not in failed:
                site.queue.delete(receipt)

    def _check_failed(self, site: Site, request_id: str, failed: tuple[str, ...]) -> None:
        """No record comes again that this very call has recorded, unless something of it is still to be published."""
        items = self.dynamodb.tables[site.environment["FANOUT_IDEMPOTENCY_TABLE"]].items.values()
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
        with self._process(None) as environment:
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
