"""AWS in memory for the workers' own tests: what their worker.yaml is permitted to, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from moto import mock_aws

from contracts.money import Money
from contracts.orders import OrderLine, OrderPlaced
from fanout import Envelope, Event, aws
from fanout.idempotency import Completion
from fanout.idempotency.memory import MemoryStore
from fanout.processing.delivery import Record
from fanout.testing import Death, Rig, record_of
from fanout_tools.declarations.worker import Manifest, load_all

SERVICES = Path(__file__).parent
MakeOrder = Callable[..., OrderPlaced]


@pytest.fixture(scope="module", autouse=True)
def _no_real_aws() -> Iterator[None]:
    """Clients are made once a module: each costs as much as ten tests."""
    with pytest.MonkeyPatch.context() as environment:
        for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            environment.setenv(variable, "test")
        environment.setenv("AWS_DEFAULT_REGION", "eu-central-1")
        for variable in (
            "AWS_PROFILE",
            "AWS_SESSION_TOKEN",
            "AWS_REGION",
            "AWS_ENDPOINT_URL",
            "AWS_ENDPOINT_URL_DYNAMODB",
        ):
            environment.delenv(variable, raising=False)
        aws.forget_clients()
        yield
        aws.forget_clients()


@pytest.fixture
def worker_aws(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """AWS with the tables and buckets that the worker under test owns, named as Terraform names them for it."""
    name = Path(request.path).parent.name
    with mock_aws():
        _make_stores(load_all(SERVICES)[name], monkeypatch)
        yield


@pytest.fixture
def all_workers_aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """AWS with the tables and buckets of all workers, for what reads them."""
    with mock_aws():
        for manifest in load_all(SERVICES).values():
            _make_stores(manifest, monkeypatch)
        yield


def _make_stores(manifest: Manifest, monkeypatch: pytest.MonkeyPatch) -> None:
    for table in manifest.tables:
        _make_table(table, manifest, monkeypatch)
    if manifest.powertools:  # whose records are in the worker's idempotency table
        monkeypatch.setenv("FANOUT_IDEMPOTENCY_TABLE", "test-idempotency")
        if "test-idempotency" not in aws.client("dynamodb").list_tables()["TableNames"]:
            _create_table("test-idempotency", "id")
    for bucket in manifest.buckets:
        monkeypatch.setenv(f"BUCKET_{bucket.upper()}", f"test-{bucket}")
        aws.client("s3").create_bucket(
            Bucket=f"test-{bucket}", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
        )


def _make_table(name: str, manifest: Manifest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"TABLE_{name.upper()}", f"test-{name}")
    _create_table(f"test-{name}", manifest.tables[name].key)


def _create_table(name: str, key: str) -> None:
    aws.client("dynamodb").create_table(
        TableName=name,
        KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )


@pytest.fixture
def items(worker_aws: None) -> Callable[[str], list[dict[str, Any]]]:
    """The items of a table, each attribute's value alone, in the order of the first attribute."""

    def read(table: str) -> list[dict[str, Any]]:
        found = aws.client("dynamodb").scan(TableName=f"test-{table}")["Items"]
        plain = [{name: next(iter(value.values())) for name, value in item.items()} for item in found]
        return sorted(plain, key=str)

    return read


@pytest.fixture
def make_order() -> MakeOrder:
    """Make an order; every part may be given."""

    def make(**parts: Any) -> OrderPlaced:
        whole = {
            "order_id": "o-1",
            "customer_id": "c-1",
            "email": "ann@shop.example",
            "placed_on": date(1997, 1, 12),
            "lines": [OrderLine(sku="cd-1", quantity=2), OrderLine(sku="cd-2", quantity=1)],
            "total": Money(amount=Decimal("25.99"), currency="USD"),
        }
        return OrderPlaced(**{**whole, **parts})

    return make


class Deadly(MemoryStore):
    """A store at whose completions the process dies: after the effect, and before it is recorded."""

    def __init__(self, *, clock: Callable[[], float]) -> None:
        super().__init__(clock=clock)
        self.deadly = True

    def complete(self, completions: Sequence[Completion], *, whole: str = "", until: float = 0.0) -> list[str | None]:
        if self.deadly:
            raise Death
        return super().complete(completions, whole=whole, until=until)


class Crash:
    """Virtual time and a store at which the process dies until :meth:`recover`."""

    def __init__(self) -> None:
        self.now = 1_000_000.0
        self.store = Deadly(clock=self.clock)

    def clock(self) -> float:
        return self.now

    def killed(self, rig: Rig, *events: Event | Envelope) -> list[Record]:
        """The messages of events at which the process died."""
        records = [record_of(event, sent_ms=int(self.now * 1000)) for event in events]
        with pytest.raises(Death):
            rig.deliver(*records)
        return records

    def recover(self) -> None:
        """Let the dead worker's lock run out, and keep completions from here on."""
        self.now += 60
        self.store.deadly = False


@pytest.fixture
def crash() -> Crash:
    return Crash()
