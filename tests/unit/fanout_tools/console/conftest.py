"""A console over a shop in memory, and a browser that has its cookie."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from fanout_tools.console.access import COOKIE, Role
from fanout_tools.console.app import make
from fanout_tools.console.console import Console
from tests.console.world import HOST, Shop, console


@dataclass
class Browser:
    """Asks a console, over no network."""

    console: Console

    def ask(self, method: str, path: str, *, cookie: bool = True, **more: Any) -> httpx.Response:
        cookies = {COOKIE: self.console.access.session} if cookie else {}

        async def asked() -> httpx.Response:
            transport = httpx.ASGITransport(make(self.console))
            async with httpx.AsyncClient(transport=transport, base_url=f"http://{HOST}", cookies=cookies) as client:
                return await client.request(method, path, **more)

        return asyncio.run(asked())

    def get(self, path: str, **more: Any) -> httpx.Response:
        return self.ask("GET", path, **more)

    def part(self, path: str) -> httpx.Response:
        """As htmx asks."""
        return self.get(path, headers={"hx-request": "true"})

    def json(self, path: str) -> httpx.Response:
        return self.get(path, headers={"accept": "application/json"})

    def send(self, path: str, fields: Mapping[str, str] | None = None, *, token: bool = True) -> httpx.Response:
        """A form, as the console made it."""
        own = {"form_token": self.console.access.form_token(path)} if token else {}
        return self.ask("POST", path, data={**own, **(fields or {})})


@pytest.fixture
def shop() -> Shop:
    made = Shop()
    for number in range(12):
        made.dead_letter(number)
    made.dead_letter(90, error="KeyError", text="'sku'", error_at="handler.py:31")
    return made


@pytest.fixture
def browser(shop: Shop) -> Browser:
    return Browser(console(shop))


@pytest.fixture(params=list(Role), ids=str)
def in_role(request: pytest.FixtureRequest, shop: Shop) -> Browser:
    return Browser(console(shop, request.param))
