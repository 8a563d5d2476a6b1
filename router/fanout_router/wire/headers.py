"""Header blocks of a connection: HPACK both ways, and the rules that RFC 9113 section 8 sets for a
request's headers.
"""

import re
from typing import Final

from fanout_router.wire.compressed import HeaderDecoder
from fanout_router.wire.encoded import encoded

_TABLE: Final = 4_096
"""Bytes of the dynamic table before anything is said of it (RFC 9113 section 6.5.2)."""
_NO_TABLE: Final = b"\x20"
"""A dynamic table size update to 0 (RFC 7541 section 6.3)."""
_REQUEST_PSEUDO: Final = frozenset({b":method", b":scheme", b":path", b":authority"})
_EXTENDED_PSEUDO: Final = _REQUEST_PSEUDO | {b":protocol"}
_CONNECTION_SPECIFIC: Final = frozenset(
    {b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade"}
)

_REQUIRED: Final = frozenset({b":path", b":scheme"})
_fields: Final = re.compile(
    rb"(?:[!#$%&'*+.^_`|~0-9a-z-]++\0(?![\t ])[\t\x20-\x7e\x80-\xff]*+(?<![\t ])\n)*+"
).fullmatch
"""Names are tokens and values have no control character, as RFC 9110 section 5 has it and HTTP/1.1 is read; RFC 9113
section 8.2.1 forbids less."""

Headers = list[tuple[bytes, bytes]]
"""Names and values in order, pseudo-header fields first."""


class HeaderCodec:
    """Encodes and decodes header blocks; one per connection, since its peer's blocks build on each other."""

    __slots__ = ("_decoder", "_resized")

    def __init__(self, header_list: int) -> None:
        self._decoder = HeaderDecoder(header_list)
        self._resized = b""

    def encode(self, headers: Headers) -> bytes:
        """The header block of ``headers``."""
        block, self._resized = self._resized + encoded(tuple(headers)), b""
        return block

    def limit_table(self, size: int) -> None:
        """Follow the peer's SETTINGS_HEADER_TABLE_SIZE. We keep no table, and have to say so once it may be smaller
        (RFC 7541 section 4.2).
        """
        if size < _TABLE:
            self._resized = _NO_TABLE

    def decode(self, block: bytes) -> Headers:
        """The headers of ``block``.

        :raises WireError: the block is malformed, or larger than the limit once decompressed.
        """
        return self._decoder.decode(block)


def malformed_request(headers: Headers, *, connect_protocol: bool = False) -> str | None:
    """Why RFC 9113 section 8.3 calls these request headers malformed; None when they are well-formed.

    ``connect_protocol`` allows :protocol beside CONNECT, as RFC 8441 section 4 has it.
    """
    names = [name for name, _ in headers]
    regular = next((at for at, name in enumerate(names) if name[:1] != b":"), len(names))
    pseudo = dict(headers[:regular])
    known = _EXTENDED_PSEUDO if connect_protocol else _REQUEST_PSEUDO
    if len(pseudo) != regular or not pseudo.keys() <= known:
        return "repeated or unknown pseudo-header"
    # One match for all fields: a NUL parts name and value, since none of the two can have one in it.
    text = b"".join([b"%b\0%b\n" % field for field in headers[regular:]])
    if not _fields(text) or text.count(b"\n") != len(names) - regular:
        return "misplaced pseudo-header, or a field that is not allowed"
    if not _CONNECTION_SPECIFIC.isdisjoint(names) or (b"te" in names and _other_te(headers)):
        return "connection-specific field"
    connects = pseudo.get(b":method") == b"CONNECT"
    if b":protocol" in pseudo and not (connects and pseudo.keys() == _EXTENDED_PSEUDO):
        return ":protocol without CONNECT, or without what it is asked of"
    if b":method" not in pseudo or not (connects or pseudo.keys() >= _REQUIRED):
        return "pseudo-header missing"
    if pseudo.get(b":path") == b"":
        return "empty :path"
    return None


def _other_te(headers: Headers) -> bool:
    return any(name == b"te" and value != b"trailers" for name, value in headers)
