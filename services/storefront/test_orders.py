"""Orders: what is published, what is answered, and what is refused."""

import asyncio
import json
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import httpx
import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from contracts.money import Money
from contracts.orders import OrderLine, OrderPlaced
from services.storefront.app import create_app
from services.storefront.catalogue import CATALOGUE
from services.storefront.conftest import NOW, Bus, Time, Web, Workers, progress
from services.storefront.orders import Wish, new_order_id
from services.storefront.progress import UnreadError
from services.storefront.shop import Shop
from services.storefront.strangers import MAX_STREAMS

WISH: dict[str, Any] = {
    "customer_id": "ann",
    "email": "ann@shop.example",
    "lines": [{"sku": "CD-000", "quantity": 2}, {"sku": "CD-003", "quantity": 1}],
}
ORDER_ID = new_order_id(NOW)
OLD_ORDER_ID = new_order_id(NOW - 3600)


def sse(text: str) -> list[tuple[str, Any]]:
    """The events of a stream; a comment has no name."""
    found = []
    for block in text.removesuffix("\n\n").split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines())
        found.append((fields["event"], json.loads(fields["data"])) if "event" in fields else ("", fields[""]))
    return found


def test_an_order_is_published(web: Web, bus: Bus) -> None:
    """GIVEN a wish WHEN it is sent THEN the order is on the bus at the shop's prices, and 202 says where to look."""
    answer = web.post("/orders", json=WISH)

    assert answer.status_code == 202
    told = answer.json()
    [envelope] = bus.events
    assert bus.orders == [
        OrderPlaced(
            order_id=told["order_id"],
            customer_id="ann",
            email="ann@shop.example",
            placed_on=date(2023, 11, 14),
            lines=[OrderLine(sku="CD-000", quantity=2), OrderLine(sku="CD-003", quantity=1)],
            total=Money(amount=Decimal("52.87"), currency="USD"),
        )
    ]
    assert told["event_id"] == envelope.metadata.event_id == told["order_id"]
    assert envelope.metadata.subject == "ann"
    assert answer.headers["location"] == told["location"] == f"/orders/{told['order_id']}"
    assert told["total"] == {"amount": 52.87, "currency": "USD"}
    assert web.get(told["location"]).status_code == 200


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"lines": []}, "lines"),
        ({"lines": [{"sku": "CD-000", "quantity": 0}]}, "lines.0.quantity"),
        ({"lines": [{"sku": "CD-000", "quantity": "2"}]}, "lines.0.quantity"),
        ({"lines": [{"sku": "CD-000", "quantity": 1}] * 100}, "lines"),
        ({"lines": [{"sku": "LP-1", "quantity": 1}]}, "lines.0.sku"),
        ({"email": "ann"}, "email"),
        ({"customer_id": ""}, "customer_id"),
        ({"total": 0.01}, "total"),
    ],
)
def test_a_wish_that_is_not_as_it_must_be_is_refused(web: Web, bus: Bus, change: dict[str, Any], field: str) -> None:
    """GIVEN a wish with a fault WHEN it is sent THEN 422 names the field, and nothing is published."""
    answer = web.post("/orders", json={**WISH, **change})

    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert bus.entries == []


@pytest.mark.parametrize(
    ("kind", "body", "status", "said"),
    [
        ("application/json", b"{", 400, "not JSON"),
        ("application/json", b"\xff", 400, "not JSON"),
        ("application/json", b"", 400, "not JSON"),
        ("application/json", b"[]", 422, "not as it must be"),
        ("application/json", b" " * 65_537, 413, "more than 65536 bytes"),
        ("text/plain", b"{}", 415, "application/json"),
    ],
)
def test_a_body_that_is_no_wish_is_refused(web: Web, bus: Bus, kind: str, body: bytes, status: int, said: str) -> None:
    """GIVEN a body that is no JSON object of an order WHEN it is sent THEN a problem says which rule it breaks."""
    answer = web.post("/orders", content=body, headers={"content-type": kind})

    assert (answer.status_code, answer.json()["status"]) == (status, status)
    assert said in answer.json()["detail"]
    assert bus.entries == []


