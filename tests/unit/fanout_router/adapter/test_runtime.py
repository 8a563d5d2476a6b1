"""Entry points: which app, which event, which order."""

import asyncio
import io
import json
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from fanout_router.adapter import Runtime, adapt, load
from fanout_router.adapter.asgi import AsgiApplication
from fanout_router.adapter.session import Callback
from fanout_router.adapter.wsgi import WsgiApplication, environ
from fanout_router.errors import AdapterError
from tests.unit.fanout_router.adapter.support import FakeSession, Message, Receive, Send

ORDER: dict[str, Any] = {
    "version": 1,
    "environment": "web.1",
    "secret": "s3cret",
    "address": "http://127.0.0.1:9",
    "fingerprint": "",
    "channels": 2,
}


async def asgi_app(scope: Message, receive: Receive, send: Send) -> None:
    raise RuntimeError("no lifespan")


class AsgiClass:
    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        raise RuntimeError("no lifespan")


def wsgi_app(environment: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    body = environment["wsgi.input"].read()
    start_response("201 Created", [("X-Len", str(len(body)))])
    yield b"got "
    yield body


def test_asgi_and_wsgi_are_told_apart() -> None:
    assert isinstance(adapt(asgi_app), AsgiApplication)
    assert isinstance(adapt(AsgiClass()), AsgiApplication)
    assert isinstance(adapt(wsgi_app), WsgiApplication)
    with pytest.raises(AdapterError, match="no app"):
        adapt(42)


def test_an_app_is_loaded_by_its_name() -> None:
    assert load("json:dumps") is json.dumps
    for name, said in [("json", "module:attribute"), ("no_such_module:x", "cannot be imported"), ("json:no", "has no")]:
        with pytest.raises(AdapterError, match=said):
            load(name)


def test_a_keep_warm_ping_is_answered_and_another_event_refused() -> None:
    runtime = Runtime(adapt(asgi_app))
    assert runtime.handle({"heartbeat": True}, None) == {"heartbeat": True}
    with pytest.raises(AdapterError, match="no order"):
        runtime.handle({"Records": []}, None)
    with pytest.raises(AdapterError, match="no router at"):
        runtime.handle({"dispatch": ORDER}, None)
    runtime.close()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"version": 2}, "version 2"),
        ({"secret": None, "channels": "many"}, "incomplete"),
        ({"address": "http://10.0.0.1:80"}, "plain text"),
        ({"address": "https://router.example:443"}, "fingerprint"),
    ],
)
def test_a_bad_order_is_refused(change: dict[str, Any], said: str) -> None:
    with pytest.raises(AdapterError, match=said) as refusal:
        Callback.parse({**ORDER, **change})
    assert "s3cret" not in str(refusal.value)


def test_the_secret_is_in_no_representation() -> None:
    assert "s3cret" not in repr(Callback.parse(ORDER))


def test_wsgi_gets_the_body_and_streams_its_answer() -> None:
    async def run() -> FakeSession:
        session = FakeSession(WsgiApplication(wsgi_app))
        session.router.ask(b"POST /p%20q?x=1 HTTP/1.1\r\nhost: a:80\r\ncontent-length: 4\r\n\r\n", b"body")
        while not session.router.ends:
            await asyncio.sleep(0.001)
        return session

    session = asyncio.run(run())
    assert session.router.heads[0].startswith(b"HTTP/1.1 201 Created\r\nx-len: 4\r\n")
    assert session.router.body == b"got body"


def test_a_wsgi_app_that_raises_is_500() -> None:
    def broken(environment: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        raise ValueError("trouble")

    async def run() -> FakeSession:
        session = FakeSession(WsgiApplication(broken))
        session.router.get()
        while not session.router.ends:
            await asyncio.sleep(0.001)
        return session

    assert asyncio.run(run()).router.status == 500


def test_wsgi_names_with_underscores_cannot_pose_as_others() -> None:
    session = FakeSession(WsgiApplication(wsgi_app))

    class Held:
        calls: list[Any] = []  # noqa: RUF012

        def handle(self, call: Any) -> None:
            self.calls.append(call)

    session.app = Held()  # type: ignore[assignment]
    session.router.get("/", "x-forwarded-for: 10.0.0.1", "x_forwarded_for: 6.6.6.6", "cookie: a", "cookie: b")
    found = environ(Held.calls[0], io.BytesIO())
    assert found["HTTP_X_FORWARDED_FOR"] == "10.0.0.1"
    assert found["REMOTE_ADDR"] == "10.0.0.1"
    assert "6.6.6.6" not in str(found)
