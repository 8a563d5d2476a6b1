"""A shop's deployment in memory, in trouble: what the console's sources say of it, and a worker that works on demand.

Queues and tables are the models that operations are tried on; time is the machine's, so that ages are as a person
would see them.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from fanout.events.envelope import Envelope
from fanout.idempotency import Completion, LockState, Release, Request
from fanout.idempotency.dynamodb import DynamoDBStore
from fanout.idempotency.store import event_key, fingerprint
from fanout_tools.console.access import Access, Role
from fanout_tools.console.console import Console
from fanout_tools.declarations.naming import Names
from fanout_tools.declarations.worker import Manifest
from fanout_tools.operate.masking import NOTHING
from fanout_tools.operate.operating import Operating
from fanout_tools.operate.sources.alarms import Alarm
from fanout_tools.operate.sources.depths import Depth
from fanout_tools.operate.sources.functions import Mapped
from fanout_tools.operate.sources.metrics import Window
from fanout_tools.operate.topology import Place, Topology, WorkerPlace
from fanout_tools.operate.tracing import Tracing
from fanout_tools.operate.views.compare import Comparison, Version
from fanout_tools.operate.views.overview import Facts, Overview, overview
from fanout_tools.operate.views.why import Fate
from scripts.reliability.model.clock import Clock
from scripts.reliability.model.sqs import ModelQueue
from tests.unit.fanout_tools.operate.actions.conftest import Events, Lambda, Scheduler, TemporaryQueues
from tests.unit.fanout_tools.operate.mortal import SQS, DynamoDB
from tests.unit.fanout_tools.operate.worlds import Bus

__all__ = ["HOST", "ORDER", "ROOT", "Shop", "console"]

HOST = "127.0.0.1:8765"
ORDER, INVOICE = "shop.orders/OrderPlaced", "shop.billing/InvoiceIssued"
ROOT = "80b4c862-0d0e-4d0b-a7a4-9a4f0f6f3f3e"

DECLARED: dict[str, dict[str, Any]] = {
    "audit": {"subscribes": [{"event": "*"}], "via": "bus"},
    "billing": {"subscribes": [{"event": ORDER}], "publishes": [INVOICE], "owner": "finance"},
    "fulfilment": {"subscribes": [{"event": ORDER, "where": {"detail": {"data": {"total": {"currency": ["EUR"]}}}}}]},
    "inventory": {"subscribes": [{"event": ORDER}], "owner": "warehouse"},
    "loyalty": {"subscribes": [{"event": INVOICE}]},
    "thumbnails": {"subscribes": [{"event": "shop.media/AlbumUploaded"}]},
}


class MachineClock(Clock):
    """The machine's own."""

    @property
    def now(self) -> float:
        return time.time()

    @now.setter
    def now(self, moment: float) -> None:
        """Nobody moves it."""


