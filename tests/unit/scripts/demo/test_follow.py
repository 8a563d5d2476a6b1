"""One order is followed as it happens, in virtual time."""

from __future__ import annotations

from scripts.demo import follow
from scripts.demo.report import Due

from .conftest import Shop


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_each_worker_is_told_when_it_is_done() -> None:
    clock = Clock()
    looks = {
        "slow": lambda: "paid" if clock.now >= 1.95 else None,
        "fast": lambda: "reserved" if clock.now >= 0.95 else None,
    }

    told = [(round(seconds, 1), worker, text) for seconds, worker, text in follow.follow(looks, clock, clock.sleep)]

    assert told == [(1.0, "fast", "reserved"), (2.0, "slow", "paid")]


def test_a_worker_that_is_not_done_is_named() -> None:
    clock = Clock()

    ((seconds, worker, text),) = follow.follow({"stuck": lambda: None}, clock, clock.sleep)

    assert (worker, text) == ("stuck", "not yet")
    assert 30 <= seconds < 31


def test_every_worker_of_an_order_is_looked_at(shop: Shop) -> None:
    order = f"{shop.scenario.run}-00001"
    shop.put("awards", invoice_id={"S": f"inv-{order}"}, points={"N": "29"})

    assert {worker: look() for worker, look in follow.looks(shop.scenario, shop.deployment).items()} == {
        "inventory": "stock reserved",
        "billing": "29.33 dollars entered, invoice issued",
        "notifications": "mail sent",
        "audit": "order and invoice kept",
        "loyalty": "29 points for the invoice",
    }


def test_a_wait_is_told_less_and_less_often() -> None:
    clock = Clock()
    due, said = Due(clock), []
    for _ in range(120):
        if due.now():
            said.append(clock.now)
        clock.now += 1

    assert said == [0, 2, 6, 14, 30, 60, 90]
