"""The page, files both ways, and the errors that any web app has."""

import asyncio
import re
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from hashlib import sha256
from typing import Any

import pytest
from starlette.requests import ClientDisconnect

from fanout import DeclarationError
from services.storefront import files
from services.storefront.app import create_app
from services.storefront.catalogue import CATALOGUE
from services.storefront.conftest import NOW, Time, Web, Workers, progress
from services.storefront.orders import new_order_id
from services.storefront.shop import Shop


def scope(method: str, path: str) -> dict[str, Any]:
    """Of an ASGI request."""
    found = {"type": "http", "asgi": {"version": "3.0", "spec_version": "2.4"}, "http_version": "1.1", "headers": []}
    return {**found, "method": method, "path": path, "raw_path": path.encode(), "query_string": b""}


def test_the_page_offers_every_article(web: Web) -> None:
    """GIVEN the catalogue WHEN the page is asked for THEN its form has every article, and what it refers to is
    there."""
    answer = web.get("/")

    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert re.findall(r'<option value="([^"]+)"', answer.text) == list(CATALOGUE)
    own = re.findall(r'(?:src|href)="(/[^"]+)"', answer.text)
    assert own == ["/static/storefront.css", "/static/storefront.js"]
    for path in own:
        file = web.get(path)
        assert file.status_code == 200
        assert web.get(path, headers={"if-none-match": file.headers["etag"]}).status_code == 304


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nothing", 404), ("GET", "/static/../app.py", 404), ("DELETE", "/orders", 405), ("GET", "/files", 405)],
)
def test_what_is_not_there_is_a_problem(web: Web, method: str, path: str, status: int) -> None:
    """GIVEN a path or method that the shop has not WHEN asked for THEN a JSON problem says so."""
    answer = web.request(method, path)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert answer.json()["status"] == status


def test_a_failure_of_the_shops_own_is_a_problem_without_its_inside(
    make_shop: Callable[[], Shop], workers: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """GIVEN a bug WHEN it is met THEN 500, the log has it, and the client learns nothing of it."""
    workers.answers = [LookupError("a secret")]
    answer = Web(make_shop, raises=False).get(f"/orders/{new_order_id(NOW)}")

    assert (answer.status_code, answer.headers["content-type"]) == (500, "application/problem+json")
    assert "secret" not in answer.text
    assert "a secret" in caplog.text


def test_an_upload_is_measured(web: Web) -> None:
    """GIVEN 3 MB in chunks WHEN uploaded THEN size and digest are told."""
    parts = [bytes([number]) * 100_000 for number in range(30)]

    async def chunks() -> AsyncIterator[bytes]:
        for part in parts:
            yield part

    whole = b"".join(parts)
    answer = web.post("/files", content=chunks())
    assert answer.json() == {"size": 3_000_000, "sha256": sha256(whole).hexdigest()}
    assert web.post("/files").json() == {"size": 0, "sha256": sha256().hexdigest()}


def test_an_upload_without_end_is_stopped(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    """GIVEN a file over the limit WHEN uploaded THEN 413."""
    monkeypatch.setattr(files, "MAX_UPLOAD_BYTES", 1_000)
    assert web.post("/files", content=b"x" * 1_000).status_code == 200
    assert web.post("/files", content=b"x" * 1_001).status_code == 413


def test_the_sample_is_as_its_digest_says(web: Web) -> None:
    """GIVEN the sample WHEN downloaded THEN it has 10 MB and the digest that was announced."""
    answer = web.get("/files/sample")

    assert int(answer.headers["content-length"]) == len(answer.content) == 10_000_000
    digest = b64encode(sha256(answer.content).digest()).decode()
    assert answer.headers["repr-digest"] == f"sha-256=:{digest}:"


def test_a_departed_watcher_is_looked_for_no_more(
    make_shop: Callable[[], Shop], workers: Workers, virtual: Time
) -> None:
    """GIVEN someone who watches an order that stands still WHEN they leave THEN nobody reads the tables for them, and
    another one may watch."""
    workers.answers = [progress("billing")]

    async def run() -> None:
        app, left = create_app(make_shop), asyncio.Event()
        path = f"/orders/{new_order_id(NOW)}/events"

        async def receive() -> dict[str, Any]:
            await left.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.body":
                left.set()
                raise OSError  # as ASGI 2.4 has a server tell it

        async with app.router.lifespan_context(app):
            with pytest.raises(ClientDisconnect):
                await app(scope("GET", path), receive, send)

        assert not app.state.watchers.open

    asyncio.run(run())
    assert virtual.now == NOW


def test_an_upload_that_breaks_off_is_no_failure_of_the_shops(
    make_shop: Callable[[], Shop], caplog: pytest.LogCaptureFixture
) -> None:
    """GIVEN a client that leaves in the middle of its upload WHEN that is seen THEN nothing is logged as a bug."""

    async def run() -> list[Any]:
        app, sent = create_app(make_shop), []
        arriving = [{"type": "http.request", "body": b"some", "more_body": True}, {"type": "http.disconnect"}]

        async def receive() -> Any:
            return arriving.pop(0)

        async def send(message: Any) -> None:
            sent.append(message)

        async with app.router.lifespan_context(app):
            await app(scope("POST", "/files"), receive, send)
        return sent

    assert asyncio.run(run())[0]["status"] == 400
    assert caplog.text == ""


def test_a_shop_without_a_bus_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """GIVEN an environment that names no bus WHEN the app starts THEN it says what is missing."""
    monkeypatch.delenv("FANOUT_BUS", raising=False)
    with pytest.raises(DeclarationError, match="FANOUT_BUS is not set"):
        Web(Shop.connect).get("/")
