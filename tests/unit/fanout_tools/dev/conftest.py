"""A small project on disk, in this process and in virtual time."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from fanout import wrap
from fanout.events import event
from fanout.events.envelope import Envelope
from fanout.events.event import contract_of
from fanout_tools.dev.bus import Sent
from fanout_tools.dev.local import Local, Teller
from fanout_tools.dev.worker import Batch
from fanout_tools.project import Project

# Names that no other package of this process has.
SERVICES, CONTRACTS = "devservices", "devcontracts"

ORDERS = """
from fanout import Event


class Ordered(Event, source="dev.orders", version=1):
    order_id: str
    total: int = 10


class Billed(Event, source="dev.billing", version=1):
    order_id: str


class Asked(Event, source="dev.reports", version=1):
    parts: int


class Part(Event, source="dev.reports", version=1):
    number: int


class Summed(Event, source="dev.reports", version=1):
    numbers: list[int]
"""

STOCK = """
description: Reserve stock
subscribes: [{ event: dev.orders/Ordered }]
queue: { max_receives: 3 }
"""

STOCK_PY = """
from devcontracts.orders import Ordered
from fanout import Context, Reject, Retry, Worker

worker = Worker(__file__)
reserved: list[str] = []
tries: list[str] = []


@worker.handles(Ordered)
def reserve(order: Ordered, context: Context) -> None:
    tries.append(order.order_id)
    if order.order_id == "unknown":
        raise Reject("no such article")
    if order.order_id == "busy" and tries.count("busy") < 2:
        raise Retry("busy", after=7)
    if order.order_id == "broken":
        raise ValueError("cannot be")
    reserved.append(order.order_id)


handler = worker.lambda_handler
"""

BILLING = """
description: Bill
subscribes: [{ event: dev.orders/Ordered, where: { total: [{ numeric: [">", 5] }] } }]
publishes: [dev.billing/Billed]
via: bus
"""

BILLING_PY = """
from devcontracts.orders import Billed, Ordered
from fanout import Context, Worker

worker = Worker(__file__)


@worker.handles(Ordered)
def bill(order: Ordered, context: Context) -> None:
    context.publish(Billed(order_id=order.order_id))


handler = worker.lambda_handler
"""

AUDIT = """
description: Keep all
subscribes: [{ event: "*" }]
via: bus
"""

AUDIT_PY = """
from fanout import Envelope, Worker

worker = Worker(__file__)
seen: list[str] = []


@worker.handles_batch
def keep(envelopes: list[Envelope]) -> None:
    seen.extend(envelope.name for envelope in envelopes)


handler = worker.lambda_handler
"""

REPORT = """
description: Sum up
subscribes: [{ event: dev.reports/Asked }, { event: dev.reports/Part }]
publishes: [dev.reports/Part, dev.reports/Summed]
gathers: true
"""

REPORT_PY = """
from datetime import timedelta

from devcontracts.orders import Asked, Part, Summed
from fanout import AggregateResult, Context, Worker

worker = Worker(__file__)


@worker.handles(Asked)
def ask(asked: Asked, context: Context) -> None:
    parts = [Part(number=number) for number in range(asked.parts)]
    context.scatter(parts, into=Summed, deadline=timedelta(minutes=5))


@worker.handles_part(Part)
def part(it: Part, context: Context) -> int:
    return it.number * 10


@worker.gathers(Summed)
def summed(asked: Asked, results: AggregateResult) -> Summed:
    return Summed(numbers=results.results)


handler = worker.lambda_handler
"""

WORKERS = {
    "audit": (AUDIT, AUDIT_PY),
    "billing": (BILLING, BILLING_PY),
    "report": (REPORT, REPORT_PY),
    "stock": (STOCK, STOCK_PY),
}


class Clock:
    """Virtual time."""

    def __init__(self) -> None:
        self.now = 1_000_000_000.0

    def __call__(self) -> float:
        return self.now

    def advance(self, until: float) -> None:
        self.now = until


class Told(Teller):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.events: list[Sent] = []
        self.batches: list[Batch] = []
        self.reloads: list[list[str]] = []
        self.breaks: list[tuple[str, str]] = []

    def sent(self, sent: Sent) -> None:
        self.events.append(sent)

    def handled(self, batch: Batch) -> None:
        self.batches.append(batch)

    def loaded(self, workers: Iterable[str], seconds: float) -> None:
        self.reloads.append(list(workers))

    def broken(self, worker: str, why: str) -> None:
        self.breaks.append((worker, why))

    def outcomes(self, worker: str) -> list[str]:
        """Of each record, in order."""
        return [str(it.outcome) for batch in self.batches if batch.worker == worker for it in batch.deliveries]


def write(folder: Path, declared: str, code: str) -> None:
    """A worker's files."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "worker.yaml").write_text(declared, encoding="utf-8")
    (folder / "handler.py").write_text(code, encoding="utf-8")


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    services, contracts = tmp_path / SERVICES, tmp_path / CONTRACTS
    contracts.mkdir()
    (contracts / "__init__.py").write_text("", encoding="utf-8")
    (contracts / "orders.py").write_text(ORDERS, encoding="utf-8")
    for name, (declared, code) in WORKERS.items():
        write(services / name, declared, code)
    paths = list(sys.path)
    yield Project(tmp_path, services, contracts, tmp_path / "terraform", tmp_path / "build", "devtest")
    sys.path[:] = paths
    for name in [it for it in sys.modules if it.partition(".")[0] in (SERVICES, CONTRACTS)]:
        del sys.modules[name]
    event.forget_contracts(CONTRACTS)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def local(project: Project, clock: Clock, told: Told) -> Local:
    """All of it, loaded."""
    made = Local(project, told, clock)
    made.load()
    return made


Make = Callable[..., Envelope]


@pytest.fixture
def make(local: Local) -> Make:
    """An event by its name and data."""

    def made(name: str, **data: object) -> Envelope:
        return wrap(contract_of(name).from_input(data))

    return made