def test_an_order_that_the_bus_does_not_take_is_not_accepted(web: Web, bus: Bus) -> None:
    """GIVEN a bus that is down WHEN an order is placed THEN 503, to be tried again."""
    bus.error = "InternalFailure"
    answer = web.post("/orders", json=WISH)

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert "place it again" in answer.json()["detail"]


def test_progress_is_shown(web: Web, workers: Workers) -> None:
    """GIVEN an order whose workers are partly done WHEN looked at THEN each one's state is told."""
    workers.answers = [progress("billing")]
    told = web.get(f"/orders/{ORDER_ID}").json()

    assert (told["order_id"], told["placed_at"], told["done"]) == (ORDER_ID, "2023-11-14T22:13:20.000+00:00", False)
    states = {worker: effect["state"] for worker, effect in told["workers"].items()}
    assert states == {"inventory": "pending", "billing": "done", "notifications": "pending"}


@pytest.mark.parametrize(
    "order_id",
    ["1", "o-1", ORDER_ID.upper(), f"{ORDER_ID}0", OLD_ORDER_ID, new_order_id(NOW + 9)],
    ids=["digit", "short", "upper case", "too long", "old", "of the future"],  # the same in every xdist worker
)
@pytest.mark.parametrize("rest", ["", "/events"])
def test_an_order_that_was_never_placed_is_not_found(web: Web, order_id: str, rest: str) -> None:
    """GIVEN an id that is none, or that no worker knows though it is old WHEN looked at THEN 404."""
    answer = web.get(f"/orders/{order_id}{rest}")
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


def test_an_old_order_is_known_by_what_was_done_for_it(web: Web, workers: Workers) -> None:
    """GIVEN an order of an hour ago that a worker has handled WHEN looked at THEN it is there."""
    workers.answers = [progress("inventory")]
    assert web.get(f"/orders/{OLD_ORDER_ID}").json()["workers"]["inventory"]["state"] == "done"


@pytest.mark.parametrize("error", [UnreadError("busy"), ClientError({"Error": {"Code": "Throttling"}}, "BatchGetItem")])
def test_tables_that_cannot_be_read_are_no_missing_order(web: Web, workers: Workers, error: Exception) -> None:
    """GIVEN DynamoDB that does not answer WHEN an order is looked at THEN 503."""
    workers.answers = [error]
    assert web.get(f"/orders/{ORDER_ID}").status_code == 503


def test_an_order_is_watched_until_all_is_done(web: Web, workers: Workers) -> None:
    """GIVEN workers that finish one after the other, and tables that are busy once WHEN watched THEN there is one event
    for each change, and one at the end."""
    busy, two = UnreadError("busy"), progress("billing", "inventory")
    workers.answers = [progress("billing"), progress("billing"), busy, two]
    workers.answers += [progress("billing", "inventory", "notifications")]
    answer = web.get(f"/orders/{ORDER_ID}/events")

    assert answer.headers["content-type"].startswith("text/event-stream")
    events = sse(answer.text)
    counts = [
        sum(w["state"] == "done" for w in data["workers"].values()) for name, data in events if name == "progress"
    ]
    assert counts == [1, 2, 3]
    assert events[-1] == ("done", {"order_id": ORDER_ID})


def test_an_order_that_no_worker_knows_has_no_stream(web: Web) -> None:
    """GIVEN an id that somebody has just invented WHEN its events are asked for THEN 404, and nothing is held open."""
    answers = [web.get(f"/orders/{new_order_id(NOW)}/events") for _ in range(50)]

    assert {answer.status_code for answer in answers} == {404}
    assert "no worker has begun it yet" in answers[0].json()["detail"]


