"""One look for all who watch, and what looks cost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from fanout_tools.console.ledger import METRICS, Ledger, cost_of
from fanout_tools.console.looking import fresh_for
from fanout_tools.console.shared import Shared
from fanout_tools.operate.sources.metrics import OVERVIEW
from fanout_tools.operate.topology import Place
from tests.console.world import Shop, console
from tests.unit.fanout_tools.operate.conftest import deployment


class Looks:
    """Counts; each looks for as long as it is told."""

    def __init__(self) -> None:
        self.count, self.now = 0, 0.0
        self.gate = asyncio.Event()

    async def ask(self) -> int:
        self.count += 1
        await self.gate.wait()
        return self.count


def test_all_who_ask_at_once_wait_for_one_look() -> None:
    """GIVEN 50 viewers WHEN they ask at once, and one of them leaves, THEN there is one look, and all others have it;
    none is made again before it is stale."""

    async def watched() -> None:
        looks = Looks()
        shared = Shared(looks.ask, 10.0, lambda: looks.now)
        viewers = [asyncio.ensure_future(shared.get()) for _ in range(50)]
        await asyncio.sleep(0)
        viewers[0].cancel()
        looks.gate.set()
        assert await asyncio.gather(*viewers[1:]) == [1] * 49
        assert shared.seen() == 1
        looks.now = 9.9
        assert await shared.get() == 1
        looks.now = 10.0
        assert shared.seen() is None
        assert await shared.get() == 2

    asyncio.run(watched())


def test_a_look_that_fails_is_made_again() -> None:
    async def watched() -> None:
        failing = [True]

        async def ask() -> int:
            if failing.pop():
                raise ConnectionError
            return 1

        shared = Shared(ask, 10.0)
        with pytest.raises(ConnectionError):
            await shared.get()
        failing.append(False)
        assert await shared.get() == 1

    asyncio.run(watched())


def test_what_was_asked_is_counted_and_priced() -> None:
    now = [0.0]
    ledger = Ledger(clock=lambda: now[0])
    ledger.add({"sqs:GetQueueAttributes": 1_000_000, METRICS: 1_000})
    assert ledger.count == 1_000_000
    assert ledger.usd == pytest.approx(0.40 + 0.01)
    now[0] = 7200.0
    assert ledger.usd_an_hour == pytest.approx(0.205)


class Events:
    """Of botocore: one handler for each mark."""

    def __init__(self) -> None:
        self.handlers: dict[str, Callable[..., object]] = {}

    def register(self, _: str, handler: Callable[..., object], mark: str) -> None:
        self.handlers.setdefault(mark, handler)


class Client:
    def __init__(self) -> None:
        self.meta = self
        self.events = Events()
        self.service_model = self
        self.service_name = "sqs"


def test_a_client_that_is_shared_is_counted_once() -> None:
    ledger, client = Ledger(), Client()
    for _ in range(3):
        assert ledger.watch(client) is client
    for handler in client.events.handlers.values():
        assert handler(request=None) is None
    assert ledger.count == 1


def test_metrics_are_asked_for_less_often_than_queues() -> None:
    """GIVEN few workers, 500, and an emulator WHEN looked at for an hour THEN queues are asked as often as pages ask,
    as long as the budget holds, and metrics as seldom as it needs."""
    names = [f"w{number:03}" for number in range(500)]
    assert fresh_for(deployment("billing")) == (10.0, 60.0)
    depths, metrics = fresh_for(deployment(*names))
    assert depths < 15 < 60 < metrics
    an_hour = {
        "sqs:GetQueueAttributes": round(1_000 * 3_600 / depths),
        METRICS: round(500 * len(OVERVIEW) * 3_600 / metrics),
    }
    assert cost_of(an_hour) == pytest.approx(0.5, rel=0.01)
    emulated = deployment(*names, place=Place("000000000000", "us-east-1", endpoint="http://127.0.0.1:9"))
    assert fresh_for(emulated) == (10.0, 60.0)
    assert console(Shop()).overview.fresh_s == 10.0
