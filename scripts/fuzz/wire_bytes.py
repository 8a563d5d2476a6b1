"""Targets: bytes that an HTTP/2 connection of ours gets, in either role, beside what ``h2`` makes of them."""

import random
from collections.abc import Hashable

import h2.connection
import h2.exceptions

from fanout_router.wire import ClientConnection, Connection, WireLimits, frames
from scripts.fuzz.mutations import INTERESTING_NUMBERS, mutated, mutated_frames
from scripts.fuzz.targets import cuts, expect
from tests.unit.fanout_router.wire.h2_oracle import H2Client, meaning_of, meaning_to_h2, split, tolerated
from tests.unit.fanout_router.wire.support import REQUEST, Clock, Recorder, Server, StreamRecorder

__all__ = ["WireClient", "WireServer"]

_OPERATIONS = ("open", "open", "data", "data", "data", "end", "trailers", "reset", "ping", "settings", "window")
_BLOCK = b"\x83\x87\x04\x08/channel\x01\x06router"
_TOKENS = (
    b"",
    frames.PREFACE,
    frames.settings([]),
    frames.SETTINGS_ACK,
    frames.goaway(1, 0),
    *(frames.frame(frames.HEADERS, flags, 1, _BLOCK) for flags in (0, 1, 4, 5, 0x24, 0x0C)),
    *(frames.frame(frames.CONTINUATION, flags, 1, b"") for flags in (0, 4)),
    *(frames.frame(frames.DATA, flags, 1, bytes(size)) for flags in (0, 1, 8) for size in (0, 1, 9, 40_000, 65_536)),
    *(frames.window_update(stream, size) for stream in (0, 1, 3) for size in (0, 1, 65_535, frames.LARGEST_WINDOW)),
    *(frames.settings([(key, value)]) for key in (1, 2, 4, 5) for value in INTERESTING_NUMBERS),
    *(frames.rst_stream(stream, 8) for stream in (0, 1, 3, 99)),
    frames.frame(frames.PING, 0, 0, bytes(8)),
)
_BEGINNING = frames.PREFACE + frames.settings([])
_STREAMS = 3


def _check_bounds(connection: Connection, given: int) -> None:
    """What a connection may hold of its peer's bytes, and how it must have ended when it has."""
    limits: WireLimits = connection.limits
    expect(len(connection._buffer) <= limits.frame_size + 9, "more than a frame is buffered")
    if connection._block is not None:
        bound = limits.header_block + limits.frame_size
        expect(connection.closed or len(connection._block[2]) <= bound, "more than a header block is buffered")
    expect(len(connection.streams) <= limits.streams, "more streams than allowed")
    held = sum(stream.unacknowledged for stream in connection.streams.values())
    expect(held <= given, "more is unacknowledged than was received")
    if connection.closed:
        expect(not connection.streams, "streams outlive their connection")


def _receive_in_buffer(connection: Connection, piece: bytes) -> None:
    """As the control port reads: into a buffer that is used again, so that nothing may be kept of it."""
    buffer = bytearray(piece)
    connection.receive(memoryview(buffer))
    buffer[:] = bytes(len(buffer))


class WireServer:
    """The router's end of the control channel, and of a client's HTTP/2 connection."""

    name = "wire-server"

    def generate(self, rng: random.Random) -> bytes:
        """What a conforming client writes."""
        client = H2Client()
        for _ in range(rng.randrange(1, 25)):
            client.do((rng.choice(_OPERATIONS), rng.randrange(256)))
        return client.h2.data_to_send()

    def mutate(self, rng: random.Random, data: bytes, other: bytes) -> bytes:
        """Frames changed, or bytes; mostly behind a good beginning, since little is reached without."""
        body = data.removeprefix(frames.PREFACE)
        if rng.random() < 0.8:
            return frames.PREFACE + mutated_frames(rng, body, other.removeprefix(frames.PREFACE), _TOKENS)
        return mutated(rng, data, other, _TOKENS)

    def check(self, data: bytes, rng: random.Random) -> Hashable:
        """Whole and in pieces it means the same; and the same as to h2, where that is bound to say the same."""
        whole, chopped = Server(greeted=False), Server(greeted=False)
        whole.receive(data)
        for piece in cuts(rng, data):
            _receive_in_buffer(chopped.connection, piece)
            _check_bounds(chopped.connection, len(data))
        _check_bounds(whole.connection, len(data))
        ours = meaning_of(whole)
        failure, other = whole.said.failure, chopped.said.failure
        expect(_reason(failure) == _reason(other), "whole: %s; chopped: %s", failure, other)
        if failure is None:
            expect(ours == meaning_of(chopped), "chopping has changed the meaning")
        else:
            last = frames.goaway(whole.connection.last_peer_stream, failure.code, failure.reason.encode())
            expect(whole.take().endswith(last), "the last frame written is no GOAWAY")
        self._compare(data, ours.fatal, ours)
        return (_reason(failure), len(ours.opened), len(ours.ended), len(ours.reset), _kinds(data))

    def _compare(self, data: bytes, fatal: bool, ours: object) -> None:
        if not data.startswith(_BEGINNING[:28]) or tolerated(data[24:]):
            return
        theirs = meaning_to_h2(data)
        if not theirs.fatal and not fatal:
            expect(ours == theirs, "h2 reads %s, we %s", theirs, ours)


