"""Heads that repeat: what was parsed once is not parsed again.

A client sends the same fields with request after request, and many clients ask for the same targets; HPACK saves
the bytes of both, this saves the parsing. A head is cut in two at the end of its request line. The line is looked
up among those of all connections; the fields, byte for byte, among those that this connection has sent before. Only
what was found plain by the whole parser is ever remembered, so whatever is unusual is looked at each time.
"""

import re
from dataclasses import dataclass

_PLAIN = re.compile(rb"(GET|HEAD|OPTIONS|DELETE) (/[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*) HTTP/1\.1\r\n")
_LINES = 1_024
_LINE_BYTES = 512
_HEADS = 4
_HEAD_BYTES = 1_024
_END = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class RequestLine:
    """A request line without a body to follow, in characters that need no second look."""

    method: bytes
    target: bytes
    plain: bool
    """A response has a body, if its own head says so."""


class RequestLines:
    """The plain request lines of all connections seen lately; at most 1,024 of at most 512 bytes."""

    def __init__(self, longest_target: int) -> None:
        self._longest_target = longest_target
        self._known: dict[bytes, RequestLine] = {}
        self.get = self._known.get

    def parse(self, line: bytes) -> RequestLine | None:
        """A line that is plain, from now on known; None for any other."""
        found = _PLAIN.fullmatch(line)
        if found is None or len(found[2]) > self._longest_target:
            return None
        parsed = RequestLine(found[1], found[2], found[1] != b"HEAD")
        if len(line) <= _LINE_BYTES:
            if len(self._known) >= _LINES:
                self._known.clear()
            self._known[line] = parsed
        return parsed


class KnownFields:
    """The field blocks of one connection, as they came, with host and field lines as the app gets them; at most 4
    of at most 1,024 bytes.
    """

    def __init__(self) -> None:
        self._known: dict[bytes, tuple[bytes, bytes]] = {}
        self.get = self._known.get

    def remember(self, data: bytes, host: bytes, fields: bytes) -> None:
        """Remember a head of which nothing was special, if ``data`` is that head and no more."""
        line_end = data.find(b"\n") + 1
        if (
            len(data) - line_end <= _HEAD_BYTES
            and data.find(_END) == len(data) - len(_END)
            and _PLAIN.fullmatch(data, 0, line_end)
        ):
            if len(self._known) >= _HEADS:
                self._known.clear()
            self._known[data[line_end:]] = host, fields
