"""The front before scripted environments: real parser, dispatcher, channels and codec; no sockets, virtual
time.
"""

import asyncio
import re
from dataclasses import dataclass

from fanout_router.dispatcher import Dispatcher
from fanout_router.http import ClientProtocol, Front, FrontLimits, Route, RouteTable
from fanout_router.messages import BODY, END, HEAD, pack
from tests.unit.fanout_router.support import FakeEnvironment, FakePeer, Rig


class FakeTransport(asyncio.Transport):
    """Keeps what is written; says what was asked of it."""

    def __init__(self, peer: str = "192.0.2.7") -> None:
        super().__init__()
        self.written = bytearray()
        self.state = "open"
        self.paused = False
        self.half_closed = False
        self.peer = peer

    def get_extra_info(self, name: str, default: object = None) -> object:
        return (self.peer, 50_000) if name == "peername" else default

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert self.state == "open", "written after the end"
        self.written += data

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self.limit = high

    def pause_reading(self) -> None:
        assert not self.paused
        self.paused = True

    def resume_reading(self) -> None:
        assert self.paused
        self.paused = False

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.half_closed = True

    def is_closing(self) -> bool:
        return self.state != "open"

    def close(self) -> None:
        self.state = "closed"

    def abort(self) -> None:
        self.state = "aborted"


@dataclass
class Answer:
    """A response as a client reads it."""

    status: int
    fields: dict[str, str]
    body: bytes


class Client:
    """One client connection."""

    def __init__(self, front: Front, peer: str = "192.0.2.7") -> None:
        self.transport = FakeTransport(peer)
        self.protocol = ClientProtocol(front)
        self.protocol.connection_made(self.transport)

    def send(self, data: bytes, chunk: int = 0) -> None:
        for start in range(0, len(data), chunk or len(data) or 1):
            if self.transport.state == "open":
                self.protocol.data_received(data[start : start + (chunk or len(data))])

    def get(self, target: str = "/", *fields: str) -> None:
        lines = [f"GET {target} HTTP/1.1", "Host: shop.example", *fields]
        self.send("\r\n".join(lines).encode() + b"\r\n\r\n")

    def leave(self) -> None:
        self.transport.state = "closed"
        self.protocol.connection_lost(None)

    @property
    def raw(self) -> bytes:
        return bytes(self.transport.written)

    @property
    def ended(self) -> bool:
        """Whether the router sends no more: closed, or half-closed and lingering."""
        return self.transport.state != "open" or self.transport.half_closed

    def answers(self, *, head_only: bool = False) -> list[Answer]:
        """All responses read so far."""
        found, rest = [], self.raw
        while rest:
            head, _, rest = rest.partition(b"\r\n\r\n")
            lines = head.decode().split("\r\n")
            status = int(lines[0].split()[1])
            fields = {k.lower(): v for k, v in (line.split(": ", 1) for line in lines[1:])}
            body = b""
            if status >= 200 and not head_only:
                body, rest = _body(fields, rest)
            found.append(Answer(status, fields, body))
        return found

    def answer(self) -> Answer:
        """The one response."""
        (answer,) = self.answers()
        return answer


def _body(fields: dict[str, str], rest: bytes) -> tuple[bytes, bytes]:
    if "content-length" in fields:
        size = int(fields["content-length"])
        return rest[:size], rest[size:]
    if fields.get("transfer-encoding") != "chunked":
        return rest, b""
    body = b""
    while True:
        size_line, _, rest = rest.partition(b"\r\n")
        size = int(size_line, 16)
        body, rest = body + rest[:size], rest[size + 2 :]
        if not size:
            return body, rest


class FrontRig(Rig):
    """A front with one route and, unless told otherwise, one environment."""

    def __init__(
        self,
        *,
        channels: int = 8,
        trusted: tuple[str, ...] = (),
        limits: FrontLimits | None = None,
        **bounds: float,
    ) -> None:
        super().__init__(**bounds)
        routes = RouteTable([Route(name="web", dispatcher=self.dispatcher)])
        self.front = Front(routes, self.clock, limits, trusted)
        self.env: FakeEnvironment = self.environment(channels=channels)

    def client(self, peer: str = "192.0.2.7") -> Client:
        return Client(self.front, peer)

    def busy(self) -> list[FakePeer]:
        """Slots with a request, oldest request first."""
        working = {c.stream.id: c for c in self.env.environment.channels if c.exchange is not None}
        found = [(working[s.stream.id], s) for s in self.env.peers if s.stream and s.stream.id in working]
        return [peer for _, peer in sorted(found, key=lambda pair: pair[0].started)]

    def peer(self) -> FakePeer:
        """The peer that serves the one request under way."""
        (peer,) = self.busy()
        return peer

    def wait(self, seconds: float) -> None:
        until = self.clock.now + seconds
        while self.clock.now < until:
            self.clock.now = min(until, self.clock.now + 0.25)
            self.dispatcher.sweep()
            self.front.sweep()


def respond(peer: FakePeer, *fields: str, status: str = "200 OK", body: bytes = b"", length: bool = True) -> None:
    """Answer with a head, and a body in one message."""
    lines = [f"HTTP/1.1 {status}", *fields]
    if length:
        lines.append(f"content-length: {len(body)}")
    head = "\r\n".join(lines).encode() + b"\r\n\r\n"
    peer.say(pack(HEAD, head), pack(BODY | END, body))


def head_of(peer: FakePeer) -> tuple[str, dict[str, list[str]]]:
    """The request line and fields as the adapter reads them."""
    lines = peer.heads[-1].decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    fields: dict[str, list[str]] = {}
    for line in lines[1:]:
        name, value = line.split(":", 1)
        assert re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name)
        fields.setdefault(name.lower(), []).append(value.strip(" \t"))
    return lines[0], fields


__all__ = ["Answer", "Client", "Dispatcher", "FakeTransport", "FrontRig", "head_of", "respond"]
