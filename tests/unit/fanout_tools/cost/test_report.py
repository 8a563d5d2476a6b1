"""Bills added up, levers, and prices."""

from dataclasses import replace

import pytest

from fanout_tools.cost.mix import Mix
from fanout_tools.cost.prices import load
from fanout_tools.cost.report import Report, report
from fanout_tools.declarations.worker import IdempotencyMode

from .conftest import EVENT, month, small

PRICES = load()


def _report(mode: IdempotencyMode = IdempotencyMode.STRICT, architecture: str = "arm64") -> Report:
    inventory = small(mode=mode)
    worker = replace(inventory.workers["billing"], architecture=architecture)
    return report(replace(inventory, workers={"billing": worker}), month(), Mix(), PRICES)


def test_events_workers_and_items_add_up() -> None:
    made = _report()

    assert made.events()[0]["$ per million"] == pytest.approx(4.8567, abs=1e-4)  # test_model's sum
    assert made.workers()[0]["$ per month"] == pytest.approx(4.8567 - 1.59, abs=1e-4)  # without bus and topic
    assert sum(it["$ per month"] for it in made.services()) == pytest.approx(made.total, abs=1e-3)
    assert made.total == pytest.approx(4.8567 + 2.40 + 0.36, abs=1e-2)  # metrics, and logs of a year


def test_what_dominates_is_named() -> None:
    assert _report().events()[0]["most of it"] == "dynamodb: idempotency, 26 %"


def test_levers_tell_the_difference_and_only_where_there_is_one() -> None:
    strict = {it["lever"]: it["$ per month"] for it in _report().levers()}
    off = {it["lever"]: it["$ per month"] for it in _report(IdempotencyMode.OFF).levers()}
    intel = {it["lever"]: it["$ per month"] for it in _report(architecture="x86_64").levers()}

    # In batches of one record the mark of claim mode costs what the second write of strict does.
    assert "idempotency: claim in place of strict" not in strict
    assert strict["idempotency: off"] == pytest.approx(-1.25)
    assert strict["via: bus in place of topic"] == pytest.approx(-0.59)
    assert strict["function.architecture: x86_64"] == pytest.approx(8_750 * 0.0000033333, abs=1e-4)
    assert strict["batch.window_s: 5 or more"] < strict["batch.window_s: 1 or more"] < 0
    assert not [it for it in off if it.startswith("idempotency")]
    assert intel["function.architecture: arm64"] < 0


def test_events_that_never_come_have_no_price() -> None:
    made = report(small(), replace(month(), events={EVENT: 0.0}), Mix(), PRICES)

    assert made.events()[0]["$ per million"] == 0


def test_only_prices_that_were_used_are_called_unverified() -> None:
    assert _report().unverified() == []
    inventory = replace(small(), topics={"aws.s3/Object Created": ()}, ways=())
    traffic = replace(month(), events={"aws.s3/Object Created": 1.0}, bytes={"aws.s3/Object Created": 1})
    assert report(inventory, traffic, Mix(), PRICES).unverified() == ["events.aws_opt_in", "events.between_buses"]


def test_every_price_has_its_page_and_says_where_it_was_seen() -> None:
    for key, price in PRICES.prices.items():
        assert price.page.host == "aws.amazon.com", key
        assert price.seen, key
        assert price.dated is None or price.dated <= PRICES.read_on, key
