"""What a request held is free once it is over: by reference counts, without waiting for the cycle collector, which may
come late. An answer's body of 20 MB that a departed client left behind would wait for it too.
"""

import asyncio
import gc
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from weakref import WeakSet

import pytest

from fanout_router.adapter.asgi import AsgiApplication
from fanout_router.adapter.call import Application
from fanout_router.adapter.wsgi import WsgiApplication
from fanout_router.messages import CANCEL, pack
from fanout_router.wire import frames
from tests.unit.fanout_router.adapter.support import FakeSession, Message, Receive, Send, settle
from tests.unit.fanout_router.adapter.test_websocket import Browser
from tests.unit.fanout_router.support import no_collector

Play = Callable[[FakeSession], Awaitable[None]]
_REQUESTS = 5
_KINDS = {"Call", "_Exchange", "WebSocket", "Task"}


class Held:
    """Stands for what an app holds while it serves a request."""


held: WeakSet[Held] = WeakSet()


def hold() -> Held:
    made = Held()
    held.add(made)
    return made


async def download(_scope: Message, _receive: Receive, send: Send) -> None:
    _kept = hold()
    await send({"type": "http.response.start", "status": 200})
    await send({"type": "http.response.body", "body": bytes(3_000_000)})


async def upload(_scope: Message, receive: Receive, send: Send) -> None:
    _kept = hold()
    await send({"type": "http.response.start", "status": 200})
    more = True
    while more:
        message = await receive()
        more = message.get("more_body", False)
        await send({"type": "http.response.body", "body": message.get("body", b""), "more_body": more})


async def crash(_scope: Message, _receive: Receive, _send: Send) -> None:
    _kept = hold()
    raise RuntimeError("crash")


async def listen(_scope: Message, receive: Receive, send: Send) -> None:
    """As frameworks do: listen for the disconnect beside the answer."""
    _kept = hold()
    listening = asyncio.ensure_future(receive())
    try:
        await download({}, receive, send)
    finally:
        listening.cancel()


async def chat(_scope: Message, receive: Receive, send: Send) -> None:
    _kept = hold()
    await receive()
    await send({"type": "websocket.accept"})
    while (await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "bytes": bytes(1_000_000)})


def wsgi(_environ: object, start_response: Callable[..., object]) -> list[bytes]:
    _kept = hold()
    start_response("200 OK", [])
    return [bytes(100_000)]


async def answered(session: FakeSession) -> None:
    session.router.get()


async def left(session: FakeSession) -> None:
    session.router.credits = False
    session.router.get()
    await settle()
    session.router.cancel()


async def left_amid_upload(session: FakeSession) -> None:
    session.router.ask(b"POST / HTTP/1.1\r\nhost: a\r\n\r\n", b"a part", end=False)
    await settle()
    session.router.cancel()


async def reset(session: FakeSession) -> None:
    session.router.credits = False
    session.router.get()
    await settle()
    session.router.stream.reset(frames.CANCEL)


async def left_chat(session: FakeSession) -> None:
    browser = Browser(session)
    await settle()
    session.router.credits = False
    browser.raw(b"\x82\x81" + bytes(4) + b"x")
    await settle()
    session.router.stream.send(pack(CANCEL))


async def talked(session: FakeSession) -> None:
    browser = Browser(session)
    await settle()
    browser.raw(b"\x88\x82" + bytes(4) + b"\x03\xe8")  # a close, 1000
    await settle()
    assert (session.router.status, session.router.ends) == (101, 1)


CASES = [
    (AsgiApplication(download), answered),
    (AsgiApplication(download), left),
    (AsgiApplication(download), reset),
    (AsgiApplication(upload), left_amid_upload),
    (AsgiApplication(crash), answered),
    (AsgiApplication(listen), answered),
    (AsgiApplication(listen), left),
    (AsgiApplication(chat), left_chat),
    (AsgiApplication(chat), talked),
    (WsgiApplication(wsgi), answered),
    (WsgiApplication(wsgi), left),
]


@pytest.mark.parametrize(("app", "play"), CASES, ids=lambda value: getattr(value, "__name__", ""))
def test_nothing_of_a_request_outlives_it(app: Application, play: Play, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, "fanout_router.adapter.call")  # what is logged holds the error, and its frames

    async def run() -> None:
        before = counted()
        for _ in range(_REQUESTS):
            await one(app, play)
        await settle()
        assert not held, f"{len(held)} of {_REQUESTS} requests hold what their app held"
        assert counted() == before

    with no_collector():
        asyncio.run(run())


async def one(app: Application, play: Play) -> None:
    """One request in a session of its own, whose end the session's list is the only one to remember."""
    session = FakeSession(app)
    await play(session)
    await settle()
    await app.settle(5)
    await settle()
    session.counted.clear()


def counted() -> Counter[str]:
    """The objects of each kind that there are, reachable or not."""
    return Counter(type(each).__name__ for each in gc.get_objects() if type(each).__name__ in _KINDS)
