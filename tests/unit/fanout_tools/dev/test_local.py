"""The project in one process: each outcome that a deployment has, in virtual time."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest

from fanout_tools.dev.code import Changes
from fanout_tools.dev.local import Local
from fanout_tools.project import Project
from tests.unit.fanout_tools.dev.conftest import SERVICES, STOCK_PY, Clock, Make, Told

ORDERED = "dev.orders/Ordered"


def module(worker: str) -> Any:
    return sys.modules[f"{SERVICES}.{worker}.handler"]


def settled(local: Local, clock: Clock) -> None:
    local.settle(clock.advance)


def test_an_event_goes_to_each_subscriber_and_what_they_publish_goes_on(
    local: Local, clock: Clock, told: Told, make: Make
) -> None:
    sent = local.publish(make(ORDERED, order_id="1"))
    settled(local, clock)
    assert sent.recipients == ("audit", "billing", "stock")
    assert told.outcomes("stock") == told.outcomes("billing") == ["handled"]
    assert [it.name for it in told.events] == [ORDERED, "dev.billing/Billed"]
    assert module("audit").seen == ["Ordered", "Billed"]


def test_a_filter_keeps_an_event_from_a_worker(local: Local, clock: Clock, told: Told, make: Make) -> None:
    sent = local.publish(make(ORDERED, order_id="1", total=5))
    settled(local, clock)
    assert sent.recipients == ("audit", "stock")
    assert told.outcomes("billing") == []


def test_what_is_rejected_is_in_the_dlq_with_its_cause(local: Local, clock: Clock, told: Told, make: Make) -> None:
    local.publish(make(ORDERED, order_id="unknown"))
    settled(local, clock)
    assert told.outcomes("stock") == ["rejected"]
    [dead] = local.workers["stock"].dead.messages()
    assert dead.attributes["error_message"]["StringValue"] == "no such article"
    assert dead.attributes["error_at"]["StringValue"].startswith("stock/handler.py:")
    assert json.loads(dead.body)["detail"]["data"]["order_id"] == "unknown"


def test_what_asks_for_a_delay_comes_again_after_it(local: Local, clock: Clock, told: Told, make: Make) -> None:
    began = clock.now
    local.publish(make(ORDERED, order_id="busy"))
    settled(local, clock)
    assert told.outcomes("stock") == ["retried", "handled"]
    assert clock.now == began + 7


def test_what_fails_is_tried_as_often_as_declared(local: Local, clock: Clock, told: Told, make: Make) -> None:
    local.publish(make(ORDERED, order_id="broken"))
    settled(local, clock)
    assert told.outcomes("stock") == ["retried", "retried", "rejected"]
    assert module("stock").tries == ["broken"] * 3
    [dead] = local.workers["stock"].dead.messages()
    assert dead.attributes["error_type"]["StringValue"] == "ValueError"


def test_the_same_event_twice_has_its_effect_once(local: Local, clock: Clock, told: Told, make: Make) -> None:
    order = make(ORDERED, order_id="1")
    local.publish(order)
    settled(local, clock)
    local.publish(order)
    settled(local, clock)
    assert told.outcomes("stock") == ["handled", "duplicates"]
    assert module("stock").reserved == ["1"]


def test_parts_are_scattered_and_gathered(local: Local, clock: Clock, told: Told, make: Make) -> None:
    local.publish(make("dev.reports/Asked", parts=3))
    settled(local, clock)
    [summed] = [it for it in told.events if it.name == "dev.reports/Summed"]
    assert summed.event["detail"]["data"] == {"numbers": [0, 10, 20]}


def test_an_event_that_nobody_takes_is_kept_as_unmatched(local: Local, clock: Clock) -> None:
    del local.topology.workers["audit"]  # type: ignore[attr-defined]
    local.bus.deliver("dev.nobody", "Cares", {})
    [kept] = local.sqs.queues[local.topology.names.unmatched_queue].messages()
    assert json.loads(kept.body)["detail-type"] == "Cares"


def test_saved_code_runs_and_what_was_remembered_stays(
    local: Local, project: Project, clock: Clock, told: Told, make: Make
) -> None:
    order = make(ORDERED, order_id="1")
    local.publish(order)
    settled(local, clock)
    handler = project.services / "stock" / "handler.py"
    handler.write_text(STOCK_PY.replace("no such article", "what is that"), encoding="utf-8")
    local.reload(Changes(frozenset({"stock"})))
    assert told.reloads[-1] == ["stock"]
    local.publish(order)
    local.publish(make(ORDERED, order_id="unknown"))
    settled(local, clock)
    assert told.outcomes("stock") == ["handled", "duplicates", "rejected"]
    [dead] = local.workers["stock"].dead.messages()
    assert dead.attributes["error_message"]["StringValue"] == "what is that"


def test_events_wait_while_a_workers_code_is_broken(
    local: Local, project: Project, clock: Clock, told: Told, make: Make
) -> None:
    handler = project.services / "stock" / "handler.py"
    handler.write_text("def half(:\n", encoding="utf-8")
    local.reload(Changes(frozenset({"stock"})))
    [(worker, why)] = told.breaks
    assert worker == "stock"
    assert "stock/handler.py:1: SyntaxError" in why
    local.publish(make(ORDERED, order_id="1"))
    settled(local, clock)
    assert told.outcomes("stock") == []
    handler.write_text(STOCK_PY, encoding="utf-8")
    local.reload(Changes(frozenset({"stock"})))
    settled(local, clock)
    assert told.outcomes("stock") == ["handled"]


@pytest.mark.parametrize("total", [1, 100])
def test_a_declaration_that_is_saved_routes_from_there_on(
    local: Local, project: Project, make: Make, total: int
) -> None:
    declared = project.services / "billing" / "worker.yaml"
    declared.write_text(declared.read_text().replace('">", 5', '"<", 5'), encoding="utf-8")
    local.reload(Changes(all=True))
    sent = local.publish(make(ORDERED, order_id="1", total=total))
    assert ("billing" in sent.recipients) == (total < 5)


def test_a_wrong_declaration_is_told_and_the_former_holds(
    local: Local, project: Project, told: Told, make: Make
) -> None:
    declared = project.services / "billing" / "worker.yaml"
    declared.write_text("description: 1\n", encoding="utf-8")
    local.reload(Changes(all=True))
    [(worker, why)] = told.breaks
    assert (worker, "billing/worker.yaml" in why) == ("", True)
    assert "billing" in local.publish(make(ORDERED, order_id="1")).recipients
