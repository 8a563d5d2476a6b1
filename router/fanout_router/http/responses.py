"""Heads of responses, as environments send them: checked, and rid of what must not pass a proxy."""

import re
from dataclasses import dataclass, field
from typing import Final

__all__ = ["JOIN_UP_TO", "UNKNOWN_LENGTH", "ResponseHead", "check", "known"]

_HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
# What decides where a response ends, or must not pass; found in one search from line to line.
_DECISIVE: Final = re.compile(
    rb"\r\n(?:(content-length)|transfer-encoding|connection|keep-alive|upgrade)[ \t]*:", re.IGNORECASE
)
# A whole head: names are tokens, and no control character is anywhere (RFC 9110 section 5.5).
_HEAD: Final = re.compile(
    rb"HTTP/1\.1 ([1-5][0-9][0-9])(?: [^\x00-\x08\x0a-\x1f\x7f]*)?\r\n"
    rb"(?:[!#$%&'*+.^_`|~0-9A-Za-z-]+[ \t]*:[^\x00-\x08\x0a-\x1f\x7f]*\r\n)*\r\n"
)
_NO_LENGTH = re.compile(rb"\r\ncontent-length[ \t]*:[^\r]*", re.IGNORECASE)
UNKNOWN_LENGTH: Final = -1
_CACHED_HEADS: Final = 512
JOIN_UP_TO: Final = 16_384
"""Bytes of body that are copied behind the head for the sake of one write; more goes in a write of its own."""


@dataclass(slots=True)
class ResponseHead:
    """A checked head: ``fields`` without the final empty line, its status, and the length it announces."""

    fields: bytes
    status: int
    length: int
    whole: bytes = field(init=False)
    """The head as it goes to a client whose connection stays open."""
    has_body: bool = field(init=False)
    """Whether a body may follow this status (RFC 9110 section 6.4.1)."""
    joins: int = field(init=False)
    """The length of a body that is sent in one write with ``whole``; ``UNKNOWN_LENGTH`` when none is."""

    def fits(self, size: int) -> bool:
        """Whether a whole body of this size is what the head announces."""
        return not self.has_body or self.length in (UNKNOWN_LENGTH, size)

    def __post_init__(self) -> None:
        self.whole = self.fields + b"\r\n"
        self.has_body = self.status >= 200 and self.status not in (204, 304)
        self.joins = self.length if self.has_body and self.length <= JOIN_UP_TO else UNKNOWN_LENGTH


_cache: dict[bytes, ResponseHead | None] = {}
known: Final = _cache.get
"""What :func:`check` said of a head before; None when it has not seen it lately, or would pass none such."""


def check(head: bytes) -> ResponseHead | None:
    """Check a head; None when it is no response that may be passed on.

    Heads repeat (the date changes once a second), so the latest are remembered.
    """
    try:
        return _cache[head]
    except KeyError:
        pass
    if len(_cache) >= _CACHED_HEADS:
        _cache.clear()
    checked = _cache[head] = _check(head)
    return checked


def _check(head: bytes) -> ResponseHead | None:
    line = _HEAD.fullmatch(head)
    if line is None:
        return None
    length, fields = UNKNOWN_LENGTH, head[:-2]
    for found in _DECISIVE.finditer(head):
        if not found[1]:
            fields = _without_hops(head)
            continue
        value = head[found.end() : head.find(b"\r", found.end())].strip(b" \t")
        if length != UNKNOWN_LENGTH or not value.isdigit() or len(value) > 18:
            return None
        length = int(value)
    status = int(line[1])
    if length != UNKNOWN_LENGTH and (status < 200 or status == 204):  # RFC 9110 section 8.6
        fields, length = _NO_LENGTH.sub(b"", fields), UNKNOWN_LENGTH
    return ResponseHead(fields, status, length)


def _without_hops(head: bytes) -> bytes:
    lines = head[:-4].split(b"\r\n")
    nominated = {
        token.strip()
        for line in lines[1:]
        if line[:11].lower() == b"connection:"
        for token in line[11:].lower().split(b",")
    }
    drop = (_HOP_BY_HOP | nominated) - {b"content-length"}
    kept = [line for line in lines[1:] if line.split(b":", 1)[0].strip().lower() not in drop]
    return b"\r\n".join([lines[0], *kept, b""])
