"""The body of a chunked request (RFC 9112 section 7.1), taken apart as it comes.

Nothing but the grammar is taken: no blanks beside a size, no bare LF, no sizes beyond 60 bits. Chunk extensions are
checked and dropped; they may not make up most of what is sent.
"""

import re
from collections.abc import Callable

from fanout_router.http.refusals import RefusedError

__all__ = ["ChunkedBody"]

_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]"
# No possessive quantifier over a group: before Python 3.11.5 some match wrongly (CPython issue 106052). None is needed:
# an extension, or a field, begins with what the one before it cannot hold, so that there is one way to read a line.
_EXTENSION = (
    rb";"
    + _TOKEN
    + rb'++(?:=(?:"(?:[\t\x20!\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t\x20-\x7e\x80-\xff])*"|'
    + _TOKEN
    + rb"++))?"
)
_FIELD = _TOKEN + rb"++:[\t\x20-\x7e\x80-\xff]*+\r\n"

_size = re.compile(rb"0*+([0-9A-Fa-f]{0,15})((?:" + _EXTENSION + rb")*)\r\n").match
_begun_size = re.compile(rb"0*+[0-9A-Fa-f]{0,15}(?:;[\t\x20-\x7e\x80-\xff]*+)?\r?").fullmatch
_trailers = re.compile(rb"(?:" + _FIELD + rb")*\r\n").match
_begun_trailers = re.compile(
    rb"(?:" + _FIELD + rb")*(?:" + _TOKEN + rb"++(?::[\t\x20-\x7e\x80-\xff]*+)?)?\r?"
).fullmatch
_framing_in_trailers = re.compile(rb"(?:^|\n)(?:content-length|transfer-encoding|host):", re.IGNORECASE).search
_LONGEST_LINE = 16_384
"""Bytes of a chunk's size with its extensions, and of all trailers."""


class ChunkedBody:
    """One chunked body; ``on_data`` gets its data as it comes."""

    def __init__(self, on_data: Callable[[bytes], object]) -> None:
        self.ended = False
        self.trailers = b""
        """The field lines behind the last chunk."""
        self._on_data = on_data
        self._held = b""
        self._left = 0
        """Bytes of the present chunk still to come."""
        self._behind_data = False
        """The CRLF behind a chunk's data is to come."""
        self._in_trailers = False
        self._slack = _LONGEST_LINE
        """Bytes of extensions that are still taken; data earns more of them."""

    def feed(self, data: bytes) -> int:
        """Take bytes; how many of them belong to this body.

        :raises RefusedError: they are no chunks.
        """
        held = len(self._held)
        if held:
            data, self._held = self._held + data, b""
        at, size = 0, len(data)
        while at < size and not self.ended:
            if self._left:
                at = self._data(data, at)
                continue
            behind = self._line(data, at)
            if behind == at:
                self._hold(data[at:])
                return size - held
            at = behind
        return at - held

    def _data(self, data: bytes, at: int) -> int:
        part = data[at : at + self._left]
        self._left -= len(part)
        self._slack = min(self._slack + len(part), _LONGEST_LINE)
        self._behind_data = not self._left
        self._on_data(part)
        return at + len(part)

    def _line(self, data: bytes, at: int) -> int:
        """Read what stands between data; where it ends, or ``at`` when it is not all there."""
        if self._in_trailers:
            return self._end(data, at)
        begin = at
        if self._behind_data:
            if data[at : at + 2] != b"\r\n":
                return at if data[at:] == b"\r" else self._refused()
            begin += 2
        found = _size(data, begin)
        if found is None:
            return at if _begun_size(data, begin) else self._refused()
        if found.end(1) == begin:
            self._refused()  # no digit at all
        self._behind_data = False
        self._slack -= len(found[2])
        if self._slack < 0:
            self._refused()
        self._left = int(found[1] or b"0", 16)
        self._in_trailers = not self._left
        return found.end()

    def _end(self, data: bytes, at: int) -> int:
        found = _trailers(data, at)
        if found is None:
            return at if _begun_trailers(data, at) else self._refused()
        if _framing_in_trailers(found[0]):
            self._refused()
        self.ended = True
        self.trailers = found[0][:-2]
        return found.end()

    def _hold(self, rest: bytes) -> None:
        if len(rest) > _LONGEST_LINE:
            raise RefusedError(431 if self._in_trailers else 400)
        self._held = rest

    @staticmethod
    def _refused() -> int:
        raise RefusedError(400)
