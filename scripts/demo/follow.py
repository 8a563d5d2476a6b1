"""Follow one order through every worker, by what each of them leaves in its store."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from fanout import aws
from fanout_tools.cli.deployment import Deployment
from scripts.demo.patience import ask
from scripts.demo.reconcile import audit_lines
from scripts.demo.scenario import Scenario

__all__ = ["Look", "follow", "looks"]

LOOK_EVERY_S = 0.1
FOLLOW_S = 30.0
"""A cold function may need some seconds; the run goes on without the rest after this."""

Look = Callable[[], str | None]
"""Tells what a worker made of the order, or None as long as it has not."""


def looks(scenario: Scenario, deployment: Deployment) -> dict[str, Look]:
    """By worker, how to see what it made of the followed order."""
    order = f"{scenario.run}-{scenario.followed:05}"
    invoice = f"inv-{order}"
    table = deployment.names.table
    rewarded = scenario.purchases[scenario.followed] in scenario.rewarded
    found: dict[str, Look] = {
        "inventory": _item(table("reservations"), "order_id", order, lambda _: "stock reserved"),
        "billing": _item(
            table("ledger"), "order_id", order, lambda item: f"{item['amount']['N']} dollars entered, invoice issued"
        ),
        "notifications": _item(table("confirmations"), "order_id", order, lambda _: "mail sent"),
    }
    if rewarded:
        found["loyalty"] = _item(
            table("awards"), "invoice_id", invoice, lambda item: f"{item['points']['N']} points for the invoice"
        )
    return found | {"audit": _kept(scenario, deployment, order)}


def _item(table: str, key: str, value: str, tell: Callable[[Mapping[str, Any]], str]) -> Look:
    def look() -> str | None:
        item = (
            aws.client("dynamodb").get_item(TableName=table, Key={key: {"S": value}}, ConsistentRead=True).get("Item")
        )
        return tell(item) if item else None

    return look


def _kept(scenario: Scenario, deployment: Deployment, order: str) -> Look:
    """An order and its invoice are in two objects, as a rule; each object is read once."""
    seen: set[str] = set()
    names: set[str] = set()

    def look() -> str | None:
        names.update(line["name"] for line in audit_lines(scenario, deployment, seen) if order in str(line["data"]))
        return "order and invoice kept" if names >= {"OrderPlaced", "InvoiceIssued"} else None

    return look


def follow(
    looks: Mapping[str, Look],
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[tuple[float, str, str]]:
    """What each worker made of the order, with the seconds since the start, as it is seen; those that are not done
    after ``FOLLOW_S`` last, as such."""
    began, left = clock(), dict(looks)
    while left and clock() - began < FOLLOW_S:
        for worker, look in list(left.items()):
            if text := ask(look):
                del left[worker]
                yield clock() - began, worker, text
        sleep(LOOK_EVERY_S)
    for worker in left:
        yield clock() - began, worker, "not yet"
