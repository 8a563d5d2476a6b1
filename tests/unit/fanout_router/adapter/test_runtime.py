"""Entry points: which app, which event, which order."""

import asyncio
import io
import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from fanout_router.adapter import Runtime, adapt, load, serve
from fanout_router.adapter.asgi import AsgiApplication
from fanout_router.adapter.runtime import main
from fanout_router.adapter.session import Callback
from fanout_router.adapter.wsgi import WsgiApplication, environ
from fanout_router.errors import AdapterError
from fanout_router.invokers.base import UNLOADABLE
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


URL_EVENT: dict[str, Any] = {
    "rawPath": "/",
    "headers": {},
    "requestContext": {"http": {"method": "GET"}},
}


def test_a_task_of_the_app_that_exits_takes_nobody_with_it() -> None:
    """GIVEN an app whose own task calls sys.exit WHEN a request is served meanwhile THEN it is served."""

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        asyncio.get_running_loop().call_soon(sys.exit, 3)
        await asyncio.sleep(0.01)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"served"})

    runtime = Runtime(adapt(app))
    assert runtime.handle(URL_EVENT, None)["statusCode"] == 200
    assert not runtime.stuck
    runtime.close()


def test_background_tasks_run_before_a_direct_invocation_returns() -> None:
    done = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"served"})
        await asyncio.sleep(0.01)
        done.append(True)

    runtime = Runtime(adapt(app))
    assert runtime.handle(URL_EVENT, None)["statusCode"] == 200
    assert done == [True]
    runtime.close()


class Context:
    """A Lambda context."""

    def get_remaining_time_in_millis(self) -> int:
        return 1_050


def test_an_app_that_cannot_be_ended_makes_its_environment_be_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """GIVEN an app that ignores its cancellation WHEN its session is over THEN the handler exits."""
    released = []

    class Stubborn(AsgiApplication):
        async def settle(self, patience_s: float) -> int:
            released.append(patience_s)
            return 1

    async def over(*arguments: Any) -> dict[str, Any]:
        return {"served": 1}

    monkeypatch.setattr("fanout_router.adapter.session.Session.run", over)
    handler = serve(Stubborn(asgi_app))
    with pytest.raises(SystemExit):
        handler({"dispatch": ORDER}, Context())
    assert 0 < released[0] < 0.06


def test_an_app_whose_server_is_gone_is_started_again() -> None:
    class Fragile(AsgiApplication):
        starts = 0

        async def startup(self) -> None:
            self.starts += 1
            self.ended = False

    app = Fragile(asgi_app)
    runtime = Runtime(app)
    app.ended = True
    runtime.handle({"heartbeat": True}, None)
    assert app.starts == 2
    runtime.close()


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("syntax", "def app(", "SyntaxError"),
        ("raises", "raise KeyError('DATABASE_URL')", "KeyError: 'DATABASE_URL'"),
        ("imports", "import no_such_thing", "No module named 'no_such_thing'"),
        ("exits", "raise SystemExit(5)", "SystemExit: 5"),
        ("nothing", "", "has no 'app'"),
    ],
)
def test_an_app_that_cannot_be_loaded_is_told_by_its_traceback(
    name: str, text: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / f"unloadable_{name}.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    assert main([f"unloadable_{name}:app"]) == UNLOADABLE
    assert said in capfd.readouterr().err
