"""Compression where it is right, and nowhere else."""

import asyncio
import gzip
import sys
import zlib
from typing import Any

import brotli
import pytest
import zstandard

from fanout_router.adapter.compress import Compress, available, choose
from tests.unit.fanout_router.adapter.support import Message, Receive, Send

TEXT = b"the same words again and again " * 100
Fields = list[tuple[bytes, bytes]]


def respond(
    fields: Fields, parts: list[bytes], *, status: int = 200, accepted: bytes = b"gzip", method: str = "GET"
) -> tuple[dict[bytes, bytes], list[bytes]]:
    """What a client gets of a response."""
    sent: list[Message] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": status, "headers": list(fields)})
        for index, part in enumerate(parts):
            await send({"type": "http.response.body", "body": part, "more_body": index < len(parts) - 1})

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": method, "headers": [(b"accept-encoding", accepted)]}
    asyncio.run(Compress(app)(scope, receive, send))
    return dict(sent[0]["headers"]), [message["body"] for message in sent[1:]]


def test_text_is_compressed_and_says_so() -> None:
    fields, parts = respond([(b"Content-Type", b"text/html"), (b"Content-Length", b"3100"), (b"ETag", b'"x"')], [TEXT])
    assert gzip.decompress(parts[0]) == TEXT
    assert fields[b"content-encoding"] == b"gzip"
    assert fields[b"content-length"] == b"%d" % len(parts[0])
    assert fields[b"vary"] == b"accept-encoding"
    assert fields[b"etag"] == b'W/"x"'


def test_a_stream_is_flushed_with_every_part() -> None:
    _, parts = respond([(b"content-type", b"text/event-stream")], [b"data: 1\n\n", b"data: 2\n\n", b""])
    unpack = zlib.decompressobj(wbits=31)
    assert [unpack.decompress(part) for part in parts] == [b"data: 1\n\n", b"data: 2\n\n", b""]
    assert unpack.eof


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ([(b"content-type", b"image/png")], 200),
        ([], 200),
        ([(b"content-type", b"text/html"), (b"content-encoding", b"br")], 200),
        ([(b"content-type", b"text/html"), (b"content-range", b"bytes 0-9/10")], 206),
        ([(b"content-type", b"text/html"), (b"cache-control", b"private, no-transform")], 200),
        ([(b"content-type", b"text/html")], 304),
    ],
)
def test_what_is_left_alone(fields: Fields, status: int) -> None:
    got, parts = respond(fields, [TEXT], status=status)
    assert parts == [TEXT]
    assert got == dict(fields)


def test_small_bodies_and_clients_without_gzip_get_it_plain_with_vary() -> None:
    for parts, accepted in (([b"small"], b"gzip"), ([TEXT], b"deflate"), ([TEXT], b"gzip;q=0")):
        fields, got = respond([(b"content-type", b"application/json")], parts, accepted=accepted)
        assert got == parts
        assert b"content-encoding" not in fields
        assert fields[b"vary"] == b"accept-encoding"


@pytest.mark.parametrize("vary", [b"Cookie", b"Accept-Encoding, Cookie", b"*"])
def test_an_existing_vary_is_kept(vary: bytes) -> None:
    fields, _ = respond([(b"content-type", b"text/css"), (b"vary", vary)], [TEXT])
    assert fields[b"vary"] in (b"Cookie, accept-encoding", b"Accept-Encoding, Cookie", b"*")


def test_head_passes_as_it_is() -> None:
    fields, _ = respond([(b"content-type", b"text/css"), (b"content-length", b"9")], [b""], method="HEAD")
    assert fields[b"content-length"] == b"9"


ALL = (b"zstd", b"br", b"gzip")


def decoded(coding: str, parts: list[bytes]) -> list[bytes]:
    """What a client has after each part."""
    if coding == "gzip":
        unpack: Any = zlib.decompressobj(wbits=31)
        return [unpack.decompress(part) for part in parts]
    if coding == "br":
        unpack = brotli.Decompressor()
        return [unpack.process(part) for part in parts]
    unpack = zstandard.ZstdDecompressor().decompressobj()
    return [unpack.decompress(part) for part in parts]


@pytest.mark.parametrize("coding", ["zstd", "br", "gzip"])
def test_each_coding_carries_whole_bodies_and_streams(coding: str) -> None:
    accepted = coding.encode()
    fields, parts = respond([(b"content-type", b"text/html")], [TEXT], accepted=accepted)
    assert fields[b"content-encoding"] == accepted
    assert fields[b"content-length"] == b"%d" % len(parts[0])
    assert len(parts[0]) < len(TEXT) / 5
    assert decoded(coding, parts) == [TEXT]
    fields, parts = respond([(b"content-type", b"text/event-stream")], [b"data: 1\n\n", TEXT, b""], accepted=accepted)
    assert b"content-length" not in fields
    assert decoded(coding, parts) == [b"data: 1\n\n", TEXT, b""]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"gzip", b"gzip"),
        (b"gzip, deflate, br, zstd", b"zstd"),
        (b"gzip, deflate, br", b"br"),
        (b"br;q=0.5, GZIP;q=0.8", b"gzip"),
        (b"gzip;q=0.5, br; q=0.50, zstd;q=0.4", b"br"),
        (b"*", b"zstd"),
        (b"zstd;q=0, *;q=0.1", b"br"),
        (b"identity, gzip", b"gzip"),
        (b"identity;q=1, gzip;q=0.5", None),
        (b"identity;q=0, gzip;q=0.001", b"gzip"),
        (b"", None),
        (b"gzip;q=0", None),
        (b"gzip;q=2", None),
        (b"gzip;q=x", None),
        (b"x-gzip, deflate", None),
        (b" , ;q=1", None),
    ],
)
def test_what_a_client_asks_for(value: bytes, expected: bytes | None) -> None:
    assert choose(value, ALL) == expected


def test_only_what_is_here_is_chosen() -> None:
    assert choose(b"gzip, br, zstd", (b"gzip",)) == b"gzip"
    assert choose(b"br", (b"gzip",)) is None
    assert available() == ALL


def test_a_library_that_is_missing_is_done_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "brotli", None)
    available.cache_clear()
    try:
        assert available() == (b"zstd", b"gzip")
    finally:
        available.cache_clear()


def test_what_an_extension_sends_passes() -> None:
    sent: list[Message] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.trailers", "headers": []})

    async def receive() -> Message:
        raise AssertionError("nothing is to be received")

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(Compress(app)({"type": "http", "method": "GET", "headers": []}, receive, send))
    assert [message["type"] for message in sent] == ["http.response.trailers"]
