"""The ``h2`` library as an oracle: what a sequence of frames means to it, and what it means to us."""

import re
from dataclasses import dataclass, field

import h2.config
import h2.connection
import h2.events
import h2.exceptions

from fanout_router.wire import frames
from tests.unit.fanout_router.wire.support import REQUEST, Server

_NAME = re.compile(rb":?[!#$%&'*+.^_`|~0-9a-z-]+")
_VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")
"""Of fields as RFC 9110 section 5 has them; h2 takes more."""

SERVER_CONFIG = h2.config.H2Configuration(client_side=False, header_encoding=None)


@dataclass
class Meaning:
    """What a sequence of frames meant: comparable between the two codecs."""

    opened: dict[int, list[tuple[bytes, bytes]]] = field(default_factory=dict)
    data: dict[int, bytes] = field(default_factory=dict)
    ended: set[int] = field(default_factory=set)
    reset: dict[int, int] = field(default_factory=dict)
    goaways: int = 0
    fatal: bool = False


def meaning_to_h2(data: bytes) -> Meaning:
    server = h2.connection.H2Connection(SERVER_CONFIG)
    server.initiate_connection()
    meaning = Meaning()
    try:
        events = server.receive_data(data)
    except h2.exceptions.ProtocolError:
        meaning.fatal = True
        return meaning
    for event in events:
        match event:
            case h2.events.RequestReceived():
                meaning.opened[event.stream_id] = [(bytes(n), bytes(v)) for n, v in event.headers]
                meaning.fatal |= not all(_NAME.fullmatch(n) and _VALUE.fullmatch(v) for n, v in event.headers)
            case h2.events.DataReceived() if event.data:
                meaning.data[event.stream_id] = meaning.data.get(event.stream_id, b"") + event.data
            case h2.events.StreamEnded():
                meaning.ended.add(event.stream_id)
            case h2.events.StreamReset():
                meaning.reset[event.stream_id] = int(event.error_code)
            case h2.events.ConnectionTerminated():
                meaning.goaways += 1
    return meaning


def meaning_of(server: Server) -> Meaning:
    """What a server connection of ours has been told so far."""
    said = server.said
    return Meaning(
        opened=said.opened,
        data={key: s.data for key, s in said.streams.items() if s.data},
        ended={key for key, s in said.streams.items() if s.ended},
        reset={key: s.code for key, s in said.streams.items() if s.code is not None},
        goaways=len(said.goaways),
        fatal=said.failure is not None,
    )


def meaning_to_us(data: bytes, chunk: int) -> tuple[Meaning, bytes]:
    server = Server(greeted=False)
    server.receive(data, chunk)
    return meaning_of(server), server.take()


class H2Client:
    """Turns drawn operations into the bytes of a conforming client."""

    def __init__(self) -> None:
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding=None))
        self.h2.initiate_connection()
        self.open: list[int] = []

    def do(self, operation: tuple[str, int]) -> None:
        kind, number = operation
        stream = self.open[number % len(self.open)] if self.open else 0
        if kind == "open":
            stream = self.h2.get_next_available_stream_id()
            self.h2.send_headers(stream, [*REQUEST, (b"x-number", b"%d" % number)])
            self.open.append(stream)
        elif kind == "ping":
            self.h2.ping(number.to_bytes(8, "big"))
        elif kind == "settings":
            self.h2.update_settings({4: 1_000 + number, 5: 16_384 + number, 1: number})
        elif kind == "window":
            self.h2.increment_flow_control_window(1 + number, stream or None)
        elif stream:
            self._do_on_stream(kind, stream, number)

    def _do_on_stream(self, kind: str, stream: int, number: int) -> None:
        if kind == "data":
            padding = number if number % 3 == 0 else None
            self.h2.send_data(stream, bytes([number]) * number, pad_length=padding)
            return
        self.open.remove(stream)
        if kind == "end":
            self.h2.end_stream(stream)
        elif kind == "trailers":
            self.h2.send_headers(stream, [(b"x-trailer", b"1")], end_stream=True)
        else:
            self.h2.reset_stream(stream, number)


def tolerated(data: bytes) -> bool:
    """Where h2 and we differ knowingly; each line says why ours is right or harmless.

    - A malformed request is a *stream* error (RFC 9113 section 8.1.1): we reset the stream, h2 ends the connection.
    - Frames on streams we hold no more are ignored and counted, whatever closed them: we keep no history of streams.
    - GOAWAY: h2 then refuses all further frames; RFC 9113 section 6.8 lets open streams finish, and so do we.
    - h2 takes RST_STREAM, WINDOW_UPDATE and PRIORITY details differently on idle streams (PRIORITY opens none for us).
    """
    streams_closed = any(kind in (3, 5, 7) for kind, *_ in split(data))
    ended = any(kind in (0, 1) and flags & 1 for kind, flags, *_ in split(data))
    return streams_closed or ended


def split(data: bytes) -> list[tuple[int, int, int, bytes]]:
    found = []
    while len(data) >= 9:
        high, low, kind, flags, stream = frames.HEADER.unpack_from(data)
        size = 9 + (high << 16 | low)
        found.append((kind, flags, stream, data[9:size]))
        data = data[size:]
    return found
