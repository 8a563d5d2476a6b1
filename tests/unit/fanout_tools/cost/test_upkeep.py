"""What the month costs by itself, by hand."""

from dataclasses import replace

import pytest

from fanout_tools.cost.fixed import Fixed, Task, WebFunction
from fanout_tools.cost.mix import Mix, WebMix
from fanout_tools.cost.prices import load
from fanout_tools.cost.upkeep import METRICS, upkeep

from .conftest import month, small

PRICES = load()


def _items(fixed: Fixed, mix: Mix | None = None, events: float = 1e6) -> dict[str, float]:
    lines = upkeep(replace(small(), fixed=fixed), month(events), mix or Mix(), PRICES)
    return {it.item: it.usd for it in lines}


def test_an_idle_queue_is_polled_all_month() -> None:
    """GIVEN five pollers that wait 20 s WHEN nothing comes THEN there are 657,000 empty receives."""
    assert _items(Fixed(), events=0)["empty receives"] == pytest.approx(0.657 * 0.40)


def test_receives_that_bring_messages_take_the_place_of_empty_ones() -> None:
    assert _items(Fixed(), events=300_000)["empty receives"] == pytest.approx(0.357 * 0.40)
    assert "empty receives" not in _items(Fixed(), events=1e6)


def test_each_metric_of_a_worker_is_charged_while_it_works() -> None:
    assert _items(Fixed())["metrics"] == pytest.approx(METRICS * 0.30)
    assert "metrics" not in _items(Fixed(), events=0)


def test_alarms_dashboards_and_logs() -> None:
    items = _items(Fixed(alarm_metrics=45, alarm_metrics_high_resolution=1, dashboards=8, log_retention_days=73))

    assert (items["alarms"], items["alarms of high resolution"]) == pytest.approx((4.50, 0.30))
    assert items["dashboards"] == pytest.approx(24.0)
    assert items["logs kept"] == pytest.approx(2.4 * 0.03)  # 1 GB a month, for 73 of 30.4 days


def test_a_key_is_asked_for_once_in_five_minutes() -> None:
    """B / D = 8,760 periods: one producer writes and reads its data key, one consumer reads it; a topic has none."""
    inventory = small()
    worker = replace(inventory.workers["billing"], encrypted=True)
    fixed = Fixed(keys=1, encrypted_topics=2, encrypted_tables=1)
    lines = upkeep(replace(inventory, workers={"billing": worker}, fixed=fixed), month(), Mix(), PRICES)
    items = {it.item: it.usd for it in lines}

    assert items["keys"] == 1.00
    assert items["queue's keys"] == pytest.approx(3 * 8_760 * 0.000003)
    assert items["topics' keys"] == pytest.approx(2 * 2 * 8_760 * 0.000003)
    assert items["tables' keys"] == pytest.approx(8_760 * 0.000003)


def test_a_queue_never_needs_more_keys_than_its_messages() -> None:
    inventory = small()
    worker = replace(inventory.workers["billing"], encrypted=True)
    lines = upkeep(replace(inventory, workers={"billing": worker}), month(10), Mix(), PRICES)

    assert next(it.quantity for it in lines if it.item == "queue's keys") == 30


def test_environments_that_are_kept_ready_cost_all_month() -> None:
    inventory = small()
    worker = replace(inventory.workers["billing"], provisioned=4)
    lines = upkeep(replace(inventory, workers={"billing": worker}), month(), Mix(), PRICES)

    # 4 x 0.25 GB x 2,628,000 s
    assert next(it.usd for it in lines if it.item == "kept ready") == pytest.approx(2_628_000 * 0.0000033334)


def test_a_router_costs_its_tasks_balancer_and_environments() -> None:
    fixed = Fixed(
        tasks=(Task(name="router", tasks=2, vcpu=0.5, gb=1.0, architecture="arm64"),),
        web=(WebFunction(name="shop", memory_mb=1024, architecture="arm64"),),
        balancers=1,
        nat_gateways=1,
        addresses=1,
        endpoints=2,
    )
    items = _items(fixed, Mix(web=WebMix(environments=3, lcu=0.5)))

    assert items["router: processors"] == pytest.approx(730 * 0.03238)
    assert items["router: memory"] == pytest.approx(1460 * 0.00356)
    assert items["shop: environments"] == pytest.approx(3 * 2_628_000 * 0.0000133334)
    assert items["load balancers"] == pytest.approx(730 * 0.0225)
    assert items["load balancers' work"] == pytest.approx(365 * 0.008)
    assert items["NAT gateways"] == pytest.approx(730 * 0.045)
    assert items["public addresses"] == pytest.approx(730 * 0.005)
    assert items["interface endpoints"] == pytest.approx(1460 * 0.01)
