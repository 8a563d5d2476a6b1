"""Header blocks beside what the package ``hpack`` makes of them."""

import hpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fanout_router.errors import WireError
from fanout_router.wire import frames
from fanout_router.wire.compressed import HeaderDecoder

Headers = list[tuple[bytes, bytes]]

NAMES = st.one_of(
    st.sampled_from([b":path", b":method", b"cookie", b"user-agent", b"x-a", b"accept", b""]), st.binary(max_size=8)
)
VALUES = st.one_of(st.sampled_from([b"/", b"GET", b"gzip, deflate", b"x" * 200]), st.binary(max_size=300))


def read_by_hpack(decoder: hpack.Decoder, block: bytes) -> Headers | None:
    try:
        return [(bytes(name), bytes(value)) for name, value in decoder.decode(block, raw=True)]
    except (hpack.HPACKError, UnicodeDecodeError, IndexError):
        return None


def read(decoder: HeaderDecoder, block: bytes) -> Headers | None:
    try:
        return decoder.decode(block)
    except WireError:
        return None


@given(
    st.lists(st.lists(st.tuples(NAMES, VALUES), max_size=8), min_size=1, max_size=6),
    st.booleans(),
    st.lists(st.integers(0, 4_096), max_size=6),
)
@settings(max_examples=300, deadline=None)
def test_what_a_peer_writes_is_read(lists: list[Headers], huffman: bool, sizes: list[int]) -> None:
    # GIVEN a peer whose table changes its size and fills up from block to block
    encoder, decoder = hpack.Encoder(), HeaderDecoder(1 << 20)
    for at, headers in enumerate(lists):
        if at < len(sizes):
            encoder.header_table_size = sizes[at]
        # THEN each block is read as it was written
        assert decoder.decode(encoder.encode(headers, huffman=huffman)) == headers


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=5))
@settings(max_examples=1_500, deadline=None)
def test_any_bytes_are_read_as_hpack_reads_them_or_refused(blocks: list[bytes]) -> None:
    ours, theirs = HeaderDecoder(1 << 20), hpack.Decoder(max_header_list_size=1 << 20)
    for block in blocks:
        found, expected = read(ours, block), read_by_hpack(theirs, block)
        assert found == expected, block
        if found is None:
            return


@given(st.data())
@settings(max_examples=500, deadline=None)
def test_blocks_that_were_changed_are_read_as_hpack_reads_them_or_refused(data: st.DataObject) -> None:
    encoder = hpack.Encoder()
    ours, theirs = HeaderDecoder(1 << 20), hpack.Decoder(max_header_list_size=1 << 20)
    for headers in data.draw(st.lists(st.lists(st.tuples(NAMES, VALUES), min_size=1, max_size=5), max_size=4)):
        block = bytearray(encoder.encode(headers))
        for _ in range(data.draw(st.integers(0, 2))):
            block[data.draw(st.integers(0, len(block) - 1))] = data.draw(st.integers(0, 255))
        found = read(ours, bytes(block))
        assert found == read_by_hpack(theirs, bytes(block))
        if found is None:
            return


def test_every_byte_can_be_in_a_string() -> None:
    headers = [(b"x", bytes([byte]) * count) for byte in range(256) for count in (1, 3)]
    assert HeaderDecoder(1 << 20).decode(hpack.Encoder().encode(headers)) == headers


@pytest.mark.parametrize(
    "block",
    [
        b"\x80",  # index 0
        b"\xff\xff\xff\xff\xff\xff\x7f",  # an index without an end
        b"\xbe",  # of a dynamic table that is empty
        b"\x40\x01x\x05ab",  # a value that ends early
        b"\x40\x01x\x81\x00",  # padded with other than ones
        b"\x40\x01x\x84\xff\xff\xff\xff",  # EOS
        b"\x40\x01x\x82\x1f\xff",  # padding of more than 7 bits
        b"\x82\x20",  # a table size that is not at the beginning
        b"\x3f\xe2\x1f",  # one that was not allowed
        b"\x40",
    ],
)
def test_what_is_no_block_is_refused(block: bytes) -> None:
    with pytest.raises(WireError) as refused:
        HeaderDecoder(1 << 16).decode(block)
    assert refused.value.code == frames.COMPRESSION_ERROR


def test_a_bomb_is_refused_where_it_passes_the_limit() -> None:
    # GIVEN a large header in the table, and a block that names it a thousand times
    encoder, decoder = hpack.Encoder(), HeaderDecoder(32_768)
    decoder.decode(encoder.encode([(b"x", b"y" * 4_000)]))
    with pytest.raises(WireError) as refused:
        decoder.decode(b"\xbe" * 1_000)
    assert refused.value.code == frames.ENHANCE_YOUR_CALM
