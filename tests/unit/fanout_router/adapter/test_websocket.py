"""WebSocket for ASGI apps: a wsproto client behind a scripted router."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wsproto import ConnectionType
from wsproto.connection import Connection
from wsproto.events import BytesMessage, CloseConnection, Event, Ping, Pong, TextMessage
from wsproto.extensions import PerMessageDeflate

from fanout_router.adapter import websocket as module
from fanout_router.adapter.asgi import AsgiApplication
from fanout_router.adapter.websocket import WebSocketLimits
from fanout_router.messages import BODY, CANCEL, END, pack
from tests.unit.fanout_router.adapter.support import FakeSession, Message, Receive, Send, asgi, settle

KEY = "dGhlIHNhbXBsZSBub25jZQ=="  # RFC 6455 section 1.3
HANDSHAKE = ("connection: upgrade", "upgrade: websocket", "sec-websocket-version: 13", f"sec-websocket-key: {KEY}")
App = Callable[[Message, Receive, Send], Awaitable[None]]


class Browser:
    """The client's end of the tunnel."""

    def __init__(self, session: FakeSession, *fields: str) -> None:
        self.session = session
        self.link = Connection(ConnectionType.CLIENT)
        self._read = 0
        lines = ["GET /ws?a=b HTTP/1.1", "host: shop.example", *(fields or HANDSHAKE)]
        session.router.ask("\r\n".join(lines).encode() + b"\r\n\r\n", end=False)

    def raw(self, data: bytes) -> None:
        self.session.router.stream.send(pack(BODY, data))

    def say(self, *events: Event) -> None:
        for event in events:
            self.raw(self.link.send(event))

    def heard(self) -> list[Event]:
        """What has come since the last call."""
        body = self.session.router.body
        self.link.receive_data(body[self._read :])
        self._read = len(body)
        return list(self.link.events())

    @property
    def fields(self) -> dict[str, str]:
        lines = self.session.router.heads[-1].decode().split("\r\n")[1:-2]
        return dict(line.split(": ", 1) for line in lines)


def played(app: App, play: Callable[[FakeSession], Awaitable[Any]]) -> FakeSession:
    async def run() -> FakeSession:
        session = asgi(app)
        await play(session)
        await settle()
        return session

    return asyncio.run(run())


async def echo(scope: Message, receive: Receive, send: Send) -> None:
    assert (await receive())["type"] == "websocket.connect"
    await send({"type": "websocket.accept", "subprotocol": (scope["subprotocols"] or [None])[0]})
    while (message := await receive())["type"] == "websocket.receive":
        await send({**message, "type": "websocket.send"})


