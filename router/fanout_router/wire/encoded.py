"""Header blocks that refer to nothing but HPACK's static table (RFC 7541 appendix A).

Entries of the dynamic table make a block some 100 bytes shorter, and cost 5 to 15 us of CPU each time, which is more
than the rest of a response does. A block without them is the same on every connection, so that the latest are
remembered.
"""

from functools import lru_cache

from hpack.table import HeaderTable

__all__ = ["encoded"]

_STATIC: tuple[tuple[bytes, bytes], ...] = tuple(HeaderTable.STATIC_TABLE)
_WHOLE = {field: bytes([0x80 | number]) for number, field in enumerate(_STATIC, 1)}
"""Fields that one byte says (section 6.1)."""
_NAMES = {name: number for number, (name, _) in reversed(list(enumerate(_STATIC, 1)))}
_UNINDEXED = 0x00
"""A literal field that enters no table (section 6.2.2)."""
_BLOCKS = 1_024
_LONGEST = 4_096
"""Bytes of the values of headers whose block is remembered."""


def encoded(headers: tuple[tuple[bytes, bytes], ...]) -> bytes:
    """The block of some headers, whatever the connection."""
    if sum(len(value) for _, value in headers) > _LONGEST:
        return _block(headers)
    return _remembered(headers)


@lru_cache(_BLOCKS)
def _remembered(headers: tuple[tuple[bytes, bytes], ...]) -> bytes:
    return _block(headers)


def _block(headers: tuple[tuple[bytes, bytes], ...]) -> bytes:
    return b"".join([_WHOLE.get(field) or _literal(*field) for field in headers])


def _literal(name: bytes, value: bytes) -> bytes:
    number = _NAMES.get(name)
    if number is None:
        return b"%c%b%b%b%b" % (_UNINDEXED, _number(len(name), 7), name, _number(len(value), 7), value)
    return b"%b%b%b" % (_number(number, 4), _number(len(value), 7), value)


def _number(number: int, bits: int) -> bytes:
    """An integer behind a prefix of zeros (section 5.1)."""
    most = (1 << bits) - 1
    if number < most:
        return bytes([number])
    octets, rest = bytearray([most]), number - most
    while rest >= 0x80:
        octets.append(rest & 0x7F | 0x80)
        rest >>= 7
    octets.append(rest)
    return bytes(octets)