def test_one_client_has_a_few_streams(make_shop: Callable[[], Shop], workers: Workers) -> None:
    """GIVEN a client whose streams stay open WHEN it asks for another THEN 429; another client has one all the same,
    and it gets one when one of its own ends."""
    workers.answers = [progress("billing")]
    app, path = create_app(make_shop), f"/orders/{ORDER_ID}/events"

    def status(client: str) -> int:
        transport = httpx.ASGITransport(app, client=(client, 1))

        async def ask() -> int:
            async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport) as asking:
                return (await asking.get(f"http://shop.example{path}")).status_code

        return asyncio.run(ask())

    for _ in range(MAX_STREAMS):
        app.state.watchers.enter("192.0.2.1")

    assert (status("192.0.2.1"), status("192.0.2.2")) == (429, 200)
    app.state.watchers.leave("192.0.2.1")
    assert status("192.0.2.1") == 200
    assert app.state.watchers.open == {"192.0.2.1": MAX_STREAMS - 1}


@pytest.mark.parametrize(("path", "sent"), [("/orders", {"json": WISH}), ("/files", {"content": b"x"})])
@pytest.mark.parametrize(
    ("headers", "refused"),
    [
        ({}, False),
        ({"origin": "http://shop.example", "sec-fetch-site": "same-origin"}, False),
        ({"sec-fetch-site": "none"}, False),
        ({"origin": "https://evil.example"}, True),
        ({"origin": "http://shop.example.evil.example"}, True),
        ({"origin": "null"}, True),
        ({"origin": ""}, True),
        ({"sec-fetch-site": "cross-site"}, True),
        ({"sec-fetch-site": "same-site"}, True),
        ({"origin": "http://shop.example", "sec-fetch-site": "cross-site"}, True),
    ],
)
def test_a_page_of_another_site_sends_nothing(
    web: Web, bus: Bus, path: str, sent: dict[str, Any], headers: dict[str, str], refused: bool
) -> None:
    """GIVEN a POST of a browser WHEN a page of another origin has sent it THEN 403 and no effect; of the shop's own
    pages, and of clients that are no browsers, it is taken."""
    answer = web.post(path, headers=headers, **sent)

    assert (answer.status_code == 403) is refused
    assert len(bus.entries) == (0 if refused or path == "/files" else 1)


def test_the_head_of_a_stream_waits_for_nothing(web: Web, workers: Workers, virtual: Time) -> None:
    """GIVEN an order that stands still WHEN only the head of its events is asked for THEN it comes at once."""
    workers.answers = [progress("billing")]
    answer = web.request("HEAD", f"/orders/{ORDER_ID}/events")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
    assert virtual.now == NOW


def test_a_watcher_of_a_stuck_order_is_kept_alive_and_let_go(web: Web, workers: Workers, virtual: Time) -> None:
    """GIVEN an order that stands still WHEN watched THEN a comment comes each 15 s, and the stream ends after 240 s
    without telling that all is done."""
    workers.answers = [progress("billing")]
    events = sse(web.get(f"/orders/{ORDER_ID}/events").text)

    assert [name for name, _ in events] == ["progress"] + [""] * 16
    assert virtual.now - NOW == 240


@given(st.dictionaries(st.sampled_from(sorted(CATALOGUE)), st.integers(1, 1_000), min_size=1))
def test_an_order_costs_what_its_articles_cost(quantities: dict[str, int]) -> None:
    """GIVEN any wish WHEN ordered THEN its total is exact, to the cent."""
    lines = [OrderLine(sku=sku, quantity=quantity) for sku, quantity in quantities.items()]
    order = Wish(customer_id="c", email="a@b", lines=lines).order(ORDER_ID, date(2023, 1, 1))

    cents = sum(int(CATALOGUE[sku].price * 100) * quantity for sku, quantity in quantities.items())
    assert order.total.amount * 100 == cents
