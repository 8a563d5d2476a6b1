"""Reading compressed header blocks (HPACK, RFC 7541).

The package ``hpack`` writes blocks and has the tables, but to read a browser's seventeen headers takes it as long as
all the rest of a request's way through the router. Here an indexed header is one look-up, and Huffman code is read a
byte at a time: what a byte does in each state of the code is worked out when it first occurs.
"""

from typing import Final

from hpack.huffman_constants import REQUEST_CODES, REQUEST_CODES_LENGTH
from hpack.table import HeaderTable

from fanout_router.errors import WireError
from fanout_router.wire import frames

__all__ = ["HeaderDecoder"]

_STATIC: Final[tuple[tuple[bytes, bytes], ...]] = tuple(
    (bytes(name), bytes(value)) for name, value in HeaderTable.STATIC_TABLE
)
_DYNAMIC_FROM: Final = len(_STATIC) + 1
_TABLE_SIZE: Final = 4_096
"""Bytes of the dynamic table, which we never ask to be another."""
_ENTRY_OVERHEAD: Final = 32
_LARGEST_INTEGER: Final = 1 << 28
_EOS: Final = 256
_UNKNOWN: Final = -1


def _malformed(what: str) -> WireError:
    return WireError(frames.COMPRESSION_ERROR, f"header block cannot be decoded: {what}")


def _tree() -> list[list[int]]:
    """The code as a binary tree: nodes by their number, 0 the root; below 0 a symbol, as its complement."""
    nodes = [[0, 0]]
    for symbol, (code, length) in enumerate(zip(REQUEST_CODES, REQUEST_CODES_LENGTH, strict=True)):
        at = 0
        for shift in range(length - 1, 0, -1):
            bit = code >> shift & 1
            if not nodes[at][bit]:
                nodes.append([0, 0])
                nodes[at][bit] = len(nodes) - 1
            at = nodes[at][bit]
        nodes[at][code & 1] = ~symbol
    return nodes


class _Huffman:
    """Decodes strings; made when the first one comes."""

    def __init__(self) -> None:
        self._nodes = _tree()
        self._states: list[int] = [_UNKNOWN] * (len(self._nodes) << 8)
        """By state and byte, one behind the other: the next state."""
        self._symbols: list[bytes] = [b""] * (len(self._nodes) << 8)
        """And what was decoded."""
        padding, at = [0], 0
        for _ in range(7):
            at = self._nodes[at][1]
            padding.append(at)
        self._ends = frozenset(padding)
        """States in which a string may end: behind a symbol, and at most 7 bits of the code of EOS, which are ones."""

    def decode(self, data: bytes) -> bytes:
        """The string.

        :raises WireError: it is none.
        """
        states, symbols, state = self._states, self._symbols, 0
        found: list[bytes] = []
        for byte in data:
            key = state << 8 | byte
            state = states[key]
            if state == _UNKNOWN:
                state = self._step(key)
            found.append(symbols[key])
        if state not in self._ends:
            raise _malformed("a string that does not end")
        return b"".join(found)

    def _step(self, key: int) -> int:
        state, found = key >> 8, bytearray()
        for shift in range(7, -1, -1):
            state = self._nodes[state][key >> shift & 1]
            if state < 0:
                if ~state == _EOS:
                    raise _malformed("the end of a string within it")
                found.append(~state)
                state = 0
        self._symbols[key] = bytes(found)
        self._states[key] = state
        return state


_huffman: list[_Huffman] = []


def _unhuffed(data: bytes) -> bytes:
    if not _huffman:
        _huffman.append(_Huffman())
    return _huffman[0].decode(data)


class HeaderDecoder:
    """Reads the blocks of one connection, in their order. ``largest`` bounds a list, counted as RFC 9113 section
    6.5.2 does.
    """

    def __init__(self, largest: int) -> None:
        self._largest = largest
        self._dynamic: list[tuple[bytes, bytes]] = []
        """The dynamic table, newest last."""
        self._size = 0
        self._room = _TABLE_SIZE

    def decode(self, block: bytes) -> list[tuple[bytes, bytes]]:
        """The headers of a block.

        :raises WireError: it is malformed, or its headers are larger than the limit.
        """
        headers: list[tuple[bytes, bytes]] = []
        at, end, size = 0, len(block), 0
        try:
            while at < end:
                first = block[at]
                if first & 0x80:
                    index, at = first & 0x7F, at + 1
                    if index == 0x7F:
                        index, at = _integer(block, at, index)
                    header = self._entry(index)
                elif first & 0xE0 == 0x20:
                    at = self._resize(block, at, first, not headers)
                    continue
                else:
                    header, at = self._literal(block, at, first)
                headers.append(header)
                size += len(header[0]) + len(header[1]) + _ENTRY_OVERHEAD
                if size > self._largest:
                    raise WireError(frames.ENHANCE_YOUR_CALM, "header list too large")
        except IndexError:
            raise _malformed("it ends early") from None
        return headers

    def _entry(self, index: int) -> tuple[bytes, bytes]:
        if 0 < index < _DYNAMIC_FROM:
            return _STATIC[index - 1]
        behind = index - _DYNAMIC_FROM
        if not 0 <= behind < len(self._dynamic):
            raise _malformed(f"index {index}")
        return self._dynamic[-1 - behind]

    def _literal(self, block: bytes, at: int, first: int) -> tuple[tuple[bytes, bytes], int]:
        indexed = first & 0x40
        mask = 0x3F if indexed else 0x0F
        index, at = first & mask, at + 1
        if index == mask:
            index, at = _integer(block, at, mask)
        if index:
            name = self._entry(index)[0]
        else:
            name, at = _string(block, at)
        value, at = _string(block, at)
        if indexed:
            self._add((name, value))
        return (name, value), at

    def _resize(self, block: bytes, at: int, first: int, allowed: bool) -> int:
        room, at = first & 0x1F, at + 1
        if room == 0x1F:
            room, at = _integer(block, at, room)
        if room > _TABLE_SIZE or not allowed:
            raise _malformed("a table size that is too large, or not at the beginning")
        self._room = room
        self._evict()
        return at

    def _add(self, header: tuple[bytes, bytes]) -> None:
        self._dynamic.append(header)
        self._size += len(header[0]) + len(header[1]) + _ENTRY_OVERHEAD
        self._evict()

    def _evict(self) -> None:
        while self._size > self._room:
            name, value = self._dynamic.pop(0)
            self._size -= len(name) + len(value) + _ENTRY_OVERHEAD


def _integer(block: bytes, at: int, value: int) -> tuple[int, int]:
    """An integer whose prefix was full, and where it ends (RFC 7541 section 5.1)."""
    shift = 0
    while True:
        byte = block[at]
        at += 1
        value += (byte & 0x7F) << shift
        shift += 7
        if value > _LARGEST_INTEGER or shift > 35:
            raise _malformed("an integer that is too large")
        if byte < 0x80:
            return value, at


def _string(block: bytes, at: int) -> tuple[bytes, int]:
    first = block[at]
    size, at = first & 0x7F, at + 1
    if size == 0x7F:
        size, at = _integer(block, at, size)
    end = at + size
    if end > len(block):
        raise _malformed("it ends early")
    data = block[at:end]
    return _unhuffed(data) if first & 0x80 else data, end