def test_the_handshake_and_messages_both_ways() -> None:
    scopes: list[Message] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        scopes.append(scope)
        await echo(scope, receive, send)

    async def play(session: FakeSession) -> None:
        browser = Browser(session, *HANDSHAKE, "sec-websocket-protocol: chat, other", "x-forwarded-proto: https")
        await settle()
        assert session.router.status == 101
        assert browser.fields["sec-websocket-accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        assert browser.fields["sec-websocket-protocol"] == "chat"
        browser.say(TextMessage("hé"), BytesMessage(b"\0\xff"), TextMessage("par", message_finished=False))
        browser.say(TextMessage("ts"))
        await settle()
        assert browser.heard() == [TextMessage("hé"), BytesMessage(bytearray(b"\0\xff")), TextMessage("parts")]
        browser.say(CloseConnection(1001, "bye"))
        await settle()
        (answer,) = browser.heard()
        assert isinstance(answer, CloseConnection)
        assert answer.code == 1001

    session = played(app, play)
    assert session.router.ends == 1
    assert not session.router.failed
    (scope,) = scopes
    assert (scope["type"], scope["scheme"], scope["path"]) == ("websocket", "wss", "/ws")
    assert (scope["query_string"], scope["subprotocols"]) == (b"a=b", ["chat", "other"])
    assert "method" not in scope


@pytest.mark.parametrize("chunk", [1, 3])
def test_frames_may_come_in_pieces(chunk: int) -> None:
    async def play(session: FakeSession) -> None:
        browser = Browser(session)
        await settle()
        data = browser.link.send(TextMessage("hello")) + browser.link.send(TextMessage("again"))
        for start in range(0, len(data), chunk):
            browser.raw(data[start : start + chunk])
        await settle()
        heard = browser.heard()
        assert "".join(event.data for event in heard if isinstance(event, TextMessage)) == "helloagain"

    played(echo, play)


@pytest.mark.parametrize(("code", "expected"), [(1000, 1000), (4_001, 4_001), (None, 1005)])
def test_the_app_sees_the_clients_close(code: int | None, expected: int) -> None:
    seen: list[Message] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        seen.append(await receive())
        seen.append(await receive())  # and it stays so

    async def play(session: FakeSession) -> None:
        browser = Browser(session)
        await settle()
        if code is None:
            browser.raw(b"\x88\x80\0\0\0\0")
        else:
            browser.say(CloseConnection(code, "why"))
        await settle()

    session = played(app, play)
    assert [(m["type"], m["code"]) for m in seen] == [("websocket.disconnect", expected)] * 2
    assert session.router.ends == 1


def test_an_environment_that_shuts_down_says_that_it_goes_away() -> None:
    browsers: list[Browser] = []

    async def play(session: FakeSession) -> None:
        browsers.append(Browser(session))
        await settle()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()

    assert played(echo, play).router.ends == 1
    (close,) = browsers[0].heard()
    assert isinstance(close, CloseConnection)
    assert close.code == 1001


def test_the_app_closes_and_the_client_answers() -> None:
    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept", "headers": [(b"x-a", b"1")]})
        await send({"type": "websocket.close", "code": 4_000, "reason": "enough"})

    async def play(session: FakeSession) -> None:
        browser = Browser(session)
        await settle()
        assert browser.fields["x-a"] == "1"
        (close,) = browser.heard()
        assert close == CloseConnection(4_000, "enough")
        assert session.router.ends == 0  # the client's answer is waited for
        assert isinstance(close, CloseConnection)
        browser.say(close.response())
        await settle()

    assert played(app, play).router.ends == 1


def test_a_client_that_does_not_answer_the_close_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WebSocketLimits", lambda: WebSocketLimits(close_timeout=0.01))

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})

    async def play(session: FakeSession) -> None:
        browser = Browser(session)
        await settle()
        (close,) = browser.heard()
        assert isinstance(close, CloseConnection)
        assert close.code == 1000
        await until(lambda: session.router.ends)

    played(app, play)


