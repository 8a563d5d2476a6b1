"""Header blocks of a connection: HPACK both ways, and the rules that RFC 9113 section 8 sets for a
request's headers.
"""

from typing import cast

import hpack

from fanout_router.errors import WireError
from fanout_router.wire import frames

_REQUEST_PSEUDO = frozenset({b":method", b":scheme", b":path", b":authority"})
_CONNECTION_SPECIFIC = frozenset({b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade"})

Headers = list[tuple[bytes, bytes]]
"""Names and values in order, pseudo-header fields first."""


class HeaderCodec:
    """Encodes and decodes header blocks; one per connection, since HPACK keeps state."""

    __slots__ = ("_decoder", "_encoder")

    def __init__(self, header_list: int) -> None:
        self._decoder = hpack.Decoder(max_header_list_size=header_list)
        self._encoder = hpack.Encoder()

    def encode(self, headers: Headers) -> bytes:
        """The header block of ``headers``."""
        return self._encoder.encode(headers)

    def limit_table(self, size: int) -> None:
        """Follow the peer's SETTINGS_HEADER_TABLE_SIZE; never above the default 4,096."""
        self._encoder.header_table_size = min(size, 4_096)

    def decode(self, block: bytes) -> Headers:
        """The headers of ``block``.

        :raises WireError: the block is malformed, or larger than the limit once decompressed.
        """
        try:
            return cast("Headers", [(bytes(n), bytes(v)) for n, v in self._decoder.decode(block, raw=True)])
        except hpack.OversizedHeaderListError:
            raise WireError(frames.ENHANCE_YOUR_CALM, "header list too large") from None
        except (hpack.HPACKError, UnicodeDecodeError, IndexError):
            raise WireError(frames.COMPRESSION_ERROR, "header block cannot be decoded") from None


def malformed_request(headers: Headers) -> str | None:
    """Why RFC 9113 section 8.3 calls these request headers malformed; None when they are well-formed."""
    seen: set[bytes] = set()
    regular = False
    for name, value in headers:
        if name.startswith(b":"):
            if regular or name in seen or name not in _REQUEST_PSEUDO:
                return "misplaced, repeated or unknown pseudo-header"
            seen.add(name)
            continue
        regular = True
        problem = _malformed_field(name, value)
        if problem:
            return problem
    if b":method" not in seen or (dict(headers)[b":method"] != b"CONNECT" and not seen >= {b":path", b":scheme"}):
        return "pseudo-header missing"
    if dict(headers).get(b":path") == b"":
        return "empty :path"
    return None


def _malformed_field(name: bytes, value: bytes) -> str | None:
    if not name or name != name.lower() or any(c <= 0x20 or c == 0x3A or c >= 0x7F for c in name):
        return "field name not allowed"
    if name in _CONNECTION_SPECIFIC or (name == b"te" and value != b"trailers"):
        return "connection-specific field"
    if any(c in b"\x00\r\n" for c in value) or value != value.strip(b" \t"):
        return "field value not allowed"
    return None
