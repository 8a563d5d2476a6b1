"""Every effect of the demo is checked, and every check can fail."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fanout import aws
from scripts.demo.reconcile import Check, dead_letters, effects

from .conftest import Shop

Spoil = Callable[[Shop], object]


def checks(shop: Shop) -> list[Check]:
    letters = dead_letters(shop.scenario, shop.deployment, ["billing", "inventory"])
    return list(effects(shop.scenario, shop.deployment, letters))


def failed(shop: Shop) -> set[str]:
    return {
        check.what.partition(":")[0] + ":" + check.what.partition(":")[2] for check in checks(shop) if not check.holds
    }


def _text(text: str) -> dict[str, Any]:
    return {"S": text}


def _delete(shop: Shop, table: str, **key: dict[str, Any]) -> None:
    aws.client("dynamodb").delete_item(TableName=shop.table(table), Key=key)


def _first(shop: Shop) -> dict[str, Any]:
    return _text(f"{shop.scenario.run}-00000")


SPOILT: dict[str, tuple[Spoil, set[str]]] = {
    "an order is not in the ledger": (
        lambda s: _delete(s, "ledger", order_id=_first(s)),
        {"ledger: entries", "ledger: dollars", "ledger: CDs"},
    ),
    "a cent is missing": (
        lambda s: s.put("ledger", order_id=_first(s), amount={"N": "11.76"}, pieces={"N": "1"}),
        {"ledger: dollars"},
    ),
    "a CD is missing": (
        lambda s: s.put("ledger", order_id=_first(s), amount={"N": "11.77"}, pieces={"N": "0"}),
        {"ledger: CDs"},
    ),
    "a balance is billed twice": (
        lambda s: s.put("balances", customer_id=_text(f"{s.scenario.run}-c0002"), amount={"N": "80.10"}),
        {"balances: dollars"},
    ),
    "a customer has no balance": (
        lambda s: _delete(s, "balances", customer_id=_text(f"{s.scenario.run}-c0002")),
        {"balances: customers", "balances: dollars"},
    ),
    "points are awarded twice": (
        lambda s: s.put("points", customer_id=_text(f"{s.scenario.run}-c0002"), points={"N": "80"}),
        {"loyalty: points"},
    ),
    "stock was not reserved": (
        lambda s: _delete(s, "reservations", order_id=_first(s)),
        {"inventory: reservations"},
    ),
    "a mail was not sent": (
        lambda s: _delete(s, "confirmations", order_id=_first(s)),
        {"notifications: mails sent"},
    ),
    "an order is not in the audit": (
        lambda s: s.keep("OrderPlaced", "orders", [{"order_id": s.scenario.run}]),
        {"audit: events kept, OrderPlaced"},
    ),
    "an invoice is not in the audit": (
        lambda s: s.keep("InvoiceIssued", "invoices", [{"order_id": s.scenario.run}]),
        {"audit: events kept, InvoiceIssued"},
    ),
    "the upload is not in the audit": (
        lambda s: s.keep("Object Created", "uploads", []),
        {"audit: events kept, Object Created"},
    ),
    "the thumbnails are not in the audit": (
        lambda s: s.keep("ThumbnailsCreated", "thumbnails", []),
        {"audit: events kept, ThumbnailsCreated"},
    ),
    "an order of another worker is in its DLQ": (
        lambda s: s.letter("inventory", f"{s.scenario.run}-00001", "ValueError"),
        {"DLQs: the rejected orders in billing's, with their cause, and no others"},
    ),
    "a rejected order is not in the DLQ": (
        lambda s: aws.client("sqs").purge_queue(QueueUrl=s.deployment.dead_letter_queue_url("billing")),
        {"DLQs: the rejected orders in billing's, with their cause, and no others"},
    ),
    "a thumbnail has another size": (lambda s: s.thumbnail(99), {"thumbnails: longer sides in pixels"}),
}


def test_a_run_that_is_done_reconciles(shop: Shop) -> None:
    found = checks(shop)

    assert [check for check in found if not check.holds] == []
    assert len(found) == 14


@pytest.mark.parametrize("case", SPOILT)
def test_each_spoilt_effect_fails_its_check(shop: Shop, case: str) -> None:
    spoil, expected = SPOILT[case]
    spoil(shop)

    assert failed(shop) == expected


def test_every_check_is_spoilt_by_a_case(shop: Shop) -> None:
    spoilt = set().union(*(expected for _, expected in SPOILT.values()))

    assert {check.what for check in checks(shop)} == spoilt


def test_what_an_at_least_once_system_may_do_twice_counts_once(shop: Shop) -> None:
    """GIVEN a batch that audit wrote again, and a reject that billing dead-lettered again THEN all checks hold."""
    shop.keep("OrderPlaced", "orders-again", [{"order_id": f"{shop.scenario.run}-{n:05}"} for n in range(5)])
    shop.letter("billing", min(shop.scenario.reject_ids), "Reject")

    assert failed(shop) == set()


def test_dead_letters_of_other_runs_are_left_out(shop: Shop) -> None:
    shop.letter("inventory", "demo-of-yesterday-00001", "ValueError")

    assert failed(shop) == set()