async def until(check: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not check():
            await asyncio.sleep(0.001)


def test_an_app_that_raises_closes_with_1011_or_500() -> None:
    async def late(scope: Message, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        raise RuntimeError("crash")

    async def early(scope: Message, receive: Receive, send: Send) -> None:
        raise RuntimeError("crash")

    async def play_late(session: FakeSession) -> None:
        browser = Browser(session)
        await settle()
        (close,) = browser.heard()
        assert isinstance(close, CloseConnection)
        assert close.code == 1011
        browser.say(close.response())

    async def play_early(session: FakeSession) -> None:
        Browser(session)

    assert played(late, play_late).router.ends == 1
    assert played(early, play_early).router.status == 500


def test_an_app_may_decline_with_403_or_a_response_of_its_own() -> None:
    async def plain(scope: Message, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.close"})

    async def own(scope: Message, receive: Receive, send: Send) -> None:
        await receive()
        assert "websocket.http.response" in scope["extensions"]
        await send({"type": "websocket.http.response.start", "status": 401, "headers": [(b"x-why", b"login")]})
        await send({"type": "websocket.http.response.body", "body": b"log ", "more_body": True})
        await send({"type": "websocket.http.response.body", "body": b"in"})

    async def play(session: FakeSession) -> None:
        Browser(session)

    assert played(plain, play).router.status == 403
    session = played(own, play)
    assert (session.router.status, session.router.body) == (401, b"log in")


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        (HANDSHAKE[:2], 426),
        ((*HANDSHAKE[:2], "sec-websocket-version: 12", HANDSHAKE[3]), 426),
        (HANDSHAKE[:3], 400),
        ((*HANDSHAKE[:3], "sec-websocket-key: abc"), 400),
        ((*HANDSHAKE[:3], "sec-websocket-key: !!"), 400),
    ],
)
def test_a_handshake_that_is_none_never_reaches_the_app(fields: tuple[str, ...], status: int) -> None:
    async def app(scope: Message, receive: Receive, send: Send) -> None:
        raise AssertionError("the app was asked")

    async def play(session: FakeSession) -> None:
        browser = Browser(session, *fields)
        await settle()
        assert (browser.fields.get("sec-websocket-version") == "13") is (status == 426)

    session = played(app, play)
    assert (session.router.status, session.router.ends) == (status, 1)


def test_a_message_beyond_the_limit_closes_with_1009() -> None:
    async def play(session: FakeSession) -> None:
        browser = Browser(session)
        await settle()
        for _ in range(5):
            browser.say(BytesMessage(b"x" * 250_000, message_finished=False))
            await settle()
        closes = [event for event in browser.heard() if isinstance(event, CloseConnection)]
        assert [close.code for close in closes] == [1009]

    assert played(echo, play).router.ends == 1


def test_frames_that_are_none_close_with_1002() -> None:
    async def play(session: FakeSession) -> None:
        browser = Browser(session)
        await settle()
        browser.raw(b"\x81\x05hello")  # not masked
        await settle()
        (close,) = browser.heard()
        assert isinstance(close, CloseConnection)
        assert close.code == 1002

    assert played(echo, play).router.ends == 1


def test_pings_are_answered_while_the_app_is_at_work() -> None:
    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await asyncio.Event().wait()

    async def play(session: FakeSession) -> None:
        browser = Browser(session)
        await settle()
        browser.say(Ping(b"are you there"))
        await settle()
        assert browser.heard() == [Pong(b"are you there")]
        session.router.cancel()
        await settle()
        assert session.router.signals == [CANCEL]  # at once, whatever the app does
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()

    played(app, play)


def test_a_client_without_a_sign_of_life_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WebSocketLimits", lambda: WebSocketLimits(ping_every=0.01))
    seen: list[Message] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        seen.append(await receive())

    async def play(session: FakeSession) -> None:
        browser = Browser(session)
        await until(lambda: session.router.ends)
        assert Ping() in browser.heard()

    played(app, play)
    assert seen[0]["code"] == 1006


def test_a_client_that_leaves_is_told_to_the_app_and_confirmed() -> None:
    seen: list[Message] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        seen.append(await receive())

    async def play(session: FakeSession) -> None:
        Browser(session)
        await settle()
        session.router.cancel()

    session = played(app, play)
    assert seen == [{"type": "websocket.disconnect", "code": 1006, "reason": ""}]
    assert session.router.signals == [CANCEL]


def test_an_app_that_lags_behind_holds_the_client_back() -> None:
    released = asyncio.Event()

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await released.wait()
        count = 0
        while (await receive())["type"] == "websocket.receive":
            count += 1
            if count == 100:
                await send({"type": "websocket.send", "text": "all"})

    async def play(session: FakeSession) -> None:
        browser = Browser(session)
        await settle()
        for _ in range(100):
            browser.say(BytesMessage(b"x" * 10_000))
            await settle()
        assert session.router.stream.pending  # it waits at the router
        released.set()
        await settle()
        await settle()
        assert browser.heard() == [TextMessage("all")]
        browser.say(CloseConnection(1000))

    played(app, play)


def test_an_app_that_sends_waits_for_a_slow_client() -> None:
    sent = 0

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        nonlocal sent
        await receive()
        await send({"type": "websocket.accept"})
        for _ in range(100):
            await send({"type": "websocket.send", "bytes": b"x" * 10_000})
            sent += 1

    async def play(session: FakeSession) -> None:
        session.router.credits = False
        Browser(session)
        await settle()
        assert sent < 40
        session.router.credits = True
        session.router.stream.credit()
        await until(lambda: sent == 100)
        session.router.cancel()

    played(app, play)


@pytest.mark.parametrize(
    "message", [{"type": "websocket.send", "text": "x"}, {"type": "http.response.start", "status": 200}]
)
def test_what_asgi_does_not_allow_is_an_error_of_the_app(message: Message) -> None:
    async def app(scope: Message, receive: Receive, send: Send) -> None:
        with pytest.raises(RuntimeError, match="unexpected ASGI message"):
            await send(message)
        raise RuntimeError("so it ends")

    async def play(session: FakeSession) -> None:
        Browser(session)

    assert played(app, play).router.status == 500


def test_without_wsproto_it_is_501_and_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "fanout_router.adapter.websocket", None)

    async def play(session: FakeSession) -> None:
        Browser(session)

    assert played(echo, play).router.status == 501
    assert "extra websocket" in caplog.text


