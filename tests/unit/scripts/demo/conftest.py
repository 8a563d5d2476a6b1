"""The stores as the workers leave them after a run of few orders, in memory."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Any

import orjson
import pytest
from moto import mock_aws
from PIL import Image

from fanout import aws
from fanout_tools.cli.deployment import Deployment
from fanout_tools.declarations.naming import Names
from fanout_tools.declarations.worker import load_all
from scripts.demo import reconcile
from scripts.demo.cdnow import Purchase
from scripts.demo.scenario import Scenario

SERVICES = Path(__file__).parents[4] / "services"
KEYS = {
    "ledger": "order_id",
    "balances": "customer_id",
    "points": "customer_id",
    "awards": "invoice_id",
    "reservations": "order_id",
    "confirmations": "order_id",
}
PURCHASES = [
    Purchase("0001", date(1997, 1, 1), 1, Decimal("11.77")),
    Purchase("0001", date(1997, 1, 2), 2, Decimal("29.33")),
    Purchase("0002", date(1997, 1, 3), 3, Decimal("40.05")),
]


@dataclass
class Shop:
    """One run's scenario, and its deployment in memory."""

    scenario: Scenario
    deployment: Deployment

    def table(self, name: str) -> str:
        return self.deployment.names.table(name)

    def put(self, table: str, **item: dict[str, Any]) -> None:
        aws.client("dynamodb").put_item(TableName=self.table(table), Item=item)

    def letter(self, worker: str, event_id: str, error: str) -> None:
        causes = {"worker": worker, "event_id": event_id, "error_type": error, "error_message": "no"}
        aws.client("sqs").send_message(
            QueueUrl=self.deployment.dead_letter_queue_url(worker),
            MessageBody="{}",
            MessageAttributes={k: {"DataType": "String", "StringValue": v} for k, v in causes.items()},
        )

    def keep(self, name: str, key: str, events: list[dict[str, Any]]) -> None:
        lines = [
            {"source": "s", "name": name, "metadata": {"event_id": str(n)}, "data": d} for n, d in enumerate(events)
        ]
        body = b"\n".join(map(orjson.dumps, lines))
        aws.client("s3").put_object(Bucket=self.deployment.bucket("audit"), Key=f"events/{key}", Body=body)

    def thumbnail(self, side: int) -> None:
        image = BytesIO()
        Image.new("L", (side, 10)).save(image, "PNG")
        key = f"thumbnails/{self.scenario.run}/{side}.png"
        aws.client("s3").put_object(Bucket=self.deployment.bucket("media"), Key=key, Body=image.getvalue())


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """A run that every worker has done its part of."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setattr(reconcile, "LOOK_S", 0)
    aws.forget_clients()
    with mock_aws():
        made = Shop(Scenario.new(PURCHASES), Deployment(Names("fanout"), load_all(SERVICES)))
        _stores(made)
        _effects(made)
        yield made
    aws.forget_clients()


def _stores(shop: Shop) -> None:
    for name, key in KEYS.items():
        aws.client("dynamodb").create_table(
            TableName=shop.table(name),
            KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
    for bucket in ("audit", "media"):
        aws.client("s3").create_bucket(Bucket=shop.deployment.bucket(bucket))
    for worker in ("billing", "inventory"):
        aws.client("sqs").create_queue(QueueName=shop.deployment.names.dead_letter_queue(worker))


def _effects(shop: Shop) -> None:
    run, euros = shop.scenario.run, sorted(shop.scenario.reject_ids)
    for number, purchase in enumerate(shop.scenario.purchases):
        order, amount = f"{run}-{number:05}", str(purchase.amount)
        shop.put("ledger", order_id={"S": order}, amount={"N": amount}, pieces={"N": str(purchase.pieces)})
    for order in [*(f"{run}-{n:05}" for n in range(len(PURCHASES))), *euros]:
        shop.put("reservations", order_id={"S": order})
        shop.put("confirmations", order_id={"S": order})
    shop.put("balances", customer_id={"S": f"{run}-c0001"}, amount={"N": "41.10"})
    shop.put("balances", customer_id={"S": f"{run}-c0002"}, amount={"N": "40.05"})
    shop.put("points", customer_id={"S": f"{run}-c0001"}, points={"N": "29"})
    shop.put("points", customer_id={"S": f"{run}-c0002"}, points={"N": "40"})
    shop.keep("OrderPlaced", "orders", [{"order_id": f"{run}-{n:05}"} for n in range(5)])
    shop.keep("InvoiceIssued", "invoices", [{"order_id": f"{run}-{n:05}"} for n in range(3)])
    shop.keep("Object Created", "uploads", [{"key": run}])
    shop.keep("ThumbnailsCreated", "thumbnails", [{"key": run}])
    for order in euros:
        shop.letter("billing", order, "Reject")
    for side in (64, 160, 320):
        shop.thumbnail(side)