class WireClient:
    """The adapter's end of the control channel."""

    name = "wire-client"

    def generate(self, rng: random.Random) -> bytes:
        """What a conforming server writes to a client with some open streams."""
        server = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding=None))
        server.initiate_connection()
        client = _client()
        server.receive_data(bytes(client[1]))
        for _ in range(rng.randrange(1, 20)):
            try:
                _speak(server, rng)
            except h2.exceptions.ProtocolError:
                continue  # this stream is not in the state for it: draw again
        return server.data_to_send()

    def mutate(self, rng: random.Random, data: bytes, other: bytes) -> bytes:
        """Frames changed, or bytes."""
        if rng.random() < 0.8:
            return mutated_frames(rng, data, other, _TOKENS)
        return mutated(rng, data, other, _TOKENS)

    def check(self, data: bytes, rng: random.Random) -> Hashable:
        """Whole and in pieces it means the same."""
        whole, chopped = _client(), _client()
        whole[0].receive(data)
        for piece in cuts(rng, data):
            chopped[0].receive(piece)
            _check_bounds(chopped[0], len(data))
        _check_bounds(whole[0], len(data))
        failure, other = whole[2].failure, chopped[2].failure
        expect(_reason(failure) == _reason(other), "whole: %s; chopped: %s", failure, other)
        if failure is None:
            expect(_heard(whole[3]) == _heard(chopped[3]), "chopping has changed the meaning")
        return (_reason(failure), tuple((s.headers is not None, s.ended, s.code) for s in whole[3]), _kinds(data))


def _client() -> tuple[ClientConnection, bytearray, Recorder, list[StreamRecorder]]:
    out, said = bytearray(), Recorder()
    client = ClientConnection(said, out.extend, Clock())
    client.start()
    heard = [StreamRecorder() for _ in range(_STREAMS)]
    for recorder in heard:
        client.open_stream([*REQUEST], recorder).send(b"x" * 30_000)
    return client, out, said, heard


def _speak(server: h2.connection.H2Connection, rng: random.Random) -> None:
    stream = 1 + 2 * rng.randrange(_STREAMS)
    kind = rng.randrange(8)
    if kind <= 1:
        server.send_headers(stream, [(b":status", b"200")], end_stream=rng.random() < 0.1)
    elif kind <= 4:
        padding = rng.choice((None, None, 0, 7))
        server.send_data(stream, rng.randbytes(rng.randrange(3_000)), rng.random() < 0.2, padding)
    elif kind == 5:
        server.reset_stream(stream, rng.randrange(12))
    elif kind == 6:
        server.update_settings({rng.choice((1, 4, 5)): rng.choice((16_384, 20_000, 65_536))})
    else:
        server.increment_flow_control_window(rng.randrange(1, 9_000), rng.choice((None, stream)))


def _heard(heard: list[StreamRecorder]) -> list[object]:
    return [(s.headers, s.data, s.ended, s.code) for s in heard]


def _reason(failure: Exception | None) -> str:
    return "".join(c for c in str(failure) if not c.isdigit()) if failure else ""


def _kinds(data: bytes) -> frozenset[tuple[int, int]]:
    """Which frames came, for telling inputs apart."""
    body = data.removeprefix(frames.PREFACE)
    return frozenset((kind, flags) for kind, flags, *_ in split(body)[:40])