def test_a_tunnel_that_ends_without_a_close_is_abnormal() -> None:
    async def play(session: FakeSession) -> None:
        Browser(session)
        await settle()
        session.router.stream.send(pack(BODY | END))

    session = played(echo, play)
    assert session.router.ends == 1
    assert isinstance(session.app, AsgiApplication)


_FRAMES = st.builds(
    lambda first, mask, size, payload: bytes([first, mask | size]) + payload,
    st.sampled_from([0x81, 0x82, 0x01, 0x02, 0x80, 0x00, 0x88, 0x89, 0x8A, 0xC1, 0x83, 0x8F]),
    st.sampled_from([0x80, 0x80, 0x80, 0x00]),
    st.integers(0, 127),
    st.binary(max_size=12),
)


@given(st.lists(_FRAMES | st.binary(max_size=20), max_size=8))
@settings(max_examples=200, deadline=None)
def test_whatever_a_client_sends_the_channel_goes_on(pieces: list[bytes]) -> None:
    async def play(session: FakeSession) -> None:
        Browser(session)
        await settle()
        for piece in pieces:
            session.router.stream.send(pack(BODY, piece))  # an exception here would cost the environment its connection
            await settle()
        session.router.stream.send(pack(BODY | END))
        await settle()
        session.router.get("/next")
        await settle()

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await echo(scope, receive, send)
        else:
            await send({"type": "http.response.start", "status": 204, "headers": []})
            await send({"type": "http.response.body"})

    session = played(app, play)
    assert session.router.status == 204
    assert session.router.ends == 2


DEFLATE = "sec-websocket-extensions: permessage-deflate; client_max_window_bits, permessage-deflate"


def compressing(session: FakeSession) -> Browser:
    """A browser whose offer of compression was taken, which :func:`agreed` completes."""
    return Browser(session, *HANDSHAKE, DEFLATE)


async def agreed(browser: Browser) -> PerMessageDeflate:
    await settle()
    answer = browser.fields["sec-websocket-extensions"]
    deflate = PerMessageDeflate()
    deflate.finalize(answer)
    browser.link = Connection(ConnectionType.CLIENT, extensions=[deflate])
    return deflate


def test_compression_is_used_when_the_client_offers_it() -> None:
    async def play(session: FakeSession) -> None:
        browser = compressing(session)
        await agreed(browser)
        text = "again and " * 10_000
        for _ in range(2):  # the second one builds on the context of the first
            browser.say(TextMessage(text))
        await settle()
        assert len(session.router.body) < len(text) // 10
        heard = [event.data for event in browser.heard() if isinstance(event, TextMessage)]
        assert "".join(heard) == text * 2

    played(echo, play)


@pytest.mark.parametrize(
    "offer",
    [
        "permessage-deflate; server_max_window_bits=99",
        "x-webkit-deflate-frame",
        "permessage-deflate; client_max_window_bits=x",
    ],
)
def test_an_offer_that_is_none_is_left(offer: str) -> None:
    async def play(session: FakeSession) -> None:
        browser = Browser(session, *HANDSHAKE, f"sec-websocket-extensions: {offer}")
        await settle()
        assert session.router.status == 101
        assert "sec-websocket-extensions" not in browser.fields
        browser.say(TextMessage("plain"))
        await settle()
        assert browser.heard() == [TextMessage("plain")]

    played(echo, play)


def test_a_message_that_inflates_beyond_the_limit_is_cut_where_it_passes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    inflated: list[int] = []
    inflate = PerMessageDeflate.frame_inbound_payload_data

    def counted(self: PerMessageDeflate, proto: Any, data: bytes) -> Any:
        payload = inflate(self, proto, data)
        inflated.append(len(payload) if isinstance(payload, bytes) else 0)
        return payload

    monkeypatch.setattr(PerMessageDeflate, "frame_inbound_payload_data", counted)

    async def play(session: FakeSession) -> None:
        browser = compressing(session)
        await agreed(browser)
        browser.say(BytesMessage(bytes(100_000_000)))
        await settle()
        (answer,) = browser.heard()
        assert isinstance(answer, CloseConnection)
        assert answer.code == 1009

    played(echo, play)
    assert WebSocketLimits().message < sum(inflated) < WebSocketLimits().message + 600_000
