"""One invocation against routers of every kind: deaf, silent, hostile, gone. They are scripted, on loopback."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest

from fanout_router.adapter import session as session_module
from fanout_router.adapter.asgi import AsgiApplication
from fanout_router.adapter.session import Callback, Session
from fanout_router.errors import AdapterError, WireError
from fanout_router.messages import CANCEL, pack
from fanout_router.wire import Headers, ServerConnection, Stream, frames
from tests.unit.fanout_router.adapter.support import Message, Receive, RouterEnd, Send

CHANNELS = 2
SILENCE_S = 0.4


class FakeRouter(asyncio.Protocol):
    """A control port that does what a test tells it."""

    def __init__(self, status: bytes = b"200", *, deaf: bool = False) -> None:
        self._status = status
        self._deaf = deaf
        self.channels: list[RouterEnd] = []
        self.offered: list[Headers] = []
        self.goaways: list[int] = []
        self.pinged = 0
        self.lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.wire = ServerConnection(self, transport.write, asyncio.get_running_loop().time)
        if not self._deaf:
            self.wire.start()

    def data_received(self, data: bytes) -> None:
        if not self._deaf:
            self.pinged += data.count(b"adapter!")
            self.wire.receive(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True

    def stream_opened(self, stream: Stream, headers: Headers, end: bool) -> None:
        self.offered.append(headers)
        if self._status == b"200":
            stream.send_headers([(b":status", b"200")])
            self.channels.append(RouterEnd(stream))
        else:
            stream.handler = RouterEnd(stream)
            stream.send_headers([(b":status", self._status)], end=True)

    def ping_acknowledged(self, payload: bytes) -> None:
        """Not asked for."""

    def goaway_received(self, code: int) -> None:
        self.goaways.append(code)
        for channel in list(self.channels):
            channel.stream.send(b"", end=True)

    def connection_failed(self, error: WireError) -> None:
        raise error

    def let_go(self) -> None:
        """Close as a router does in order."""
        self.wire.goaway()
        for channel in self.channels:
            channel.stream.send(b"", end=True)


async def app(scope: Message, receive: Receive, send: Send) -> None:
    if scope["path"] == "/stand":
        await asyncio.sleep(3_600)
    while scope["path"] == "/deaf" and not OVER:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(0.001)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"ok"})


@asynccontextmanager
async def serving(router: FakeRouter, drain_after_s: float = 60) -> AsyncIterator[asyncio.Task[dict[str, Any]]]:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: router, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    order = {"version": 1, "environment": "web.1", "secret": "s", "address": f"http://127.0.0.1:{port}",
             "fingerprint": "", "channels": CHANNELS}  # fmt: skip
    try:
        yield asyncio.create_task(Session.run(AsgiApplication(app), Callback.parse(order), drain_after_s))
    finally:
        server.close()
        await asyncio.sleep(0.01)


async def until(check: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not check():
            await asyncio.sleep(0.001)


def play(
    router: FakeRouter,
    act: Callable[[FakeRouter, asyncio.Task[dict[str, Any]]], Awaitable[None]] | None = None,
    drain_after_s: float = 60,
) -> dict[str, Any]:
    """The summary of an invocation that a scripted router ends."""

    async def run() -> dict[str, Any]:
        async with serving(router, drain_after_s) as running:
            if act is not None:
                await act(router, running)
            return await asyncio.wait_for(running, 10)

    return asyncio.run(run())


OVER: list[bool] = []
"""Tells apps that ignore everything else to end."""


def test_a_channel_that_is_reset_is_replaced_until_as_many_calls_are_stuck() -> None:
    """GIVEN an app that ends no call WHEN as many channels are reset as there are THEN the session leaves."""
    router = FakeRouter()

    def opened(count: int) -> bool:
        return len(router.channels) == count

    async def act(router: FakeRouter, _running: asyncio.Task[dict[str, Any]]) -> None:
        for number in range(CHANNELS):
            await until(partial(opened, CHANNELS + number))
            channel = router.channels[number]
            channel.ask(b"POST /deaf HTTP/1.1\r\nhost: a\r\n\r\n")
            channel.stream.reset(frames.CANCEL)
        await until(lambda: router.goaways)
        OVER.append(True)

    summary = play(router, act)
    assert (summary["reason"], summary["cancelled"]) == ("stuck", CHANNELS)
    assert len(router.offered) == 2 * CHANNELS - 1


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pings every 10 ms; silence after a time that is short for a test, and long for a busy machine."""
    monkeypatch.setattr(session_module, "PING_EVERY_S", 0.01)
    monkeypatch.setattr(session_module, "SILENCE_S", SILENCE_S)


