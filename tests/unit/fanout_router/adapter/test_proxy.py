"""Servers in any language behind the adapter: a small scripted server on loopback stands for them."""

import asyncio
import functools
import socket
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from fanout_router.adapter import proxy as module
from fanout_router.adapter.proxy import ProxyApplication
from fanout_router.errors import AdapterError
from fanout_router.messages import BODY, END, REFUSED, pack
from tests.unit.fanout_router.adapter.support import FakeSession, settle

Server = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def until(check: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not check():
            await asyncio.sleep(0.001)


@asynccontextmanager
async def listening(server: Server) -> AsyncIterator[int]:
    """A server on a free port; its connections end with it."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await server(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    started = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield started.sockets[0].getsockname()[1]
    finally:
        started.close()
        await asyncio.sleep(0.02)


@asynccontextmanager
async def proxied(server: Server) -> AsyncIterator[FakeSession]:
    """A session whose app is a server behind the proxy."""
    async with listening(server) as port:
        app = ProxyApplication(port)
        try:
            yield FakeSession(app)
        finally:
            await app.shutdown()


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers each request with its start line and its body; counts the requests of the connection."""
    count = 0
    while True:
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        count += 1
        body = b""
        if b"transfer-encoding: chunked" in head:
            while size := int(await reader.readline(), 16):
                body += await reader.readexactly(size)
                await reader.readexactly(2)
            await reader.readexactly(2)
        elif b"content-length: " in head:
            body = await reader.readexactly(int(head.split(b"content-length: ")[1].split(b"\r\n")[0]))
        said = b"%d %b %b" % (count, head.split(b" http")[0], body)
        length = b"content-length: %d\r\n\r\n" % len(said)
        writer.write(b"HTTP/1.1 200 OK\r\nKeep-Alive: 5\r\nX-A: 1\r\n" + length + said)


def test_requests_pass_and_connections_are_used_again() -> None:
    async def run() -> None:
        async with proxied(echo) as session:
            for number in (1, 2, 3):
                session.router.body = b""
                session.router.get(f"/{number}")
                await until(lambda: session.router.body)
                assert session.router.body == b"%d get /%d " % (number, number)
            assert b"keep-alive" not in session.router.heads[0].lower()
            assert b"x-a: 1" in session.router.heads[0]

    asyncio.run(run())


@pytest.mark.parametrize("framing", ["content-length: 6\r\n", ""])
def test_bodies_pass_with_their_framing(framing: str) -> None:
    async def run() -> None:
        async with proxied(echo) as session:
            session.router.ask(f"POST / HTTP/1.1\r\nhost: a\r\n{framing}\r\n".encode(), b"abcdef")
            await until(lambda: session.router.ends)
            assert session.router.body == b"1 post / abcdef"

    asyncio.run(run())


@pytest.mark.parametrize(
    ("said", "failed"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\nto the end", False),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\nshort", True),
        (b"garbage\r\n\r\n", None),
        (b"", None),
    ],
)
def test_servers_that_end_their_connection(said: bytes, failed: bool | None) -> None:
    async def server(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(said)

    async def run() -> FakeSession:
        async with proxied(server) as session:
            session.router.get()
            await until(lambda: session.router.ends or session.router.signals)
        return session

    session = asyncio.run(run())
    assert session.router.status == (500 if failed is None else 200)
    assert session.router.failed is bool(failed)
    if failed is False:
        assert session.router.body == b"to the end"


def test_head_has_no_body_whatever_its_length_says() -> None:
    async def server(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n")
        await reader.read()

    async def run() -> None:
        async with proxied(server) as session:
            session.router.ask(b"HEAD / HTTP/1.1\r\nhost: a\r\n\r\n")
            await until(lambda: session.router.ends)
            assert b"content-length: 99" in session.router.heads[0]

    asyncio.run(run())


def test_a_cancelled_call_ends_its_connection() -> None:
    async def run() -> None:
        begun, ended = asyncio.Event(), asyncio.Event()

        async def server(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            begun.set()
            try:
                await reader.read()
            finally:
                ended.set()

        async with proxied(server) as session:
            session.router.get()
            await asyncio.wait_for(begun.wait(), 5)
            session.router.cancel()
            await asyncio.wait_for(ended.wait(), 5)
            assert session.router.signals

    asyncio.run(run())


def test_a_websocket_becomes_a_tunnel() -> None:
    async def server(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\nx: y\r\n\r\n")
        writer.write(b"got " + await reader.readexactly(4))

    async def run() -> FakeSession:
        async with proxied(server) as session:
            head = b"GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n"
            session.router.ask(head, end=False)
            await until(lambda: session.router.heads)
            session.router.stream.send(pack(BODY, b"ping"))
            await until(lambda: session.router.ends)
        return session

    session = asyncio.run(run())
    assert session.router.status == 101
    assert session.router.body == b"got ping"


def test_a_request_that_finds_nothing_at_the_port_goes_back_unread_and_the_session_ends() -> None:
    async def run() -> None:
        ended: list[bool] = []
        app = ProxyApplication(9)
        app.on_ended = lambda: ended.append(True)
        session = FakeSession(app)
        for _ in range(2):
            session.router.signals.clear()
            session.router.get()
            await until(lambda: session.router.signals)
            assert session.router.signals == [REFUSED]
        assert ended == [True]
        assert app.ended

    asyncio.run(run())


LISTENS = """
import socket, sys
with socket.create_server(("127.0.0.1", PORT)) as listening:
    while True:
        with listening.accept()[0] as taken:
            asked = taken.recv(65536)
            if b"GET /die" in asked:
                sys.exit(7)
            taken.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\nConnection: close\\r\\n\\r\\n")
"""


def test_a_server_that_dies_ends_the_session_and_is_started_again(tmp_path: Path) -> None:
    """GIVEN a server WHEN it dies THEN what it served fails, the rest goes back, and the next start brings it back."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    program = tmp_path / "server.py"
    program.write_text(LISTENS.replace("PORT", str(port)))

    async def run() -> None:
        app = ProxyApplication(port, f"{sys.executable} {program}")
        await app.startup()
        ended: list[bool] = []
        app.on_ended = lambda: ended.append(True)
        session = FakeSession(app)
        session.router.get("/die")
        await until(lambda: session.router.ends)
        assert session.router.status == 500
        await until(lambda: ended)
        session.router.get("/")
        assert session.router.signals == [REFUSED]
        await app.startup()
        session.router.get("/")
        await until(lambda: session.router.ends == 2)
        assert session.router.status == 200
        assert ended == [True]
        await app.shutdown()

    asyncio.run(run())


@pytest.mark.parametrize(
    "framing", [b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", b"Content-Length: 9\r\n\r\nhello"]
)
@pytest.mark.parametrize("abort", [True, False])
@pytest.mark.parametrize("kept", [b"close", b"keep-alive"])
def test_a_truncated_answer_is_not_passed_off_as_whole(framing: bytes, abort: bool, kept: bytes) -> None:
    async def server(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: %b\r\n" % kept + framing)
        await writer.drain()
        await asyncio.sleep(0.01)
        if abort:
            writer.transport.abort()

    async def run() -> None:
        async with proxied(server) as session:
            session.router.get()
            await until(lambda: session.router.failed)
            assert session.router.body == b"hello"
            assert not session.router.ends

    asyncio.run(run())


def test_a_connection_that_ends_its_answer_while_held_back_is_used_again() -> None:
    """GIVEN an answer whose last part has to wait for its client WHEN that has come THEN the connection is read on."""
    step = asyncio.Event()
    size: list[int] = []

    async def server(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (size[0] + 1_000) + bytes(size[0] - 1_000))
        await step.wait()
        writer.write(bytes(2_000))
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")
        await reader.read()

    async def run() -> None:
        async with proxied(server) as session:
            router = session.router
            size.append(router.stream.connection.limits.stream_window)
            router.credits = False
            router.get("/large")
            await until(lambda: len(router.body) > size[0] - 1_100)
            step.set()
            await until(lambda: session.counted)
            router.credits = True
            router.stream.credit()
            await until(lambda: router.ends == 1)
            router.get("/next")
            await until(lambda: router.ends == 2)
            assert router.status == 201

    asyncio.run(run())


def test_early_hints_pass_and_continue_does_not() -> None:
    async def server(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    async def run() -> None:
        async with proxied(server) as session:
            session.router.get()
            await until(lambda: session.router.ends)
            assert session.router.heads[0] == b"HTTP/1.1 103 Early Hints\r\nlink: </a.css>\r\n\r\n"
            assert session.router.heads[1].startswith(b"HTTP/1.1 200 OK\r\n")
            assert b"link" not in session.router.heads[1]

    asyncio.run(run())


@pytest.mark.parametrize("fields", [b"", b"content-length: %d\r\n"])
def test_a_server_that_does_not_read_holds_its_upload_back(fields: bytes) -> None:
    """GIVEN a server that reads nothing of an upload WHEN more comes THEN the router has to wait, until it reads."""
    reads = asyncio.Event()
    part, size = bytes(1 << 20), 64 << 20
    got = 0

    async def server(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal got
        head = await reader.readuntil(b"\r\n\r\n")
        await reads.wait()
        while b"chunked" in head and (length := int(await reader.readline(), 16)):
            got += len(await reader.readexactly(length))
            await reader.readexactly(2)
        if b"chunked" not in head:
            got = len(await reader.readexactly(size))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    async def run() -> None:
        async with proxied(server) as session:
            router = session.router
            length = fields % size if fields else b""
            router.ask(b"POST / HTTP/1.1\r\nhost: a\r\n%b\r\n" % length, part, end=False)
            sent = len(part)
            while sent < size and len(router.stream.pending or b"") < 4 << 20:
                router.stream.send(pack(BODY, part))
                sent += len(part)
                await settle()
            assert sent < size
            reads.set()
            while sent < size:
                await until(lambda: router.stream.pending is None)
                router.stream.send(pack(BODY, part))
                sent += len(part)
            router.stream.send(pack(BODY | END))
            await until(lambda: router.ends)
            assert (router.status, router.body, got) == (200, b"ok", size)

    asyncio.run(run())


@pytest.mark.parametrize("how", ["closed meanwhile", "settled", "idle for long"])
def test_a_connection_that_may_be_stale_is_not_used_for_what_cannot_be_repeated(
    how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """GIVEN a kept connection WHEN it is closed, may be frozen, or was idle for long THEN a POST takes another."""

    async def server(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        body = await reader.readexactly(1) if b"POST" in head else b"-"
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n" + body)
        if how != "closed meanwhile":
            await reader.read()

    async def run() -> None:
        async with proxied(server) as session:
            app = session.app
            assert isinstance(app, ProxyApplication)
            session.router.get()
            await until(lambda: session.router.ends)
            if how == "closed meanwhile":
                time.sleep(0.05)  # frozen: the end is there, and the loop has not seen it
            elif how == "settled":
                assert await app.settle(1) == 0
            else:
                monkeypatch.setattr(module, "KEPT_S", -1.0)
            session.router.ask(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\n\r\n", b"!")
            await until(lambda: session.router.ends == 2)
            assert (session.router.status, session.router.body) == (200, b"-!")

    asyncio.run(run())


@pytest.mark.parametrize(
    ("command", "said"),
    [("", "nothing healthy at 127.0.0.1:9/health"), (f"{sys.executable} -c 'raise SystemExit(3)'", "code 3")],
)
def test_a_server_that_never_answers_is_named(command: str, said: str) -> None:
    app = ProxyApplication(9, command, health_path="/health", health_timeout_s=5 if command else 0.2)

    async def run() -> None:
        try:
            await app.startup()
        finally:
            await app.shutdown()

    with pytest.raises(AdapterError, match=said):
        asyncio.run(run())


@pytest.mark.parametrize(("status", "healthy"), [(200, True), (404, True), (503, False)])
def test_health_is_waited_for(status: int, healthy: bool) -> None:
    async def server(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 %d X\r\ncontent-length: 0\r\n\r\n" % status)

    async def run() -> None:
        async with listening(server) as port:
            await ProxyApplication(port, health_timeout_s=0.3).startup()

    if healthy:
        asyncio.run(run())
    else:
        with pytest.raises(AdapterError):
            asyncio.run(run())


def test_health_may_come_late() -> None:
    # GIVEN a server that is unhealthy at first, then silent, then healthy
    asked: list[bytes] = []

    async def server(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readline())
        if len(asked) <= 3:
            writer.write(b"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n" if len(asked) < 3 else b"")
            return
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")

    async def run() -> None:
        async with listening(server) as port:
            await ProxyApplication(port, health_path="/up", health_timeout_s=5).startup()

    asyncio.run(run())
    assert asked == [b"GET /up HTTP/1.1\r\n"] * 4


def test_a_server_that_accepts_and_says_nothing_is_not_healthy() -> None:
    async def server(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async def run() -> None:
        async with listening(server) as port:
            await ProxyApplication(port, health_timeout_s=0.3).startup()

    with pytest.raises(AdapterError, match="nothing healthy"):
        asyncio.run(run())


def test_a_server_that_closes_after_each_response_serves_a_hundred() -> None:
    async def server(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")  # and it does not say that it closes

    async def run() -> FakeSession:
        async with proxied(server) as session:
            for _ in range(100):
                more = functools.partial(_answered_beyond, session, session.router.ends)
                session.router.get()
                await until(more)
        return session

    session = asyncio.run(run())
    assert session.router.body == b"ok" * 100
    assert not session.router.signals


def _answered_beyond(session: FakeSession, ends: int) -> bool:
    return session.router.ends > ends
