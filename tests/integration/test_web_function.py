"""A web function on Lambda, through the router: it is invoked once, calls back, and serves until it is let go."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest

from fanout_router.config import RouterSettings
from fanout_router.environment import State
from fanout_router.fleet import Fleet
from fanout_router.server import Router
from scripts.demo.web.walk import begun, events
from tests.integration.platform import Platform
from tests.integration.web_function import TIMEOUT_S, storefront

PATIENCE_S = 240.0
WISH = {"customer_id": "ann", "email": "ann@customers.example", "lines": [{"sku": "CD-003", "quantity": 2}]}


@pytest.fixture(scope="module")
def function(platform: Platform, work_dir: Path) -> Iterator[str]:
    with storefront(platform, work_dir / "packages") as name:
        yield name


@pytest.fixture(autouse=True)
def _stock(platform: Platform) -> None:
    platform.dynamodb.put_item(
        TableName=platform.names.table("stock"), Item={"sku": {"S": "CD-003"}, "available": {"N": "1000000"}}
    )


def test_requests_are_served_by_one_invocation(function: str) -> None:
    """GIVEN the storefront on Lambda WHEN twenty requests come at once THEN one environment serves them all, over one
    Invoke; AND when the router drains, the environment ends, and its summary counts them."""

    async def run() -> None:
        async with routed(function, maximum=1) as (router, client):
            answers = await asyncio.gather(*(client.get("/static/storefront.css") for _ in range(20)))
            assert {answer.status_code for answer in answers} == {200}
            [fleet] = router.fleets
            assert (fleet.invoked, fleet.count(State.SERVING), fleet.served) == (1, 1, 0)
            await router.drain()
            await until(lambda: fleet.results["completed"] == 1, fleet)
            assert fleet.served == 20
            assert sum(fleet.results.values()) == 1

    asyncio.run(run())


def test_an_order_goes_in_and_its_progress_comes_out(function: str, platform: Platform) -> None:
    """GIVEN the storefront on Lambda, with the role that its declaration asks for WHEN an order is placed THEN its
    server-sent events tell of each worker, and the tables hold what they tell."""

    async def run() -> tuple[str, dict[str, Any]]:
        async with routed(function) as (_, client):
            answer = await client.post("/orders", json=WISH)
            assert answer.status_code == 202, answer.text
            order, told = answer.json(), []
            await begun(client, order["location"])
            async with client.stream("GET", order["events"]) as stream:
                told = [each async for each in events(stream)]
            assert [name for name, _ in told][-1] == "done"
            return order["order_id"], told[-2][1]["workers"]

    order_id, workers = asyncio.run(run())
    assert {worker: effect["state"] for worker, effect in workers.items()} == dict.fromkeys(
        ["inventory", "billing", "notifications", "loyalty"], "done"
    )
    assert workers["billing"]["detail"] == "58.66 dollars"
    entry = platform.item("ledger", order_id=order_id)
    assert entry is not None
    assert entry["amount"] == "58.66"


def test_bodies_stream_past_lambdas_limits(function: str) -> None:
    """GIVEN 10 MB, more than an Invoke may carry either way WHEN sent and fetched THEN they come unchanged."""

    async def run() -> None:
        whole = random.Random(11).randbytes(10_000_000)
        async with routed(function) as (_, client):
            told = (await client.post("/files", content=whole)).json()
            assert told == {"size": len(whole), "sha256": sha256(whole).hexdigest()}
            sample = await client.get("/files/sample")
            assert len(sample.content) == int(sample.headers["content-length"]) == 10_000_000

    asyncio.run(run())


def test_a_function_that_is_no_web_function_is_counted_and_not_invoked_for_ever(platform: Platform) -> None:
    """GIVEN a router that is given the function of a worker, which fails on its order WHEN a request comes THEN it is
    answered 503, the failures are counted as FunctionError, and the breaker stops the invocations after five."""

    async def run() -> None:
        name = platform.names.function("thumbnails")
        async with routed(name, queue_timeout_s=10.0, maximum=1) as (router, client):
            answer = await client.get("/")
            assert answer.status_code == 503
            [fleet] = router.fleets
            await until(lambda: fleet.results["function_error"] >= 1, fleet)
            assert fleet.results["completed"] == 0
            assert fleet.invoked <= 6

    asyncio.run(run())


@asynccontextmanager
async def routed(function: str, **given: object) -> AsyncIterator[tuple[Router, httpx.AsyncClient]]:
    """A router on loopback that invokes this function, and a client of it."""
    declared = {"name": "shop", "lambda_function": function, "function_timeout_s": TIMEOUT_S, **given}
    router = Router(RouterSettings.load(port=0, admin_port=0, control_port=0, functions=[declared]))
    await router.start()
    try:
        address = f"http://127.0.0.1:{router.ports['client']}"
        async with httpx.AsyncClient(base_url=address, timeout=PATIENCE_S) as client:
            yield router, client
    finally:
        await router.drain()


async def until(check: Callable[[], bool], fleet: Fleet) -> None:
    """Let the event loop go on until something is so.

    :raises AssertionError: it never was.
    """
    for _ in range(int(PATIENCE_S / 0.05)):
        if check():
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"never came to be so; invocations ended: {dict(fleet.results)}")
