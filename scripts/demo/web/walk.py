"""A client's walk through the shop: everything that it offers once, and each answer held to what it must be."""

from __future__ import annotations

import asyncio
import json
import random
import re
from base64 import b64decode
from collections.abc import AsyncIterator
from hashlib import sha256
from typing import Any

import httpx

__all__ = ["CheckError", "begun", "events", "walk"]

WISH = {
    "customer_id": "ann",
    "email": "ann@customers.example",
    # 29.33 dollars: enough for loyalty's points, so that all of the workers have something to do.
    "lines": [{"sku": "CD-003", "quantity": 1}],
}
UPLOAD_BYTES = 10_000_000
PART = 64 * 1024
SILENCE_S = 60.0
BEGUN_S = 240.0
"""Functions of the workers may have to start first, on a slow machine."""
LOOK_EVERY_S = 0.5


class CheckError(Exception):
    """An answer is not what it must be."""


async def walk(address: str) -> None:
    """Visit the page, place an order and watch it to its end, send and fetch 10 MB, make mistakes.

    :raises CheckError: an answer is not what it must be.
    :raises httpx.HTTPError: there was none.
    """
    async with httpx.AsyncClient(base_url=address, timeout=SILENCE_S) as client:
        await _visit(client)
        await _order(client)
        await _upload(client)
        await _download(client)
        await _err(client)
    print("check: all well", flush=True)


async def _visit(client: httpx.AsyncClient) -> None:
    page = await client.get("/")
    _must(page.status_code == 200 and "<form" in page.text, f"the page: {page.status_code}")
    for path in re.findall(r'(?:src|href)="(/[^"]+)"', page.text):
        _must((await client.get(path)).status_code == 200, f"{path} is not there")
    print("page, style sheet and script: 200")


async def _order(client: httpx.AsyncClient) -> None:
    answer = await client.post("/orders", json=WISH)
    _must(answer.status_code == 202, f"POST /orders: {answer.status_code} {answer.text}")
    order = answer.json()
    print(f"order {order['order_id']}: accepted, event {order['event_id']}")
    last = ""
    await begun(client, answer.headers["location"])
    async with client.stream("GET", order["events"]) as stream:
        async for last, data in events(stream):
            if last == "progress":
                print("  " + ", ".join(f"{worker}: {effect['state']}" for worker, effect in data["workers"].items()))
    _must(last == "done", f"the events of {order['order_id']} ended after {last!r}, before every worker was done")
    found = (await client.get(answer.headers["location"])).json()
    states = {worker: effect["state"] for worker, effect in found["workers"].items()}
    _must(found["done"] and set(states.values()) == {"done"}, f"order {order['order_id']}: {states}")
    for worker, effect in found["workers"].items():
        print(f"  {worker}: {effect['detail']}")


async def begun(client: httpx.AsyncClient, location: str) -> None:
    """Wait until a worker has begun the order: before that there is no stream of its progress.

    :raises CheckError: none does.
    """
    for _ in range(int(BEGUN_S / LOOK_EVERY_S)):
        workers = (await client.get(location)).json()["workers"]
        if any(effect["state"] == "done" for effect in workers.values()):
            return
        await asyncio.sleep(LOOK_EVERY_S)
    raise CheckError(f"no worker has begun {location} within {BEGUN_S:g} s")


async def _upload(client: httpx.AsyncClient) -> None:
    whole = random.Random(7).randbytes(UPLOAD_BYTES)

    async def parts() -> AsyncIterator[bytes]:
        for start in range(0, len(whole), PART):
            yield whole[start : start + PART]

    told = (await client.post("/files", content=parts())).json()
    expected = {"size": len(whole), "sha256": sha256(whole).hexdigest()}
    _must(told == expected, f"uploaded {expected}; the shop received {told}")
    print(f"uploaded {told['size']:,} bytes, sha256 {told['sha256'][:12]}: as sent")


async def _download(client: httpx.AsyncClient) -> None:
    size, digest = 0, sha256()
    async with client.stream("GET", "/files/sample") as stream:
        async for part in stream.aiter_raw():
            size += len(part)
            digest.update(part)
        announced = stream.headers["repr-digest"].removeprefix("sha-256=:").removesuffix(":")
    _must(b64decode(announced) == digest.digest(), f"downloaded {size} bytes that are not what their digest says")
    print(f"downloaded {size:,} bytes, sha256 {digest.hexdigest()[:12]}: as announced")


async def _err(client: httpx.AsyncClient) -> None:
    wrong = await client.post("/orders", json={**WISH, "lines": []})
    missing = await client.get("/orders/o-1")
    _must((wrong.status_code, missing.status_code) == (422, 404), f"mistakes: {wrong.text} {missing.text}")
    print(f"mistakes: {wrong.json()['errors'][0]}; {missing.json()['detail']}")


def _must(holds: bool, otherwise: str) -> None:
    if not holds:
        raise CheckError(otherwise)


async def events(stream: httpx.Response) -> AsyncIterator[tuple[str, Any]]:
    """The server-sent events of a response, each as its name and its data, as they come; comments are left out."""
    name = ""
    async for line in stream.aiter_lines():
        field, _, value = line.partition(": ")
        if field == "event":
            name = value
        elif field == "data":
            yield name, json.loads(value)
