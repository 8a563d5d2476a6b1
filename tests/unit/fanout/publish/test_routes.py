"""What is kept of large data decides as the whole would."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fanout.processing.settlement import MAX_CAUSE
from fanout.publish import Route, Routes
from fanout.publish.routes import BUS_BYTES, QUEUE_BYTES, TOPIC_BYTES, WRAPPING_BYTES
from fanout_tools.declarations.routing import routes
from fanout_tools.declarations.worker import Manifest
from fanout_tools.patterns import Pattern
from scripts.paths import REPOSITORY
from tests.unit.fanout_tools.patterns.strategies import events, pairs

EVENT = "shop.orders/OrderPlaced"


def worker(where: dict[str, Any], *, via: str = "bus", event: str = EVENT) -> Manifest:
    declared = {"description": "A worker", "via": via, "subscribes": [{"event": event, "where": where}]}
    return Manifest.parse(declared, file="worker.yaml")


def fields(where: dict[str, Any]) -> frozenset[tuple[str, ...]] | None:
    return routes([EVENT], {"w": worker(where)}).of(EVENT).filtered


@settings(max_examples=150, deadline=None)
@given(pairs(), events())
def test_a_filter_says_of_the_kept_what_it_says_of_the_whole(
    pair: tuple[dict[str, Any], dict[str, Any]], other: dict[str, Any]
) -> None:
    """GIVEN any pattern and data WHEN only what the pattern asks for is kept THEN it matches as before."""
    where, data = pair
    pattern, route = Pattern.parse(where), Route(filtered=fields(where))
    for whole in (data, other):
        assert pattern.matches(route.keep_filtered(whole)) is pattern.matches(whole)


def test_every_subscription_counts() -> None:
    """GIVEN subscriptions of several workers, one of every event, one of another WHEN the route is found THEN it has
    the fields of those that could receive the event, in every branch of an $or."""
    manifests = {
        "a": worker({"total": {"amount": [{"numeric": [">", 1]}]}}, via="topic"),
        "b": worker({"$or": [{"country": ["de"]}, {"lines": {"sku": ["x"]}}]}),
        "c": worker({}, event="*"),
        "d": worker({"other": ["x"]}, event="shop.orders/OrderCancelled"),
    }

    expected = frozenset({("total", "amount"), ("country",), ("lines", "sku")})
    assert routes([EVENT], manifests).of(EVENT).filtered == expected


@pytest.mark.parametrize(
    ("queue_bytes", "straight"), [(QUEUE_BYTES, QUEUE_BYTES), (600_000, 600_000), (2 * BUS_BYTES, BUS_BYTES)]
)
def test_the_smallest_hop_decides(queue_bytes: int, straight: int) -> None:
    """GIVEN a domain with a worker behind its topic WHEN another event of it is asked for THEN it passes the topic
    too; an event of a domain without one passes bus and queue alone; of an unknown one the worst is assumed."""
    manifests = {"a": worker({}, via="topic"), "b": worker({}, event="shop.media/AlbumReady")}
    events = ["shop.orders/OrderCancelled", "shop.media/AlbumReady"]
    found = routes(events, manifests, queue_bytes=queue_bytes)

    assert found.of("shop.orders/OrderCancelled").max_bytes == TOPIC_BYTES - WRAPPING_BYTES
    assert found.of("shop.media/AlbumReady").max_bytes == straight - WRAPPING_BYTES
    assert found.of("shop.else/Unheard") == Route(max_bytes=TOPIC_BYTES - WRAPPING_BYTES, filtered=None)


def test_a_rejected_event_of_the_largest_size_fits_its_dlq() -> None:
    """GIVEN the room that is left for what is added WHEN a worker adds the longest cause to EventBridge's own wrapping
    THEN it suffices."""
    assert 4 * MAX_CAUSE + 1_000 + 1_024 <= WRAPPING_BYTES


def test_the_queues_of_terraform_take_what_is_assumed() -> None:
    """GIVEN Terraform's worker module WHEN it says how large a message may be THEN it says what is assumed here; it
    says nothing, which is the provider's 256 KiB."""
    module = (REPOSITORY / "terraform" / "modules" / "worker" / "main.tf").read_text()

    assert "max_message_size" not in module
    assert QUEUE_BYTES == 256 * 1024


def test_members_of_lists_are_kept_one_by_one() -> None:
    """GIVEN a list of objects, one field of which is filtered by WHEN kept THEN each member has just that field."""
    route = Route(filtered=frozenset({("lines", "sku"), ("gone",)}))
    data = {"lines": [{"sku": "a", "text": "long"}, {"text": "long"}, 3], "note": "long"}

    assert route.keep_filtered(data) == {"lines": [{"sku": "a"}, {}]}


@pytest.mark.parametrize(
    ("where", "data"),
    [
        ({"labels": {"app.io/name": ["web"]}}, {"labels": {"app": {"io/name": "web"}}}),
        ({"labels": {"app": {"io/name": ["web"]}}}, {"labels": {"app.io/name": "web"}}),
        ({"labels": {"app.io/name": ["web"]}}, {"labels": {"app": "x", "app.io/name": "web"}}),
        ({"labels.app.io/name": ["web"]}, {"labels.app": [{"io/name": "web"}]}),
    ],
)
def test_names_with_dots_are_kept_however_they_are_written(where: dict[str, Any], data: dict[str, Any]) -> None:
    """GIVEN a field whose name has dots, in a condition or in data WHEN kept THEN all the data that the condition
    reads is there, and the rest is not."""
    kept = Route(filtered=fields(where)).keep_filtered({**data, "note": "long"})

    assert Pattern.parse(where).matches(data)
    assert Pattern.parse(where).matches(kept)
    assert "note" not in kept


def test_an_or_that_sns_takes_for_a_field_is_a_field() -> None:
    """GIVEN what SNS reads as the name of a field WHEN the route is found THEN it is kept as one."""
    manifests = {"a": worker({"$or": [1, 2]}, via="topic")}

    assert routes([EVENT], manifests).of(EVENT).filtered == frozenset({("$or",)})


@given(st.integers(1, BUS_BYTES), st.none() | st.frozensets(st.tuples(st.text(), st.text()), max_size=3))
def test_routes_survive_the_build(max_bytes: int, filtered: frozenset[tuple[str, ...]] | None) -> None:
    """GIVEN routes WHEN written and read THEN they are the same."""
    given_routes = Routes({EVENT: Route(max_bytes=max_bytes, filtered=filtered)})

    assert Routes.from_json(given_routes.to_json()) == given_routes
