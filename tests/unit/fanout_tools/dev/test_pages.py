"""The console's pages over a session, as a browser asks for them."""

from __future__ import annotations

import asyncio
import html
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from starlette.types import ASGIApp

from fanout import wrap
from fanout.events.event import contract_of
from fanout.testing import eventbridge_event
from fanout_tools.console.access import COOKIE
from fanout_tools.console.app import make
from fanout_tools.console.console import Console
from fanout_tools.dev.console import console_of
from fanout_tools.dev.examples import example, sample
from fanout_tools.dev.local import Local
from fanout_tools.dev.sending import SendPages
from fanout_tools.dev.session import Session, session_of
from fanout_tools.project import Project
from tests.unit.fanout_tools.dev.conftest import BILLING, STOCK_PY, Clock
from tests.unit.fanout_tools.dev.test_session import Screen

HOST = "127.0.0.1:8766"


@dataclass
class Browser:
    """Asks a session's pages, over no network, and goes where it is sent."""

    app: ASGIApp
    console: Console

    def ask(self, method: str, path: str, *, cookie: bool = True, **more: Any) -> httpx.Response:
        cookies = {COOKIE: self.console.access.session} if cookie else {}

        async def asked() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(
                transport=transport, base_url=f"http://{HOST}", cookies=cookies, follow_redirects=True
            ) as client:
                return await client.request(method, path, **more)

        return asyncio.run(asked())

    def get(self, path: str, **more: Any) -> httpx.Response:
        return self.ask("GET", path, **more)

    def part(self, path: str) -> httpx.Response:
        return self.get(path, headers={"hx-request": "true"})

    def post(self, path: str, **fields: str) -> httpx.Response:
        return self.ask("POST", path, data={"form_token": self.console.access.form_token(path), **fields})

    def send(self, event: str, /, **fields: str) -> httpx.Response:
        return self.post("/send", event=event, of="", **fields)


@pytest.fixture
def screen(clock: Clock) -> Screen:
    return Screen(clock)


@pytest.fixture
def session(project: Project, clock: Clock, screen: Screen) -> Iterator[Session]:
    local = Local(project, screen.terminal, clock)
    with session_of(local, screen.history) as made:
        made.begin()
        yield made


@pytest.fixture
def browser(session: Session, screen: Screen) -> Browser:
    console = console_of(session, screen.history, HOST)
    return Browser(make(console, SendPages(session).entries), console)


def text_of(answer: httpx.Response) -> str:
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", answer.text)))


def test_the_form_is_made_of_the_contract_and_sends_an_event(browser: Browser, session: Session, clock: Clock) -> None:
    answer = browser.send("dev.orders/Ordered", **{"field.order_id": "o-7", "field.total": "12"})
    assert answer.status_code == 200
    assert answer.url.path.startswith("/e/")
    [sent] = session.local.bus.sent
    assert sent.event["detail"]["data"] == {"order_id": "o-7", "total": 12}
    session.settle(clock.advance)
    told = text_of(browser.part(str(answer.url)))
    assert "4 of 4 handled" in told
    assert "dev.billing/Billed" in told


def test_what_breaks_the_contract_is_said_and_not_sent(browser: Browser, session: Session) -> None:
    answer = browser.send("dev.orders/Ordered", data='{"order_id": 7}')
    assert answer.status_code == 400
    assert "order_id: Input should be a valid string" in text_of(answer)
    assert not session.local.bus.sent


def test_a_failure_is_shown_with_what_was_logged_and_its_traceback(
    browser: Browser, session: Session, clock: Clock
) -> None:
    answer = browser.send("dev.orders/Ordered", data='{"order_id": "broken"}')
    session.settle(clock.advance)
    told = text_of(browser.part(str(answer.url)))
    assert "ValueError: cannot be" in told
    assert "Traceback (most recent call last)" in told
    assert "stock/handler.py:" in told
    overview = text_of(browser.part("/"))
    assert "stock: 1 in its DLQ" in overview


