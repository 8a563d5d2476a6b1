"""The shop on a bus in memory, in virtual time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from contracts.orders import OrderPlaced
from fanout.events.envelope import Envelope
from fanout.publish import Publisher
from fanout.publish.aio import AsyncPublisher
from services.storefront.app import create_app
from services.storefront.progress import Effect, Progress, State
from services.storefront.shop import Shop

NOW = 1_700_000_000.0


class Bus:
    """EventBridge's client, as far as a publisher needs it."""

    def __init__(self) -> None:
        self.entries: list[dict[str, Any]] = []
        self.error: str | None = None

    def put_events(self, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803 - boto3's name
        if self.error:
            return {
                "FailedEntryCount": 1,
                "Entries": [{"ErrorCode": self.error, "ErrorMessage": "no"}] * len(Entries),
            }
        self.entries += Entries
        return {"FailedEntryCount": 0, "Entries": [{"EventId": "e"} for _ in Entries]}

    @property
    def events(self) -> list[Envelope]:
        """What was published."""
        return [
            Envelope.decode(
                json.dumps({"source": e["Source"], "detail-type": e["DetailType"], "detail": json.loads(e["Detail"])})
            )
            for e in self.entries
        ]

    @property
    def orders(self) -> list[OrderPlaced]:
        return [OrderPlaced.from_data(event.data) for event in self.events]


class Workers:
    """What the shop reads of the workers: one answer after the other, the last one for ever."""

    def __init__(self) -> None:
        self.answers: list[Progress | Exception] = [progress()]

    def read(self, _: str) -> Progress:
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


class Time:
    """Virtual time, which passes in sleep."""

    def __init__(self) -> None:
        self.now = NOW

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


class Web:
    """A client of the app, which runs for one request.

    :param raises: whether what the app raises comes through, beside the answer that a client would get.
    """

    def __init__(self, make_shop: Callable[[], Shop], *, raises: bool = True) -> None:
        self._make_shop = make_shop
        self._raises = raises

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        return asyncio.run(self._request(method, path, options))

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.request("GET", path, **options)

    def post(self, path: str, **options: Any) -> httpx.Response:
        return self.request("POST", path, **options)

    async def _request(self, method: str, path: str, options: dict[str, Any]) -> httpx.Response:
        app = create_app(self._make_shop)
        transport = httpx.ASGITransport(app, raise_app_exceptions=self._raises)
        async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport) as client:
            return await client.request(method, f"http://shop.example{path}", **options)


def progress(*done: str) -> Progress:
    """Three workers, of which these are done."""
    names = ("inventory", "billing", "notifications")
    return Progress({name: Effect(State.DONE if name in done else State.PENDING) for name in names})


@pytest.fixture
def bus() -> Bus:
    return Bus()


@pytest.fixture
def workers() -> Workers:
    return Workers()


@pytest.fixture
def virtual() -> Time:
    return Time()


@pytest.fixture
def make_shop(bus: Bus, workers: Workers, virtual: Time) -> Callable[[], Shop]:
    def make() -> Shop:
        publisher = Publisher(bus, "shop", sleep=lambda _: None)
        return Shop(AsyncPublisher(publisher), read=workers.read, clock=virtual.clock, sleep=virtual.sleep)

    return make


@pytest.fixture
def web(make_shop: Callable[[], Shop]) -> Web:
    return Web(make_shop)
