"""The framing of messages within a channel."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fanout_router.errors import ChannelError
from fanout_router.messages import BODY, CANCEL, END, HEAD, LARGEST_HEAD, TRAILERS, MessageReader, pack


class Reader(MessageReader):
    """Writes down what was read; bodies joined per message."""

    def __init__(self) -> None:
        super().__init__()
        self.read: list[tuple[str, bytes, bool]] = []
        self.alone: list[bool] = []

    def head_received(self, head: bytes, end: bool, alone: bool) -> None:
        self.read.append(("head", head, end))
        self.alone.append(alone)

    def body_received(self, data: bytes | memoryview, end: bool) -> None:
        if self.read and self.read[-1][0] == "body" and not self.read[-1][2]:
            data = self.read.pop()[1] + bytes(data)
        self.read.append(("body", bytes(data), end))

    def signal_received(self, signal: int) -> None:
        self.read.append(("signal", bytes([signal]), False))


exchanges = st.lists(
    st.tuples(st.binary(max_size=40), st.lists(st.binary(min_size=1, max_size=40), max_size=3)), max_size=6
)


@given(exchanges, st.integers(1, 50), st.booleans())
def test_what_was_packed_is_read_however_it_is_cut(
    drawn: list[tuple[bytes, list[bytes]]], chunk: int, view: bool
) -> None:
    data, expected = b"", []
    for head, parts in drawn:
        data += pack(HEAD if parts else HEAD | END, head)
        expected.append(("head", head, not parts))
        for index, part in enumerate(parts):
            data += pack(BODY | END if index == len(parts) - 1 else BODY, part)
        if parts:
            expected.append(("body", b"".join(parts), True))
    reader = Reader()

    for start in range(0, len(data), chunk):
        piece = data[start : start + chunk]
        reader.feed(memoryview(piece) if view else piece)

    assert reader.read == expected


def test_a_head_knows_whether_something_followed() -> None:
    reader = Reader()
    reader.feed(pack(HEAD, b"one"))
    reader.feed(pack(HEAD, b"two") + pack(BODY | END, b"x"))
    assert reader.alone == [True, False]


def test_an_empty_last_part_ends_a_body() -> None:
    reader = Reader()
    reader.feed(pack(BODY, b"x") + pack(BODY | END) + pack(CANCEL))
    assert reader.read == [("body", b"x", True), ("signal", bytes([CANCEL]), False)]


@pytest.mark.parametrize(
    "data",
    [
        pack(HEAD, b"x" * (LARGEST_HEAD + 1))[:5],
        pack(0),
        pack(TRAILERS),
        pack(TRAILERS | BODY | END, b"x"),
        pack(128),
        pack(CANCEL, b"x"),
        pack(CANCEL | END),
        pack(BODY | CANCEL, b"x"),
    ],
)
def test_what_is_no_message_is_refused(data: bytes) -> None:
    with pytest.raises(ChannelError):
        Reader().feed(data)
