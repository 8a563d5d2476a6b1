"""An incident: events that a worker rejects, looked at by cause, and given back once the cause is gone."""

from __future__ import annotations

import json
import subprocess
from uuid import uuid4

from contracts.orders import OrderLine, OrderPlaced
from tests.integration.platform import Platform, eventually, order
from tests.integration.test_cli import fanout

EVENTS = 12


def incident(platform: Platform, sku: str, customer: str) -> list[OrderPlaced]:
    """Orders of an article that nobody has put into the stock."""
    line = [OrderLine(sku=sku, quantity=1)]
    orders = [order(customer).model_copy(update={"lines": line}) for _ in range(EVENTS)]
    assert all(receipt.accepted for receipt in platform.publisher.publish_all(orders))
    return orders


def redrive(platform: Platform, pattern: str) -> subprocess.CompletedProcess[str]:
    chosen = ["--pattern", pattern, "--canary", "--yes", "--why", "a test", "--json"]
    return fanout(platform, "dlq", "redrive", "inventory", *chosen)


def test_an_incident_is_worked_off(platform: Platform) -> None:
    """GIVEN orders of an article that is not in stock WHEN they are redriven by canary THEN the first comes back and
    the others stay; WHEN the article is there and they are redriven again THEN each order takes one piece."""
    sku, customer = f"cd-0{uuid4().hex[:8]}", f"incident-{uuid4().hex[:8]}"
    pattern = json.dumps({"detail": {"data": {"customer_id": [customer]}}})
    orders = incident(platform, sku, customer)

    def stuck() -> dict[str, dict[str, str]]:
        """By event: on a slow machine a worker may reject one twice."""
        done = fanout(platform, "dlq", "ls", "inventory", "--pattern", pattern, "--json")
        return {row["event_id"]: row for row in map(json.loads, done.stdout.splitlines())}

    found = eventually(stuck, lambda rows: len(rows) == EVENTS, "all are in the DLQ")
    assert {(row["kind"], row["cause"]) for row in found.values()} == {("rejected", "Reject")}
    where = f"data.customer_id == '{customer}' && contains(attributes.error_at, 'handler.py')"
    grouped = fanout(platform, "dlq", "group", "inventory", "--where", where, "--json")
    assert [json.loads(line)["text"] for line in grouped.stdout.splitlines()] == ["order <id>: not in stock: <id>"]

    early = redrive(platform, pattern)
    assert early.returncode == 4, early.stderr
    assert json.loads(early.stdout)["stopped"] == "1 of 1 came back"
    assert "1 came back: Reject" in early.stderr

    stock = platform.names.table("stock")
    platform.dynamodb.put_item(TableName=stock, Item={"sku": {"S": sku}, "available": {"N": "100"}})
    eventually(stuck, lambda rows: len(rows) == EVENTS, "the first is back")
    late = redrive(platform, pattern)

    assert late.returncode == 0, late.stdout + late.stderr
    operation = json.loads(late.stdout)
    assert operation["carried"] >= EVENTS
    assert all(platform.item("reservations", order_id=placed.order_id) for placed in orders)
    kept = platform.item("stock", sku=sku)
    assert kept is not None
    assert kept["available"] == str(100 - EVENTS)
    shown = fanout(platform, "operations", "show", operation["operation"])
    assert json.loads(shown.stdout)["status"] == "finished"
    told = eventually(lambda: platform.audit(operation["operation"]), lambda lines: len(lines) >= 2, "it is audited")
    assert {(line["source"], line["name"]) for line in told} == {
        ("fanout.ops", "OperationStarted"), ("fanout.ops", "OperationFinished"),
    }  # fmt: skip
