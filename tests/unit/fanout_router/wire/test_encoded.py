"""Header blocks without state, as hpack reads them."""

import hpack
import pytest
from hpack.table import HeaderTable
from hypothesis import given
from hypothesis import strategies as st

from fanout_router.wire.encoded import encoded
from fanout_router.wire.headers import HeaderCodec

NAMES = st.sampled_from([name for name, _ in HeaderTable.STATIC_TABLE]) | st.binary(min_size=1, max_size=300)
FIELDS = st.lists(st.sampled_from(HeaderTable.STATIC_TABLE) | st.tuples(NAMES, st.binary(max_size=300)), max_size=20)


def read(decoder: hpack.Decoder, block: bytes) -> list[tuple[bytes, bytes]]:
    return [(name, value) for name, value in decoder.decode(block, raw=True)]


@given(FIELDS)
def test_a_block_is_what_its_headers_are(headers: list[tuple[bytes, bytes]]) -> None:
    assert read(hpack.Decoder(max_header_list_size=1 << 20), encoded(tuple(headers))) == headers


@pytest.mark.parametrize("size", [126, 127, 128, 254, 255, 16_510, 16_511, 3_000_000])
def test_lengths_of_more_than_one_byte(size: int) -> None:
    headers = [(b"x-long", b"a" * size), (b"retry-after", b"1")]
    assert read(hpack.Decoder(max_header_list_size=1 << 24), encoded(tuple(headers))) == headers


@pytest.mark.parametrize("sizes", [[0], [100, 4_096], [1 << 20]])
def test_a_peer_that_wants_another_table_is_told_so_in_the_next_block(sizes: list[int]) -> None:
    """GIVEN a peer that allows a smaller table WHEN a block is written THEN it says so, as the peer may ask
    (RFC 7541 section 4.2), and those behind it do not.
    """
    codec, decoder = HeaderCodec(1 << 16), hpack.Decoder()
    headers = [(b":status", b"200"), (b"x-a", b"b")]
    for size in sizes:
        codec.limit_table(size)
    decoder.max_allowed_table_size = min(4_096, *sizes)
    assert [read(decoder, codec.encode(headers)) for _ in range(2)] == [headers] * 2
    assert decoder.header_table_size == (0 if min(sizes) < 4_096 else 4_096)
