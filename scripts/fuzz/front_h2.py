"""Target: frames that clients send to the HTTP/2 front, with environments that echo."""

import asyncio
import random
from collections.abc import Hashable
from typing import cast

import hpack

from fanout_router.http import FrontLimits, Http2Protocol
from fanout_router.wire import frames
from scripts.fuzz.front_bytes import Asked, Stage
from scripts.fuzz.mutations import mutated, mutated_frames, split_frames
from scripts.fuzz.targets import cuts, expect
from tests.unit.fanout_router.http.h2_support import FakeLoop
from tests.unit.fanout_router.http.support import FakeTransport

__all__ = ["FrontHttp2"]

_LIMITS = FrontLimits(head=4_096, url=1_024, fields=40, body=20_000, buffered=2_000)
_PSEUDO = [(":method", "GET"), (":scheme", "http"), (":authority", "a"), (":path", "/")]
_METHODS = ("GET", "GET", "HEAD", "POST", "POST", "PUT", "OPTIONS", "CONNECT", "A B", "")
_PATHS = ("/", "/a?b=c", "*", "//", "", "/ x", "/\r\nx: y", "a", "/" + "x" * 1_100, "/\xff")
_FIELDS = (
    *(("accept", "*/*"), ("cookie", "a=b"), ("cookie", "c=d"), ("te", "trailers"), ("te", "gzip"), ("x", "y" * 400)),
    *(("host", "a"), ("host", "b"), ("content-length", "5"), ("content-length", "0"), ("content-length", "x")),
    *(("expect", "100-continue"), ("expect", "x"), ("connection", "close"), ("transfer-encoding", "chunked")),
    *(("x-forwarded-for", "6.6.6.6"), ("forwarded", "for=6.6.6.6"), ("x-request-id", "abc"), ("x-request-id", "a b")),
    *(
        ("upgrade", "websocket"),
        ("X-Upper", "1"),
        ("bad name", "1"),
        ("a/b", "1"),
        ("x-crlf", "a\r\nb: c"),
        (":late", "1"),
        ("", ""),
    ),
)
_TOKENS = (
    b"",
    *(frames.window_update(stream, size) for stream in (0, 1, 3) for size in (0, 1, 65_535)),
    *(frames.rst_stream(stream, 8) for stream in (1, 3, 5)),
    *(frames.frame(frames.DATA, flags, stream, b"hello") for flags in (0, 1, 8) for stream in (1, 3)),
    *(frames.settings([(4, size)]) for size in (0, 1, 100, 2**31 - 1)),
    frames.goaway(0, 0),
)


class FrontHttp2:
    """A client's HTTP/2 connection, with its requests dispatched and answered."""

    name = "http2-front"

    def __init__(self) -> None:
        self._stage = Stage(_LIMITS, 3)

    def generate(self, rng: random.Random) -> bytes:
        """Requests on some streams, interleaved, some of them malformed, aborted or without an end."""
        encoder = hpack.Encoder()
        found, stream = [frames.PREFACE, frames.settings([])], 1
        opened: list[int] = []
        for _ in range(rng.randrange(1, 12)):
            kind = rng.randrange(8)
            if kind <= 3 or not opened:
                end = rng.random() < 0.5
                flags = frames.END_HEADERS | (frames.END_STREAM if end else 0)
                found.append(frames.frame(frames.HEADERS, flags, stream, encoder.encode(_headers(rng))))
                if not end:
                    opened.append(stream)
                stream += 2
            elif kind <= 5:
                chosen, end = rng.choice(opened), rng.random() < 0.5
                found.append(frames.frame(frames.DATA, int(end), chosen, b"x" * rng.choice((0, 5, 5, 900, 9_000))))
                if end:
                    opened.remove(chosen)
            elif kind == 6:
                found.append(frames.frame(frames.HEADERS, 5, opened.pop(), encoder.encode([("x-trailer", "1")])))
            else:
                found.append(rng.choice(_TOKENS))
        return b"".join(found)

    def mutate(self, rng: random.Random, data: bytes, other: bytes) -> bytes:
        """Frames changed, behind a good preface."""
        body, more = data.removeprefix(frames.PREFACE), other.removeprefix(frames.PREFACE)
        change = mutated_frames if rng.random() < 0.8 else mutated
        return frames.PREFACE + change(rng, body, more, _TOKENS)

    def check(self, data: bytes, rng: random.Random) -> Hashable:
        """Requests come to the app well-formed and the same however cut; each stream ends once; no channel is lost."""
        whole, chopped = self._serve([data]), self._serve(cuts(rng, data))
        expect(whole[0] == chopped[0], "whole: %s; chopped: %s", whole[0], chopped[0])
        asked, state, answers = whole
        return (len(asked), tuple(a.whole for a in asked), state, tuple(sorted(answers)))

    def _serve(self, given: list[bytes]) -> tuple[list[Asked], str, list[tuple[int, int]]]:
        with self._stage.serving() as (rig, asked):
            transport, loop = FakeTransport(), FakeLoop()
            protocol = Http2Protocol(rig.front, "http", cast("asyncio.AbstractEventLoop", loop))
            protocol.connection_made(transport)
            for piece in given:
                if transport.state == "open":
                    protocol.data_received(piece)
                    loop.turn()
            answers = _check_written(bytes(transport.written))
            state = transport.state
            protocol.connection_lost(None)
            rig.wait(2)
            expect(not rig.front.connections, "the connection is not forgotten")
        return asked, state, answers


def _headers(rng: random.Random) -> list[tuple[str, str]]:
    odd = rng.random() < 0.3
    pseudo = [
        (":method", rng.choice(_METHODS if odd else _METHODS[:6])),
        *_PSEUDO[1:3],
        (":path", rng.choice(_PATHS if odd else _PATHS[:2])),
    ]
    fields = rng.sample(_FIELDS if odd else _FIELDS[:7], rng.randrange(4))
    if odd and rng.random() < 0.3:
        rng.shuffle(pseudo)
        pseudo = pseudo[: rng.randrange(5)]
    return pseudo + fields


def _check_written(written: bytes) -> list[tuple[int, int]]:
    """What a client must be able to rely on: no frame on a stream that has ended, no end before its headers."""
    decoder = hpack.Decoder()
    ended: dict[int, int] = {}
    begun: set[int] = set()
    found = []
    for frame in split_frames(written):
        high, low, kind, flags, stream = frames.HEADER.unpack_from(frame)
        expect(len(frame) == 9 + (high << 16 | low), "a frame that is cut off")
        expect(low <= 16_384 and not high, "a frame above the client's frame size")
        if kind == frames.HEADERS:
            status = int(dict(decoder.decode(frame[9:], raw=True))[b":status"])
            expect(stream not in begun or status < 200, "a second head")
            if status >= 200:
                begun.add(stream)
                found.append((stream, status))
        if kind in (frames.HEADERS, frames.DATA):
            expect(stream not in ended, "a frame behind the end of stream %s", stream)
            expect(stream in begun or kind == frames.HEADERS, "a body before its head")
            if flags & frames.END_STREAM:
                ended[stream] = kind
        elif kind == frames.RST_STREAM:
            expect(ended.get(stream) != frames.RST_STREAM, "a stream is reset twice")
            ended[stream] = frames.RST_STREAM
    return found
