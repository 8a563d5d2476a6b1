"""The pages that ask AWS nothing: catalogue, tune, cost."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from fanout_tools.console.project_pages import recorded
from fanout_tools.operate.views.tuning import Report, dumped
from fanout_tools.project import project
from scripts.mutants.fixture import FIXTURE
from tests.console.world import Shop, console
from tests.unit.fanout_tools.console.conftest import Browser


@pytest.mark.shop
@pytest.mark.shop
def test_the_catalogue_tells_of_contracts_and_who_takes_them(browser: Browser) -> None:
    project().load_contracts()
    rows = {row["event"]: row for row in map(json.loads, browser.json("/c").text.splitlines())}
    order = rows["shop.orders/OrderPlaced"]
    assert (order["version"], order["owner"]) == (2, "shop")
    assert "order_id" in order["fields"]
    assert [it["worker"] for it in order["subscribers"]] == ["audit", "billing", "fulfilment", "inventory"]
    assert order["subscribers"][2]["where"][0]["detail"]["data"]["total"]["currency"] == ["EUR"]
    assert rows["shop.billing/InvoiceIssued"]["publishers"] == ["billing"]
    text = browser.get("/c?q=invoice").text
    assert "InvoiceIssued" in text
    assert "OrderPlaced</h2>" not in text


def test_the_curve_is_of_what_was_recorded_last(shop: Shop, tmp_path: Path) -> None:
    browser = Browser(console(shop, folder=tmp_path))
    assert "Nothing has been recorded" in browser.get("/t/inventory").text
    file = recorded(tmp_path, "inventory")
    file.parent.mkdir(parents=True)
    file.write_text(
        dumped(Report(1, memory, 40_000 / memory, 100_000 // memory, 60) for memory in (128, 256) for _ in "ab")
    )
    points = [json.loads(line) for line in browser.json("/t/inventory?strategy=speed").text.splitlines()]
    assert [(it["memory_mb"], it["chosen"]) for it in points] == [(128, False), (256, True)]
    assert "chosen" in browser.get("/t/inventory?strategy=speed").text
    file.write_text("no report")
    assert browser.get("/t/inventory").status_code == 502


@pytest.mark.shop
def test_the_cost_is_of_the_plan_that_is_there(shop: Shop, tmp_path: Path) -> None:
    browser = Browser(console(shop, folder=tmp_path, services=FIXTURE / "services"))
    assert "There is no plan" in browser.get("/cost").text
    (tmp_path / "build" / "plans").mkdir(parents=True)
    shutil.copyfile(FIXTURE / "plan.json", tmp_path / "build" / "plans" / "prod.json")
    told = browser.json("/cost?events=1000000").json()
    assert told["usd_per_month"] > 0
    text = browser.get("/cost?events=1000000").text
    assert f"${told['usd_per_month']:,.2f} a month" in text
    assert "By worker" in text
    assert browser.get("/cost?events=many").status_code == 200
