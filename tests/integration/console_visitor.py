"""A person at the console of a real deployment, without a browser: pages are read, their own forms are sent."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser

import httpx

from fanout_tools.console.access import COOKIE, Role
from fanout_tools.console.app import make
from fanout_tools.console.console import Console
from fanout_tools.console.serve import HOST, console_of
from fanout_tools.declarations.naming import Names
from fanout_tools.operate.masking import Masking
from fanout_tools.operate.topology import Topology
from fanout_tools.project import project
from scripts.paths import REPOSITORY
from tests.integration.platform import NAMESPACE, Platform, eventually

__all__ = ["Visitor"]

PORT = 8765


class Forms(HTMLParser):
    """The forms of a page that are sent: their fields by the address."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: dict[str, dict[str, str]] = {}
        self._open: dict[str, str] | None = None
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._open = self.found.setdefault(told["action"], {}) if told.get("method") == "post" else None
        elif tag == "input" and self._open is not None and (told.get("type") != "checkbox" or "checked" in told):
            self._open[told["name"]] = told.get("value", "on")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = None


@dataclass
class Visitor:
    """An operator at the platform's console."""

    console: Console
    seen: str = field(default="", init=False)
    """All that pages have shown."""

    @classmethod
    def of(cls, platform: Platform) -> Visitor:
        services = platform.services
        topology = Topology.of(project(services.parent), Names(NAMESPACE))
        masking = Masking.by(project(REPOSITORY).load_contracts())
        folder = services.parent
        return cls(
            console_of(
                topology, env="local", role=Role.OPERATOR, masking=masking, port=PORT, folder=folder, services=services
            )
        )

    def ask(self, method: str, path: str, **more: object) -> httpx.Response:
        async def asked() -> httpx.Response:
            transport = httpx.ASGITransport(make(self.console))
            cookies = {COOKIE: self.console.access.session}
            base = f"http://{HOST}:{PORT}"
            async with httpx.AsyncClient(transport=transport, base_url=base, cookies=cookies) as client:
                return await client.request(method, path, **more)  # type: ignore[arg-type]

        answer = asyncio.run(asked())
        assert answer.status_code in (200, 303), f"{method} {path}: {answer.status_code}: {answer.text}"
        self.seen += answer.text
        return answer

    def part(self, path: str, wanted: str) -> str:
        """What htmx gets of a page, once it has this text."""

        def look() -> str:
            return self.ask("GET", path, headers={"hx-request": "true"}).text

        return eventually(look, lambda text: re.search(wanted, text) is not None, f"{path}: {wanted}")

    def send(self, page: str, action: str, fields: Mapping[str, str]) -> httpx.Response:
        """The page's form that goes to the address, filled in so."""
        forms = Forms(page).found
        assert action in forms, f"no form to {action}, but {', '.join(forms)}"
        return self.ask("POST", action, data={**forms[action], **fields})

    def change(self, page: str, action: str, why: str, **fields: str) -> str:
        """Plan and confirm; returns what the operation's page says when it has ended."""
        plan = self.send(page, action, fields).text
        begun = self.send(plan, action, {"why": why})
        assert begun.status_code == 303, begun.text
        return self.part(begun.headers["location"], 'data-done="yes"')
