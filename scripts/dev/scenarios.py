"""What events can come to, each made to happen by one event of the shop, and how it is seen on either side.

Both sides are asked by the same search: what each worker has of the event, and of what it caused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from contracts.money import Money
from contracts.orders import OrderLine, OrderPlaced
from contracts.reports import SalesReportRequested
from fanout.events.envelope import Envelope
from fanout.publish import wrap
from fanout_tools.declarations.naming import Names
from fanout_tools.operate.search import NotFoundError
from fanout_tools.operate.tracing import Tracing
from fanout_tools.operate.views.why import Fate
from scripts.paths import REPOSITORY

__all__ = ["Outcomes", "Scenario", "effects_of", "missed", "outcomes", "prepare", "scenarios"]

Outcomes = list[list[str]]
"""Event, worker and fate of each, and of a dead letter its cause; in order, so that two sides can be compared."""

ORDER, INVOICE = "shop.orders/OrderPlaced", "shop.billing/InvoiceIssued"
PART, SUMMARY = "shop.reports/SalesChunkAssigned", "shop.reports/SalesSummarised"
SKU = "CD-DEV"
REPORT_BYTES = 48 * 1024
"""Two chunks."""


@dataclass(frozen=True)
class Scenario:
    """
    :ivar expected: fates that make it what its name says, by event and worker.
    :ivar again: the event is sent once more when it has been handled.
    :ivar effects: how often the worker ``probe`` has done what the event says.
    """

    name: str
    event: Envelope
    expected: Mapping[tuple[str, str], Fate] = field(default_factory=dict)
    again: bool = False
    effects: str | None = None


def scenarios(run: str) -> list[Scenario]:
    """All of them.

    :param run: in each id, so that runs are told apart.
    """
    handled, dead, filtered = Fate.HANDLED, Fate.DEAD, Fate.FILTERED
    unheard = Fate.UNDECIDED  # it has no record, and the invoice's data are not at hand to say which filter it was
    return [
        Scenario(
            "handled, with a follow-up event",
            _order(run, "follow", amount=42.5),
            {(ORDER, "billing"): handled, (INVOICE, "loyalty"): handled, (INVOICE, "audit"): handled},
        ),
        Scenario(
            "a filter excludes",
            _order(run, "filter", amount=24.99),
            {(ORDER, "probe"): filtered, (INVOICE, "loyalty"): unheard},
        ),
        Scenario(
            "rejected to the DLQ",
            _order(run, "reject", sku=f"{SKU}-{run}-NONE"),
            {(ORDER, "inventory"): dead, (ORDER, "billing"): handled},
        ),
        Scenario(
            "retried, then handled",
            _order(run, "again", customer="probe"),
            {(ORDER, "probe"): handled},
            effects="1",
        ),
        Scenario("tried too often", _order(run, "poison", customer="probe"), {(ORDER, "probe"): dead}),
        Scenario(
            "sent twice",
            _order(run, "twice", customer="probe"),
            {(ORDER, "probe"): handled},
            again=True,
            effects="1",
        ),
        Scenario(
            "scattered and gathered",
            _wrapped(run, "report", SalesReportRequested(report_id=f"{run}-report", key=_key(run))),
            {(PART, "report"): handled, (SUMMARY, "audit"): handled},
        ),
    ]


def _order(run: str, name: str, *, customer: str = "", sku: str = SKU, amount: float = 30.0) -> Envelope:
    customer = customer or f"{run}-{name}"
    placed = OrderPlaced(
        order_id=f"{run}-{name}",
        customer_id=customer,
        email=f"{customer}@customers.example",
        placed_on="1997-01-01",
        lines=[OrderLine(sku=sku, quantity=3)],
        total=Money(amount=amount, currency="USD"),
    )
    return _wrapped(run, name, placed)


def _wrapped(run: str, name: str, event: Any) -> Envelope:
    return wrap(event, event_id=f"{run}-{name}")


def _key(run: str) -> str:
    return f"{run}/orders.txt"


def prepare(run: str, dynamodb: Any, s3: Any, names: Names, account: str) -> None:
    """What the events need: stock, and a file."""
    dynamodb.put_item(TableName=names.table("stock"), Item={"sku": {"S": SKU}, "available": {"N": "1000000"}})
    content = (REPOSITORY / "data" / "cdnow_orders.txt").read_bytes()[:REPORT_BYTES]
    whole = content[: content.rindex(b"\n") + 1]
    s3.put_object(Bucket=names.bucket("reports", account), Key=_key(run), Body=whole)


def effects_of(dynamodb: Any, names: Names, scenario: Scenario) -> str | None:
    """How often the probe has done what a scenario's event says; None where that is not counted."""
    if scenario.effects is None:
        return None
    key = {"order_id": {"S": scenario.event.data["order_id"]}}
    found = dynamodb.get_item(TableName=names.table("effects"), Key=key, ConsistentRead=True).get("Item")
    return None if found is None else str(found["effects"]["N"])


def outcomes(tracing: Tracing, event: Envelope, since: float) -> Outcomes:
    """What has become of the event so far; nothing, while nobody has it."""
    try:
        _, found = tracing.trace(event.metadata.event_id, event.identifier, known=event, since=since)
    except NotFoundError:
        return []
    told = {tuple(each) for root in found.to_json()["events"] for each in _of_node(root)}
    return sorted(map(list, told))


def _of_node(node: Mapping[str, Any]) -> Iterator[list[str]]:
    for each in node["workers"]:
        dead = each["fate"] == Fate.DEAD
        yield [node["event"], each["worker"], each["fate"], _cause(each["reason"]) if dead else ""]
        for caused in each["caused"]:
            yield from _of_node(caused)


def _cause(reason: str) -> str:
    """Without the place in the code, which another layout of folders changes."""
    return re.sub(r"\([^()]*\.py:\d+\)", "", reason).strip()


def missed(scenario: Scenario, seen: Outcomes) -> list[str]:
    """What of the expected fates is not there."""
    told = {(event, worker): fate for event, worker, fate, _ in seen}
    return [
        f"{event} in {worker}: {told.get((event, worker))}, not {fate}"
        for (event, worker), fate in scenario.expected.items()
        if told.get((event, worker)) != fate
    ]