@pytest.mark.parametrize("status", [b"305", b"400", b"401", b"404", b"409", b"500", b"503"])
def test_a_router_that_refuses_the_channels_ends_the_invocation_at_once(status: bytes) -> None:
    router = FakeRouter(status)
    summary = play(router)
    assert summary["reason"] == f"refused_{status.decode()}"
    assert len(router.offered) == CHANNELS  # and they are not offered again and again
    assert summary["served"] == 0


@pytest.mark.usefixtures("hurried")
def test_a_router_that_takes_the_connection_and_says_nothing_is_left() -> None:
    assert play(FakeRouter(deaf=True))["reason"] == "router_silent"


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("busy", [False, True])
def test_a_router_that_falls_silent_is_left_whether_channels_are_busy_or_not(busy: bool) -> None:
    async def fall_silent(router: FakeRouter, _running: object) -> None:
        await until(lambda: len(router.channels) == CHANNELS)
        if busy:
            router.channels[0].get("/stand")
        await until(lambda: router.pinged)
        router.data_received = lambda data: None  # type: ignore[method-assign]

    router = FakeRouter()
    assert play(router, fall_silent)["reason"] == "router_silent"
    assert router.lost


@pytest.mark.usefixtures("hurried")
def test_pings_that_are_answered_keep_an_idle_environment() -> None:
    async def wait_then_ask(router: FakeRouter, running: asyncio.Task[dict[str, Any]]) -> None:
        loop = asyncio.get_running_loop()
        enough = loop.time() + 1.5 * SILENCE_S
        await until(lambda: running.done() or loop.time() > enough)
        assert not running.done()
        assert router.pinged
        router.channels[0].get()
        await until(lambda: router.channels[0].ends)
        router.let_go()

    summary = play(FakeRouter(), wait_then_ask)
    assert (summary["served"], summary["reason"]) == (1, "drained")


def test_at_its_deadline_an_environment_says_so_and_finishes_what_it_has() -> None:
    router = FakeRouter()
    summary = play(router, drain_after_s=0.05)
    assert router.goaways == [0]
    assert summary["reason"] == "deadline"


def test_no_ping_is_needed_to_see_the_deadline() -> None:
    async def nothing(router: FakeRouter, _running: object) -> None:
        await until(lambda: router.goaways)

    router = FakeRouter()
    play(router, nothing, drain_after_s=0.02)
    assert router.pinged == 0


def test_a_router_that_goes_away_amid_a_call_cancels_it() -> None:
    async def go(router: FakeRouter, _running: object) -> None:
        await until(lambda: len(router.channels) == CHANNELS)
        router.channels[0].get("/stand")
        await asyncio.sleep(0.01)
        router.transport.abort()

    assert play(FakeRouter(), go)["reason"] == "router_lost"


def test_a_cancellation_without_a_call_is_confirmed() -> None:
    async def cancel(router: FakeRouter, _running: object) -> None:
        await until(lambda: len(router.channels) == CHANNELS)
        router.channels[0].stream.send(pack(CANCEL))
        await until(lambda: router.channels[0].signals)
        router.let_go()

    router = FakeRouter()
    assert play(router, cancel)["reason"] == "drained"
    assert router.channels[0].signals == [CANCEL]


def test_a_router_that_breaks_http2_is_left_with_the_reason() -> None:
    async def babble(router: FakeRouter, _running: object) -> None:
        await until(lambda: router.channels)
        router.transport.write(frames.frame(frames.PING, 0, 0, b"short"))

    assert play(FakeRouter(), babble)["reason"] == "wire_error_0x6"


def test_the_order_of_a_router_that_is_gone_fails_and_says_where_it_was() -> None:
    async def run() -> None:
        server = await asyncio.get_running_loop().create_server(FakeRouter, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        server.close()
        order = {"version": 1, "environment": "e", "secret": "s", "address": f"http://127.0.0.1:{port}",
                 "fingerprint": "", "channels": 1}  # fmt: skip
        await Session.run(AsgiApplication(app), Callback.parse(order), 60)

    with pytest.raises(AdapterError, match=r"no router at 127\.0\.0\.1"):
        asyncio.run(run())
