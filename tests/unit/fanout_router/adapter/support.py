"""The environment's end of a channel, with a router that a test scripts; no sockets."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from fanout_router.adapter.asgi import AsgiApplication
from fanout_router.adapter.call import Application, Call
from fanout_router.adapter.channel import AdapterChannel
from fanout_router.adapter.session import Session
from fanout_router.messages import BODY, CANCEL, END, FAILED, HEAD, MessageReader, pack
from fanout_router.wire import ClientConnection, Headers, Stream
from tests.unit.fanout_router.wire.support import REQUEST, connected

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class RouterEnd(MessageReader):
    """What the router sees of the channel."""

    def __init__(self, stream: Stream) -> None:
        super().__init__()
        self.stream = stream
        self.heads: list[bytes] = []
        self.body = b""
        self.ends = 0
        self.signals: list[int] = []
        self.credits = True
        self.closed: int | None = None
        stream.handler = self

    def ask(self, head: bytes, body: bytes | None = None, *, end: bool = True) -> None:
        """Send a request."""
        messages = pack(HEAD | (END if body is None and end else 0), head)
        if body is not None:
            messages += pack(BODY | (END if end else 0), body)
        self.stream.send(messages)

    def get(self, target: str = "/", *fields: str) -> None:
        lines = [f"GET {target} HTTP/1.1", "host: shop.example", *fields]
        self.ask("\r\n".join(lines).encode() + b"\r\n\r\n")

    def cancel(self) -> None:
        """Give the request up; what credit was withheld is returned, as the router does."""
        self.stream.send(pack(CANCEL))
        self.credits = True
        self.stream.credit()

    def headers_received(self, headers: Headers, end: bool) -> None:
        pass

    def data_received(self, data: bytes | memoryview, end: bool) -> None:
        self.feed(data)
        if self.credits:
            self.stream.credit()

    def stream_drained(self) -> None:
        pass

    def stream_closed(self, code: int) -> None:
        self.closed = code

    def head_received(self, head: bytes, end: bool, alone: bool) -> None:
        self.heads.append(head)
        self.ends += end

    def body_received(self, data: bytes | memoryview, end: bool) -> None:
        self.body += bytes(data)
        self.ends += end

    def signal_received(self, signal: int) -> None:
        self.signals.append(signal)

    @property
    def status(self) -> int:
        return int(self.heads[-1].split()[1])

    @property
    def failed(self) -> bool:
        return FAILED in self.signals


class FakeSession(Session):
    """A session without a transport."""

    def __init__(self, app: Application) -> None:
        self.app = app
        self.server, client, _ = connected()
        self.wire: ClientConnection = client
        self.counted: list[tuple[Call, bool]] = []
        self.abandoned: set[Call] = set()
        self.closed_peers: list[tuple[AdapterChannel, bool]] = []
        self.refusals: list[str] = []
        self.peer = AdapterChannel(self)
        theirs = self.server.connection.streams[1]
        self.router = RouterEnd(theirs)
        theirs.send_headers([(b":status", b"200")])

    def open_stream(self, peer: AdapterChannel) -> Stream:
        return self.wire.open_stream([*REQUEST], peer)

    def channel_closed(self, peer: AdapterChannel, *, reopen: bool) -> None:
        self.closed_peers.append((peer, reopen))

    def refused(self, status: str) -> None:
        self.refusals.append(status)

    def count(self, call: Call, failed: bool) -> None:
        self.counted.append((call, failed))


def asgi(app: Callable[[Message, Receive, Send], Awaitable[None]]) -> FakeSession:
    """A session that serves an ASGI app."""
    return FakeSession(AsgiApplication(app))


async def settle() -> None:
    """Let the event loop run until nothing is left to do at once."""
    for _ in range(100):
        await asyncio.sleep(0)
