"""Chunked bodies beside what httptools makes of them, however they are cut."""

import httptools
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fanout_router.http.chunks import ChunkedBody
from fanout_router.http.refusals import RefusedError

SAMPLE = b'3;a=b;c="d\\"e"\r\nabc\r\n0B\r\n0123456789A\r\n0\r\nX-T: 1\r\n\r\n'


class Oracle:
    """A body as httptools reads it."""

    def __init__(self) -> None:
        self.body = b""
        self.whole = False

    def on_body(self, data: bytes) -> None:
        self.body += data

    def on_message_complete(self) -> None:
        self.whole = True


def read_by_httptools(data: bytes) -> bytes | None:
    """The whole body; None when it is none, or more must come."""
    oracle = Oracle()
    parser = httptools.HttpRequestParser(oracle)
    try:
        parser.feed_data(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + data)
    except httptools.HttpParserError:
        return None
    return oracle.body if oracle.whole else None


def read(data: bytes, size: int = 0) -> tuple[bytes | None, bytes]:
    """The whole body, None when it is none or more must come; and what is behind it."""
    parts: list[bytes] = []
    chunks = ChunkedBody(parts.append)
    step = size or len(data) or 1
    at = 0
    while at < len(data) and not chunks.ended:
        piece = data[at : at + step]
        try:
            used = chunks.feed(piece)
        except RefusedError:
            return None, b""
        assert used == len(piece) or chunks.ended
        at += used
    return (b"".join(parts) if chunks.ended else None), data[at:]


@pytest.mark.parametrize("size", [0, 1, 2, 3, 5, 11])
def test_a_body_may_come_in_pieces(size: int) -> None:
    assert read(SAMPLE + b"GET /next", size) == (b"abc0123456789A", b"GET /next")


@pytest.mark.parametrize("at", range(len(SAMPLE)))
def test_every_byte_at_every_place_is_taken_or_refused_as_httptools_does(at: int) -> None:
    for number in range(256):
        byte = bytes([number])
        for data in (SAMPLE[:at] + byte + SAMPLE[at:], SAMPLE[:at] + byte + SAMPLE[at + 1 :]):
            ours, behind = read(data)
            assert read(data, 1) == (ours, behind)
            theirs = read_by_httptools(data[: len(data) - len(behind)])
            assert ours == theirs or (ours is None and at < _EXTENSIONS), data


_EXTENSIONS = SAMPLE.index(b"abc")
"""Where the grammar is kept more strictly than by httptools, which takes extensions without name or value."""

PIECES = st.sampled_from(
    [
        *(b"0", b"1", b"3", b"a", b"F", b"\r\n", b"\r\n", b"\r\n", b"\n", b"\r", b";", b"=", b'"', b"\\", b" ", b"abc"),
        *(
            b"0\r\n\r\n",
            b"3\r\nabc\r\n",
            b"\0",
            b"\x80",
            b"x",
            b"x: y",
            b"Content-Length: 1",
            b"0000000000000000000001",
        ),
    ]
)


@given(st.lists(PIECES, max_size=14).map(b"".join), st.integers(1, 5))
@settings(max_examples=1_500, deadline=None)
def test_nothing_is_taken_that_httptools_refuses(data: bytes, size: int) -> None:
    ours, behind = read(data)
    assert read(data, size) == (ours, behind)
    if ours is not None:
        assert ours == read_by_httptools(data[: len(data) - len(behind)])


@pytest.mark.parametrize(
    "data",
    [
        b"1\r\na\r\n0\r\nContent-Length: 1\r\n\r\n",
        b"0\r\nA: b\r\nTRANSFER-ENCODING: chunked\r\n\r\n",
        b"0\r\nhost: b\r\n\r\n",
    ],
)
def test_trailers_that_frame_or_route_are_refused(data: bytes) -> None:
    assert read(data) == (None, b"")


def feed_often(chunks: ChunkedBody, data: bytes) -> None:
    for _ in range(100):
        chunks.feed(data)


def test_extensions_may_not_be_most_of_a_body() -> None:
    # GIVEN chunks of one byte, each with an extension of 1,000
    chunks = ChunkedBody(lambda _: None)
    chunk = b"1;a=" + b"x" * 1_000 + b"\r\nx\r\n"
    # THEN a few of them are taken, and not hundreds
    with pytest.raises(RefusedError):
        feed_often(chunks, chunk)
    # AND beside data they may go on for ever
    chunks = ChunkedBody(lambda _: None)
    feed_often(chunks, b"800;sig=" + b"x" * 1_000 + b"\r\n" + b"d" * 0x800 + b"\r\n")


@pytest.mark.parametrize(("begin", "status"), [(b"1;a=", 400), (b"0\r\nX: ", 431)])
def test_a_line_that_never_ends_is_refused(begin: bytes, status: int) -> None:
    chunks = ChunkedBody(lambda _: None)
    chunks.feed(begin)
    with pytest.raises(RefusedError) as refused:
        feed_often(chunks, b"x" * 1_000)
    assert refused.value.status == status
