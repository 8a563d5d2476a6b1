"""The codec against the ``h2`` library: the same bytes must mean the same to both, chopped anywhere."""

from dataclasses import dataclass, field

import h2.config
import h2.connection
import h2.events
import h2.exceptions
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dispatch.wire import ClientConnection, frames
from tests.unit.dispatch.wire.support import REQUEST, Clock, Recorder, Server, StreamRecorder

_CONFIG = h2.config.H2Configuration(client_side=False, header_encoding=None)


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
    server = h2.connection.H2Connection(_CONFIG)
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
            case h2.events.DataReceived() if event.data:
                meaning.data[event.stream_id] = meaning.data.get(event.stream_id, b"") + event.data
            case h2.events.StreamEnded():
                meaning.ended.add(event.stream_id)
            case h2.events.StreamReset():
                meaning.reset[event.stream_id] = int(event.error_code)
            case h2.events.ConnectionTerminated():
                meaning.goaways += 1
    return meaning


def meaning_to_us(data: bytes, chunk: int) -> tuple[Meaning, bytes]:
    server = Server(greeted=False)
    server.receive(data, chunk)
    said = server.said
    meaning = Meaning(
        opened=said.opened,
        data={key: s.data for key, s in said.streams.items() if s.data},
        ended={key for key, s in said.streams.items() if s.ended},
        reset={key: s.code for key, s in said.streams.items() if s.code is not None},
        goaways=len(said.goaways),
        fatal=said.failure is not None,
    )
    return meaning, server.take()


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


operations = st.lists(
    st.tuples(
        st.sampled_from(["open", "data", "data", "end", "trailers", "reset", "ping", "settings", "window"]),
        st.integers(0, 255),
    ),
    max_size=40,
)


@given(operations, st.integers(1, 60))
@settings(max_examples=150, deadline=None)
def test_a_conforming_clients_frames_mean_the_same(drawn: list[tuple[str, int]], chunk: int) -> None:
    client = H2Client()
    for operation in drawn:
        client.do(operation)
    data = client.h2.data_to_send()

    ours, written = meaning_to_us(data, chunk)

    theirs = meaning_to_h2(data)
    assert not ours.fatal
    assert ours == theirs
    client.h2.receive_data(written)  # what we wrote must be legal to h2 as well


def frame_bytes(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return frames.frame(kind, flags, stream, payload)


_BLOCK = bytes.fromhex("8387c5")  # replaced below by a real block; an invalid one is drawn on purpose too
_VALID_BLOCK = b"\x83\x87\x04\x08/channel\x01\x06router"

payloads = st.one_of(
    st.sampled_from([b"", b"\x00" * 4, b"\x00\x00\x00\x01", b"\x00" * 5, b"\x00" * 8, _VALID_BLOCK, _BLOCK]),
    st.binary(max_size=12),
)
illegal_frames = st.lists(
    st.builds(
        frame_bytes,
        st.sampled_from([0, 1, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 11]),
        st.sampled_from([0, 0, 1, 4, 5, 8, 0x20]),
        st.sampled_from([0, 1, 1, 3, 3, 5, 2]),
        payloads,
    ),
    max_size=6,
)


def _tolerated(data: bytes) -> bool:
    """Where h2 and we differ knowingly; each line says why ours is right or harmless.

    - A malformed request is a *stream* error (RFC 9113 section 8.1.1): we reset the stream, h2 ends the
    connection. - Frames on streams we hold no more are ignored and counted, whatever closed them: we keep no
    history of streams. - GOAWAY: h2 then refuses all further frames; RFC 9113 section 6.8 lets open streams
    finish, and so do we. - h2 takes RST_STREAM, WINDOW_UPDATE and PRIORITY details differently on idle
    streams (PRIORITY opens none for us).
    """
    streams_closed = any(kind in (3, 5, 7) for kind, *_ in _split(data))
    ended = any(kind in (0, 1) and flags & 1 for kind, flags, *_ in _split(data))
    return streams_closed or ended


def _split(data: bytes) -> list[tuple[int, int, int, bytes]]:
    found = []
    while len(data) >= 9:
        high, low, kind, flags, stream = frames.HEADER.unpack_from(data)
        size = 9 + (high << 16 | low)
        found.append((kind, flags, stream, data[9:size]))
        data = data[size:]
    return found


@given(illegal_frames, st.integers(1, 30))
@settings(max_examples=400, deadline=None)
def test_what_h2_takes_we_take_and_what_we_refuse_h2_refuses(drawn: list[bytes], chunk: int) -> None:
    body = b"".join(drawn)
    data = frames.PREFACE + frames.settings([]) + body

    ours, _ = meaning_to_us(data, chunk)

    theirs = meaning_to_h2(data)
    if ours.fatal and not _tolerated(body):
        assert theirs.fatal
    if not theirs.fatal and not _tolerated(body):
        assert ours == theirs


@given(st.binary(max_size=400), st.integers(1, 50), st.booleans())
@settings(max_examples=300, deadline=None)
def test_any_bytes_end_in_a_goaway_or_are_taken_never_in_another_error(junk: bytes, chunk: int, greeted: bool) -> None:
    server = Server(greeted=greeted)
    server.receive(junk, chunk)
    if server.said.failure is not None:
        assert frames.frame(frames.GOAWAY, 0, 0)[3:4] in server.take()
        assert server.connection.closed


@pytest.mark.parametrize("chunk", [1, 2, 7, 9, 10, 64, 0])
def test_a_session_chopped_at_every_byte_means_the_same(chunk: int) -> None:
    client = H2Client()
    for operation in [
        ("open", 1),
        ("data", 200),
        ("settings", 9),
        ("open", 2),
        ("data", 33),
        ("trailers", 0),
    ]:
        client.do(operation)
    data = client.h2.data_to_send()

    ours, _ = meaning_to_us(data, chunk)

    assert ours == meaning_to_h2(data)


@given(st.lists(st.integers(0, 70_000), min_size=1, max_size=6), st.integers(1, 20_000))
@settings(max_examples=40, deadline=None)
def test_our_client_speaks_to_an_h2_server(sizes: list[int], chunk: int) -> None:
    # GIVEN our client and an h2 server that returns credit for all it gets
    server = h2.connection.H2Connection(_CONFIG)
    server.initiate_connection()
    out = bytearray()
    client = ClientConnection(Recorder(), out.extend, Clock())
    client.start()
    answer = StreamRecorder()
    stream = client.open_stream([*REQUEST], answer)
    for index, size in enumerate(sizes):
        stream.send(b"x" * size, end=index == len(sizes) - 1)

    # WHEN their bytes cross until the request has ended
    received = 0
    ended = False
    while out or not ended:
        piece, out[:] = bytes(out), b""
        for start in range(0, len(piece), chunk):
            for event in server.receive_data(piece[start : start + chunk]):
                if isinstance(event, h2.events.DataReceived):
                    received += len(event.data)
                    server.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                elif isinstance(event, h2.events.StreamEnded):
                    ended = True
                    server.send_headers(event.stream_id, [(b":status", b"200")])
                    server.send_data(event.stream_id, b"done", end_stream=True)
        client.receive(server.data_to_send())

    # THEN every byte came, and the answer with it
    assert received == sum(sizes)
    assert answer.headers == [(b":status", b"200")]
    assert (answer.data, answer.ended) == (b"done", True)
    assert not client.streams
