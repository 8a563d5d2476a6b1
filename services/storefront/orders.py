"""``/orders``: place one, look at one, watch one until every worker has done its part."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from decimal import Decimal
from http import HTTPStatus
from typing import Annotated, Any

from pydantic import BaseModel, Field, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from contracts.money import Money
from contracts.orders import Identifier, OrderLine, OrderPlaced
from services.storefront.bodies import parts
from services.storefront.catalogue import CATALOGUE, CURRENCY
from services.storefront.problems import Problem
from services.storefront.progress import Progress
from services.storefront.shop import Shop
from services.storefront.strangers import Watched, Watchers, refuse_foreign

__all__ = ["Wish", "new_order_id", "place", "show", "watch"]

MAX_BODY_BYTES = 64 * 1024
"""Of an order: far under what the bus takes, and more than any cart."""

PATIENCE_S = 900.0
"""An order that no worker has begun for so long was never placed, or all of its workers have failed."""

LOOK_EVERY_S = 0.5
SILENCE_S = 15.0
"""After so long without news a watcher gets a comment, which tells that the connection lives."""
WATCH_S = 240.0
"""A watcher's stream ends then at the latest; browsers open another one by themselves."""

_ORDER_ID = re.compile(r"o-([0-9a-f]{12})-[0-9a-f]{10}")


class Wish(BaseModel):
    """What a customer sends."""

    customer_id: Identifier
    email: Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+$", max_length=254)]
    lines: Annotated[list[OrderLine], Field(min_length=1, max_length=99)]

    def total(self) -> Money:
        """By the shop's own prices.

        :raises Problem: an article is not sold here.
        """
        amount = Decimal()
        for index, line in enumerate(self.lines):
            article = CATALOGUE.get(line.sku)
            if article is None:
                error = {"field": f"lines.{index}.sku", "message": f"the shop sells {', '.join(CATALOGUE)}"}
                raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, f"{line.sku}: is not sold here", errors=[error])
            amount += line.quantity * article.price
        return Money(amount=amount, currency=CURRENCY)

    def order(self, order_id: str, placed_on: date) -> OrderPlaced:
        """As the workers get it.

        :raises Problem: an article is not sold here.
        """
        return OrderPlaced(
            order_id=order_id,
            customer_id=self.customer_id,
            email=self.email,
            placed_on=placed_on,
            lines=self.lines,
            total=self.total(),
        )


def new_order_id(now: float) -> str:
    """An id that tells when it was given out (milliseconds since 1970) and cannot be guessed."""
    return f"o-{int(now * 1000):012x}-{secrets.token_hex(5)}"


async def place(request: Request) -> Response:
    """``POST /orders``: 202, for the workers are only beginning."""
    refuse_foreign(request)
    shop = _shop(request)
    wish, now = await _wish(request), shop.clock()
    order = wish.order(new_order_id(now), datetime.fromtimestamp(now, UTC).date())
    receipt = await shop.publish(order)
    location = f"/orders/{order.order_id}"
    content = {
        "order_id": order.order_id,
        "event_id": receipt.envelope.metadata.event_id,
        "total": order.total.model_dump(mode="json"),
        "location": location,
        "events": f"{location}/events",
    }
    return JSONResponse(content, HTTPStatus.ACCEPTED, {"location": location})


async def show(request: Request) -> Response:
    """``GET /orders/{order_id}``: what the workers have done so far."""
    order_id, progress = await _known(request)
    content = {"order_id": order_id, "placed_at": _placed_at(order_id), **progress.to_json()}
    return JSONResponse(content, headers={"cache-control": "no-store"})


async def watch(request: Request) -> Response:
    """``GET /orders/{order_id}/events``: server-sent events, a ``progress`` at each change, and ``done`` at the end.

    :raises Problem: 404, no worker knows the order, or 429.
    """
    order_id, progress = await _known(request)
    if not progress.begun:  # anybody can invent the id of an order that is new
        raise Problem(HTTPStatus.NOT_FOUND, f"no worker has begun it yet: look at /orders/{order_id} until one has")
    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    if request.method == "HEAD":
        return Response(headers=headers, media_type="text/event-stream")
    watchers: Watchers = request.app.state.watchers
    client = request.client.host if request.client else ""
    watchers.enter(client)
    stream = Watched(_events(_shop(request), order_id, progress), 200, headers, "text/event-stream")
    stream.watchers, stream.client = watchers, client
    return stream


async def _events(shop: Shop, order_id: str, progress: Progress) -> AsyncIterator[str]:
    began = told = shop.clock()
    yield _event("progress", progress.to_json())
    while not progress.done:
        await shop.sleep(LOOK_EVERY_S)
        latest, now = await _latest(shop, order_id, progress), shop.clock()
        if latest != progress:
            yield _event("progress", latest.to_json())
            progress, told = latest, now
        elif now - told >= SILENCE_S:
            yield ": still waiting\n\n"
            told = now
        if now - began >= WATCH_S:
            return
    yield _event("done", {"order_id": order_id})


async def _latest(shop: Shop, order_id: str, known: Progress) -> Progress:
    try:
        return await shop.progress(order_id)
    except Problem:  # busy tables are no news; the next look may be luckier
        return known


def _event(name: str, data: dict[str, Any]) -> str:
    return f"event: {name}\ndata: {json.dumps(data)}\n\n"


def _shop(request: Request) -> Shop:
    shop: Shop = request.app.state.shop
    return shop


async def _wish(request: Request) -> Wish:
    """
    :raises Problem: 413, 415, 400 or 422.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "an order is sent as application/json")
    body = b"".join([part async for part in parts(request, MAX_BODY_BYTES)])
    try:
        return Wish.model_validate_json(body, strict=True, extra="forbid")
    except ValidationError as error:
        raise _refusal(error) from error


def _refusal(error: ValidationError) -> Problem:
    found = error.errors(include_url=False, include_context=False, include_input=False)
    if found[0]["type"] == "json_invalid":
        return Problem(HTTPStatus.BAD_REQUEST, f"the body is not JSON: {found[0]['msg'].partition(': ')[2]}")
    errors = [{"field": ".".join(map(str, e["loc"])) or "order", "message": e["msg"]} for e in found]
    return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "the order is not as it must be", errors=errors)


async def _known(request: Request) -> tuple[str, Progress]:
    """The order's id and progress.

    :raises Problem: 404.
    """
    order_id, shop = request.path_params["order_id"], _shop(request)
    match = _ORDER_ID.fullmatch(order_id)
    if match is None:
        raise Problem(HTTPStatus.NOT_FOUND, "there is no such order: an order's id begins with o-")
    progress = await shop.progress(order_id)
    age = shop.clock() - int(match[1], 16) / 1000
    if not progress.begun and not -1 <= age <= PATIENCE_S:
        raise Problem(HTTPStatus.NOT_FOUND, f"no worker has ever done anything for an order {order_id}")
    return order_id, progress


def _placed_at(order_id: str) -> str:
    milliseconds = int(order_id.split("-")[1], 16)
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds")