def test_an_event_is_edited_and_sent_again(browser: Browser, session: Session, clock: Clock) -> None:
    browser.send("dev.orders/Ordered", data='{"order_id": "unknown", "total": 77}')
    [sent] = session.local.bus.sent
    page = browser.get("/send", params={"event": sent.name, "of": sent.event_id})
    assert 'name="field.total" value="77"' in page.text
    assert 'name="field.order_id" value="unknown"' in page.text


def test_what_waits_for_another_try_has_it_at_once(browser: Browser, session: Session, clock: Clock) -> None:
    browser.send("dev.orders/Ordered", data='{"order_id": "busy", "total": 1}')
    assert session.step()
    assert not session.step()
    assert "Waiting 1" in text_of(browser.part("/send"))
    assert browser.post("/send/hurry").status_code == 200
    assert session.step()
    assert "Waiting" not in text_of(browser.part("/send"))


def test_a_dead_letter_is_looked_at_and_redriven(
    browser: Browser, session: Session, project: Project, clock: Clock
) -> None:
    browser.send("dev.orders/Ordered", data='{"order_id": "unknown", "total": 1}')
    session.settle(clock.advance)
    assert "1 of about 1 messages seen" in text_of(browser.part("/d/stock"))
    [dead] = session.local.workers["stock"].dead.messages()
    assert "no such article" in text_of(browser.get(f"/d/stock/m/{dead.message_id}?body"))
    handler = project.services / "stock" / "handler.py"
    handler.write_text(STOCK_PY.replace('"unknown"', '"other"'), encoding="utf-8")
    session.reload()
    answer = browser.post("/d/stock/redrive", rate="20/s", step="apply", why="mended", expected="1")
    assert answer.url.path.startswith("/o/"), text_of(answer)
    for work in browser.console.works:
        work.join(60)
    session.settle(clock.advance)
    assert not session.local.workers["stock"].dead.messages()
    assert "stock ● handled" in text_of(browser.part(f"/e/{session.local.bus.sent[0].event_id}"))


@pytest.mark.parametrize("path", ["/", "/w/stock", "/w/stock/outcomes", "/o", "/c", "/why", "/r", "/send"])
def test_every_page_is_there(browser: Browser, path: str) -> None:
    assert browser.get(path).status_code == 200
    assert browser.part(path).status_code == 200


def test_the_pages_know_a_worker_that_was_just_declared(browser: Browser, session: Session, project: Project) -> None:
    folder = project.services / "late"
    folder.mkdir()
    (folder / "worker.yaml").write_text(BILLING, encoding="utf-8")
    (folder / "handler.py").write_text((project.services / "billing" / "handler.py").read_text(), encoding="utf-8")
    session.reload()
    assert browser.get("/w/late").status_code == 200


def test_nobody_is_let_in_without_the_token(browser: Browser) -> None:
    assert browser.ask("GET", "/send", cookie=False).status_code == 401


def test_an_example_is_a_golden_events_else_what_the_schema_allows(project: Project, local: Local) -> None:
    contract = contract_of("dev.orders/Ordered")
    assert example(contract, project.golden) == {"order_id": ""}
    kept = project.golden / "dev.orders" / "Ordered.v1.plain.json"
    kept.parent.mkdir(parents=True)
    kept.write_text(json.dumps(eventbridge_event(wrap(contract.from_input({"order_id": "g", "total": 3})))))
    assert example(contract, project.golden) == {"order_id": "g", "total": 3}


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "string", "format": "date"}, "2026-01-31"),
        ({"type": "string", "minLength": 2}, "xx"),
        ({"type": "integer", "minimum": 1}, 1),
        ({"enum": ["a", "b"]}, "a"),
        ({"const": 5}, 5),
        ({"anyOf": [{"type": "boolean"}, {"type": "null"}]}, False),
        ({"type": "array", "items": {"type": "string"}, "minItems": 1}, [""]),
        ({"$ref": "#/$defs/It"}, {"n": 0}),
    ],
)
def test_a_sample_of_a_schema(schema: dict[str, Any], expected: object) -> None:
    root = {"$defs": {"It": {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}}}
    assert sample(root, schema) == expected