class Queues(SQS):
    """All queues of a deployment, made where they are asked for."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.queues: dict[str, ModelQueue] = {}


class LambdaOfMany(Lambda):
    """What pages ask beside the mapping."""

    def get_function_configuration(self, **_: Any) -> dict[str, Any]:
        return {"LastModified": "2026-01-01T00:00:00.000+0000"}


class EventsOfMany(Events):
    """What the journal announces beside."""

    def put_events(self, **request: Any) -> dict[str, Any]:
        return {"Entries": [{"EventId": "e"} for _ in request["Entries"]]}


class Caller:
    """STS."""

    def get_caller_identity(self) -> dict[str, str]:
        return {"Arn": "arn:aws:sts::123456789012:assumed-role/operator/ann"}


@dataclass
class Bucket:
    """S3, as far as copies are written."""

    objects: dict[str, bytes] = field(default_factory=dict)

    def put_object(self, **request: Any) -> None:
        self.objects[request["Key"]] = request["Body"]


def order(number: int, currency: str = "USD") -> str:
    """The body of a message."""
    identity = f"80b4c862-0d0e-4d0b-a7a4-{number:012d}"
    metadata = {
        "event_id": identity,
        "schema_version": 2,
        "correlation_id": identity,
        "published_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
    }
    data = {
        "order_id": f"o-1997-{number:04d}",
        "customer_id": "c-7",
        "email": "ann@example.org",
        "placed_on": "1997-01-12",
        "lines": [{"sku": f"cd-{number:04d}", "quantity": 1}],
        "total": {"amount": 25.0, "currency": currency},
    }
    detail = {"metadata": metadata, "data": data}
    return json.dumps({"source": "shop.orders", "detail-type": "OrderPlaced", "detail": detail})


class Shop:
    """The deployment, and what has happened in it."""

    def __init__(self, *, workers: Sequence[str] = tuple(DECLARED), failing: Callable[[Envelope], bool] | None = None):
        self.clock = MachineClock()
        manifests = {
            name: Manifest.parse({"description": f"The shop's {name}", **DECLARED[name]}, file=name) for name in workers
        }
        self.topology = Topology.made(manifests, Names("shop-prod"), Place("123456789012", "eu-central-1"))
        self.sqs, self.dynamodb, self.bucket = Queues(self.clock), DynamoDB(), Bucket()
        self.function, self.scheduler = LambdaOfMany(), Scheduler()
        self.failing = failing or (lambda _: False)
        self.handled: list[str] = []
        self.dynamodb.create(self.topology.names.operations_table, "op", "step")
        for place in self.topology.workers.values():
            for url in (place.queue_url, place.dead_letter_queue_url):
                self.sqs.add(ModelQueue(url, self.clock))
            if place.records_table:
                self.dynamodb.create(place.records_table, "id")
        self.events = EventsOfMany(self, [])  # type: ignore[arg-type] # it needs topology and queues alone
        self.bus = self._traced()

    def _traced(self) -> Bus:
        """An order that inventory has rejected, and what came of it elsewhere."""
        fates = {
            (ORDER, "inventory"): Fate.DEAD,
            (ORDER, "fulfilment"): Fate.FILTERED,
            (INVOICE, "loyalty"): Fate.WAITING,
        }
        made = Bus(self.topology, fates, {"billing": [INVOICE]}, now=time.time() + 3480)
        made.publish(ORDER, ROOT, ROOT)
        for line in made.log:
            _at_its_pace(line)
        return made

    def dead_letter(self, number: int, text: str = "", error: str = "Reject", **more: str) -> str:
        """One in inventory's DLQ; returns the event's id."""
        said = text or f"not in stock: cd-{number:04d}"
        attributes = {"error_type": error, "error_message": said, "worker": "inventory", "attempts": "1", **more}
        typed = {name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()}
        body = order(number)
        queue = self.queue("inventory", dead=True)
        queue.send(body, attributes=typed)
        queue.messages[-1].message_id = str(uuid5(NAMESPACE_URL, f"{number} {len(queue.messages)}"))
        return Envelope.decode(body).metadata.event_id

    def queue(self, worker: str, *, dead: bool = False) -> ModelQueue:
        place = self.topology.worker(worker)
        return self.sqs.queues[place.dead_letter_queue_url if dead else place.queue_url]

    def work(self, worker: str = "inventory") -> None:
        """The worker takes all that is in its queue."""
        queue, table = self.queue(worker), self.topology.worker(worker).records_table
        assert table is not None
        store = DynamoDBStore(self.dynamodb, table, ttl_s=10**7, clock=time.time)  # type: ignore[arg-type]
        while self.function.enabled and (messages := queue.receive(10)):
            for message in messages:
                self._handle(store, worker, message.message_id, message.body)
                queue.delete(message.receipt)

    def _handle(self, store: DynamoDBStore, worker: str, message_id: str, body: str) -> None:
        envelope = Envelope.decode(body)
        key = event_key(worker, envelope)
        request = Request(key, f"delivery/{message_id}", fingerprint(envelope.data), time.time() + 60)
        [lock] = store.acquire([request])
        if lock.state in (LockState.RELEASED, LockState.DIED):
            [lock] = store.take_over([request], [lock])
        if lock.state is not LockState.ACQUIRED:
            return
        if self.failing(envelope):
            self.dead_letter(int(envelope.metadata.event_id[-12:]), text="still not in stock")
            store.release([Release(lock, 0)])
            return
        self.handled.append(envelope.metadata.event_id)
        assert store.complete([Completion(lock)]) == [None]

    def client(self, service: str) -> Any:
        clients: dict[str, Any] = {
            "sqs": _NothingLeft(TemporaryQueues(self)),  # type: ignore[arg-type] # as above
            "dynamodb": self.dynamodb,
            "lambda": self.function,
            "s3": self.bucket,
            "sts": Caller(),
            "scheduler": self.scheduler,
            "events": _NothingLeft(self.events),
            "cloudwatch": _NoMetrics(),
        }
        return clients[service]

    async def look(self, window: Window, workers: Sequence[WorkerPlace]) -> Overview:
        """As the sources would tell."""
        asked = list(workers) or list(self.topology.workers.values())
        depths = {url: _depth(queue) for url, queue in self.sqs.queues.items()}
        paused = {"inventory": Mapped("Enabled" if self.function.enabled else "Disabled", None)}
        facts = Facts(
            depths=depths,
            counts={it.name: {"handled": 640, "duplicates": 1, "retried": 2, "rejected": 0} for it in asked},
            alarms=[Alarm("shop-prod-inventory-dlq", "Dead letters: see its runbook", time.time() - 300)],
            ages_s={self.topology.worker("inventory").queue: 12.0} if "inventory" in self.topology.workers else {},
            mapped={name: it for name, it in paused.items() if name in self.topology.workers},
        )
        return overview(self.topology, asked, facts, window.seconds)


class _NothingLeft:
    """A service in which no earlier operation has left anything."""

    def __init__(self, service: Any) -> None:
        self._service = service

    def __getattr__(self, name: str) -> Any:
        return getattr(self._service, name)

    def get_paginator(self, operation: str) -> Any:
        assert operation in ("list_queues", "list_rules")
        return self

    def paginate(self, **_: Any) -> Iterator[dict[str, Any]]:
        return iter(())


PACES = {
    ("audit", ORDER): (0, 2_100, 12.0),
    ("billing", ORDER): (0, 1_800, 8_000.0),
    ("inventory", ORDER): (0, 900, 350.0),
    ("audit", INVOICE): (9_900, 1_200, 10.0),
}
"""When it was sent after the order was, how long it waited, and how long its handler took, in ms."""


def _at_its_pace(line: dict[str, Any]) -> None:
    """As a trace of a real order looks."""
    account = line["spans"][0]
    after, wait, took = PACES[line["worker"], account[2]]
    sent = account[4] + after
    account[4:8] = [sent, wait, sent + wait, took]
    line["_aws"]["Timestamp"] = sent + wait + int(took)


async def series(window: Window, _: WorkerPlace) -> Mapping[float, Mapping[str, int]]:
    """A worker that began to reject an hour ago."""
    period_s = window.period_s
    begin = window.start - window.start % period_s
    times = [begin + number * period_s for number in range(int(window.seconds) // period_s)]
    last = window.end - 3_600
    return {at: {"handled": 190 + int(at) % 40, "rejected": 25 if at > last else 0} for at in times}


async def _compared(workers: Sequence[WorkerPlace]) -> Sequence[Comparison]:
    """The last deploy of each has brought a cause."""
    return [
        Comparison(
            it.name, _version("41", {}), _version("42", {"Reject handler.py:31": 12, "KeyError handler.py:40": 1})
        )
        for it in workers
    ]


def _version(version: str, causes: Mapping[str, int]) -> Version:
    return Version(version, 0, 20, {"handled": 20}, 1.0, 1.0, 1.0, 0, causes)


class _NoMetrics:
    def get_metric_data(self, **_: Any) -> dict[str, Any]:
        return {"MetricDataResults": []}


def _depth(queue: ModelQueue) -> Depth:
    now = time.time()
    hidden = sum(message.visible_at > now for message in queue.messages)
    return Depth(len(queue.messages) - hidden, hidden)


def console(
    shop: Shop,
    role: Role = Role.OPERATOR,
    *,
    typed: bool = True,
    host: str = HOST,
    access: Access | None = None,
    **more: Any,
) -> Console:
    """A console over the shop."""
    return Console(
        env="prod",
        operating=Operating(shop.topology, shop.client),
        look=shop.look,
        series=series,
        tracing=Tracing(shop.topology, shop.bus, Path("no-services")),
        causes=_compared,
        access=access or Access(role, frozenset({host}), typed=typed),
        **{"masking": NOTHING, **more},
    )
