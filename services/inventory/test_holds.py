"""A line of an order is held once, and never after it was released."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fanout import Reject, aws
from services.inventory import handler
from services.inventory.holds import pick_line, release_line, reserve_line

Items = Callable[[str], list[dict[str, Any]]]
LINE = {"order_id": "o-1", "index": 0, "line": {"sku": "cd-1", "quantity": 3}}


@pytest.fixture(autouse=True)
def _shelf(worker_aws: None) -> None:
    restock()


def restock() -> None:
    aws.client("dynamodb").put_item(TableName="test-stock", Item={"sku": {"S": "cd-1"}, "available": {"N": "10"}})


def available(items: Items) -> int:
    [article] = items("stock")
    return int(article["available"])


def test_a_line_is_held_and_released(items: Items) -> None:
    reserve_line(LINE)
    pick_line(LINE)
    assert available(items) == 7
    [hold] = items("reservations")
    assert hold == {"order_id": "o-1/0", "sku": "cd-1", "held": "3", "picked": True}

    release_line(LINE)

    assert available(items) == 10
    assert items("reservations") == [{"order_id": "o-1/0", "sku": "cd-1", "released": True}]


def test_two_lines_of_one_article_are_held_apart(items: Items) -> None:
    reserve_line(LINE)
    reserve_line({**LINE, "index": 1})

    assert available(items) == 4


def test_what_is_not_there_is_not_held(items: Items) -> None:
    with pytest.raises(Reject, match="o-1/0: not in stock: 11 of cd-1"):
        reserve_line({**LINE, "line": {"sku": "cd-1", "quantity": 11}})

    assert available(items) == 10


def test_nothing_is_picked_that_is_not_held() -> None:
    with pytest.raises(Reject, match="nothing is held"):
        pick_line(LINE)


def test_the_steps_are_answered_directly(items: Items) -> None:
    handler.handler({"step": "reserve", **LINE}, None)

    assert available(items) == 7


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(calls=st.lists(st.sampled_from([reserve_line, pick_line, release_line]), max_size=7))
def test_in_any_order_stock_is_taken_once_or_not_at_all(calls: list[Callable[[Any], None]], items: Items) -> None:
    """GIVEN steps that come twice, late or in the wrong order THEN stock is taken at most once, and once a release
    came, all of it is there for good."""
    aws.client("dynamodb").delete_item(TableName="test-reservations", Key={"order_id": {"S": "o-1/0"}})
    restock()
    for call in calls:
        try:
            call(LINE)
        except Reject:
            assert call is not release_line

    expected = 10 if release_line in calls or reserve_line not in calls else 7
    assert available(items) == expected
