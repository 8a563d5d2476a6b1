"""The bytes of HTTP/2 frames (RFC 9113 sections 4 and 6), packed and named; no state is kept here.

Plain integers rather than enumerations: they are compared once per frame on the router's hottest path.
"""

import struct
from collections.abc import Iterable, Iterator
from typing import Final

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS = 0, 1, 2, 3, 4
PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 5, 6, 7, 8, 9

END_STREAM = ACK = 0x1
END_HEADERS: Final = 0x4
PADDED: Final = 0x8
HAS_PRIORITY: Final = 0x20

HEADER_TABLE_SIZE, ENABLE_PUSH, MAX_CONCURRENT_STREAMS = 1, 2, 3
INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE, MAX_HEADER_LIST_SIZE = 4, 5, 6
ENABLE_CONNECT_PROTOCOL = 8

NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR = 0x0, 0x1, 0x2, 0x3
STREAM_CLOSED, FRAME_SIZE_ERROR, REFUSED_STREAM, CANCEL = 0x5, 0x6, 0x7, 0x8
COMPRESSION_ERROR, ENHANCE_YOUR_CALM = 0x9, 0xB

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DEFAULT_WINDOW: Final = 65_535
DEFAULT_FRAME_SIZE: Final = 16_384
LARGEST_WINDOW: Final = 2**31 - 1
LARGEST_FRAME_SIZE: Final = 2**24 - 1

HEADER: Final = struct.Struct(">BHBBI")
"""Length (high byte, low half), type, flags, stream id: the nine octets before each payload."""

_SETTING: Final = struct.Struct(">HI")
_TWO_WORDS: Final = struct.Struct(">II")


def frame(kind: int, flags: int, stream_id: int, payload: bytes = b"") -> bytes:
    """One whole frame."""
    size = len(payload)
    return HEADER.pack(size >> 16, size & 0xFFFF, kind, flags, stream_id) + payload


def header_block(flags: int, stream_id: int, block: bytes, largest: int) -> Iterator[bytes]:
    """A header block as one HEADERS frame and CONTINUATIONs, none with a payload above ``largest``."""
    kind = HEADERS
    while block:
        part, block = block[:largest], block[largest:]
        yield frame(kind, flags if block else flags | END_HEADERS, stream_id, part)
        kind, flags = CONTINUATION, 0


def settings(values: Iterable[tuple[int, int]]) -> bytes:
    """A SETTINGS frame of (identifier, value) pairs."""
    return frame(SETTINGS, 0, 0, b"".join(_SETTING.pack(key, value) for key, value in values))


def parse_settings(payload: bytes) -> list[tuple[int, int]]:
    """The (identifier, value) pairs of a SETTINGS payload, whose length the caller has checked."""
    return list(_SETTING.iter_unpack(payload))


def window_update(stream_id: int, increment: int) -> bytes:
    """A WINDOW_UPDATE frame: the peer may send ``increment`` bytes more."""
    return frame(WINDOW_UPDATE, 0, stream_id, increment.to_bytes(4, "big"))


def rst_stream(stream_id: int, code: int) -> bytes:
    """A RST_STREAM frame."""
    return frame(RST_STREAM, 0, stream_id, code.to_bytes(4, "big"))


def goaway(last_stream_id: int, code: int, debug: bytes = b"") -> bytes:
    """A GOAWAY frame."""
    return frame(GOAWAY, 0, 0, _TWO_WORDS.pack(last_stream_id, code) + debug)


SETTINGS_ACK = frame(SETTINGS, ACK, 0)
