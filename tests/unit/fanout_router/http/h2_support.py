"""The HTTP/2 front before scripted environments, with the ``h2`` library as its client; no sockets, virtual time."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

import h2.config
import h2.connection
import h2.events

from fanout_router.http import FrontLimits, Http2Protocol
from fanout_router.wire import frames
from tests.unit.fanout_router.http.support import FakeTransport, FrontRig

GET = [(":method", "GET"), (":scheme", "http"), (":authority", "shop.example"), (":path", "/")]
POST = [(":method", "POST"), *GET[1:]]


class FakeLoop:
    """Runs what was asked for soon, when it is told to."""

    def __init__(self) -> None:
        self._soon: deque[Callable[[], object]] = deque()

    def call_soon(self, callback: Callable[[], object]) -> None:
        self._soon.append(callback)

    def turn(self) -> None:
        while self._soon:
            self._soon.popleft()()


@dataclass
class StreamAnswer:
    """What a client has got on one stream."""

    fields: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    ended: bool = False
    reset: int | None = None
    interim: list[str] = field(default_factory=list)
    trailers: dict[str, str] = field(default_factory=dict)

    @property
    def status(self) -> int:
        return int(self.fields[":status"])


class Http2Client:
    """A conforming client on one connection; takes what it is sent and returns credit, unless told otherwise."""

    def __init__(self, rig: FrontRig, peer: str = "192.0.2.7", scheme: str = "http") -> None:
        self.transport = FakeTransport(peer)
        self.loop = FakeLoop()
        self.protocol = Http2Protocol(rig.front, scheme, cast("asyncio.AbstractEventLoop", self.loop))
        self.protocol.connection_made(self.transport)
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
        self.h2.initiate_connection()
        self.answers: dict[int, StreamAnswer] = {}
        self.credits = True
        self.goaway: int | None = None
        self.exchange()

    def open(self, headers: list[tuple[str, str]], *, end: bool = True) -> int:
        """Open a stream; its number."""
        stream = self.h2.get_next_available_stream_id()
        self.answers[stream] = StreamAnswer()
        self.h2.send_headers(stream, headers, end_stream=end)
        self.exchange()
        return stream

    def get(self, target: str = "/", *fields: tuple[str, str]) -> int:
        return self.open([*GET[:3], (":path", target), *fields])

    def data(self, stream: int, data: bytes, *, end: bool = False) -> None:
        self.h2.send_data(stream, data, end_stream=end)
        self.exchange()

    def reset(self, stream: int) -> None:
        self.h2.reset_stream(stream, 8)
        self.exchange()

    def raw(self, data: bytes) -> None:
        """Bytes that h2 would not send."""
        self.protocol.data_received(data)
        self.exchange()

    def exchange(self) -> None:
        """Carry bytes both ways until nothing moves."""
        while True:
            self.loop.turn()
            ours, theirs = self.h2.data_to_send(), bytes(self.transport.written)
            self.transport.written.clear()
            if not ours and not theirs:
                return
            if ours and self.transport.state == "open":
                self.protocol.data_received(ours)
            for event in self.h2.receive_data(self._without_goaway(theirs)):
                self._heard(event)

    def _without_goaway(self, data: bytes) -> bytes:
        """Note a GOAWAY, and keep it from h2, which takes nothing more behind one, not even for open streams."""
        kept = []
        while data:
            high, low, kind, *_ = frames.HEADER.unpack_from(data)
            size = 9 + (high << 16 | low)
            if kind == frames.GOAWAY:
                self.goaway = int.from_bytes(data[13:17], "big")
            else:
                kept.append(data[:size])
            data = data[size:]
        return b"".join(kept)

    def _heard(self, event: Any) -> None:
        answer = self.answers.get(getattr(event, "stream_id", None) or 0)
        if answer is None:
            return
        match event:
            case h2.events.ResponseReceived():
                answer.fields = dict(cast("list[tuple[str, str]]", event.headers))
            case h2.events.InformationalResponseReceived():
                answer.interim.append(dict(cast("list[tuple[str, str]]", event.headers))[":status"])
            case h2.events.DataReceived():
                answer.body += event.data
                if self.credits and event.flow_controlled_length:
                    self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            case h2.events.TrailersReceived():
                assert not answer.ended
                answer.trailers = dict(cast("list[tuple[str, str]]", event.headers))
            case h2.events.StreamEnded():
                answer.ended = True
            case h2.events.StreamReset():
                answer.reset = int(event.error_code)
                assert not answer.ended or answer.reset == 0

    def leave(self) -> None:
        self.transport.state = "closed"
        self.protocol.connection_lost(None)


def pair(limits: FrontLimits | None = None, *, response_timeout: float = 60) -> tuple[FrontRig, Http2Client]:
    """A front with one environment, and a client of it."""
    rig = FrontRig(limits=limits, response_timeout=response_timeout)
    return rig, Http2Client(rig)
