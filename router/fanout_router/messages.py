"""Messages within a channel: requests and responses one after the other on one long-lived HTTP/2 stream.

A message is a 4-byte length, 1 byte of flags, and the payload. A whole small request is two messages in one
DATA frame, and so is its response; that is why the router needs no HTTP/2 stream, and no header block, per
request.

- HEAD (both): the payload is an HTTP/1.1 head: start line and field lines, with the empty line
- BODY (both): the payload is a part of the body
- END (both, with the above): the request, or the response, ends with this message
- TRAILERS (both, always with END): the payload are field lines; only to a peer that is known to take them: an
  environment that said so when it opened the channel, and the router when the request's head has TE
- CANCEL (router, then adapter): the router wants no more of this request; the adapter answers with the same
- FAILED (adapter): the response cannot be finished; the channel stays usable
- REFUSED (adapter): the request was not looked at: it may safely go to another environment
"""

import struct
from typing import Final

from fanout_router.compiled import mypyc_attr
from fanout_router.errors import ChannelError

HEAD: Final = 1
BODY: Final = 2
END: Final = 4
CANCEL: Final = 8
FAILED: Final = 16
REFUSED: Final = 32
TRAILERS: Final = 64

HEADER: Final = struct.Struct(">IB")
LARGEST_HEAD: Final = 262_144
"""Bytes of the largest head, or trailers, either way; the front's limit for requests is lower unless it is raised."""

_GATHERED: Final = HEAD | TRAILERS
_SIGNALS: Final = frozenset({CANCEL, FAILED, REFUSED})
_unpack: Final = HEADER.unpack_from


def pack(flags: int, payload: bytes = b"") -> bytes:
    """One message."""
    return HEADER.pack(len(payload), flags) + payload


@mypyc_attr(allow_interpreted_subclasses=True)
class MessageReader:
    """Takes a channel's bytes apart; a subclass says what the messages mean.

    A body is passed on as it comes, never gathered; a head is gathered up to ``LARGEST_HEAD``.
    """

    __slots__ = ("_buffer", "_ends", "_remaining")

    def __init__(self) -> None:
        self._buffer = b""
        self._remaining = 0
        self._ends = False

    def feed(self, data: bytes | memoryview) -> None:
        """Take bytes; calls the three methods below.

        :raises ChannelError: the bytes are no message.
        """
        if self._buffer:
            data = self._buffer + bytes(data)
            self._buffer = b""
        at, size = 0, len(data)
        while at < size:
            if self._remaining:
                take = min(self._remaining, size - at)
                self._remaining -= take
                piece = data if take == size else data[at : at + take]
                at += take
                self.body_received(piece, self._ends and not self._remaining)
                continue
            if size - at < 5:
                break
            length, flags = _unpack(data, at)
            if flags & _GATHERED:
                if length > LARGEST_HEAD:
                    raise ChannelError(f"head of {length} bytes; at most {LARGEST_HEAD} are taken")
                if size - at - 5 < length:
                    break
                at += 5 + length
                text = bytes(data[at - length : at])
                if flags & HEAD:
                    self.head_received(text, flags & END != 0, at == size)
                elif flags == TRAILERS | END:
                    self.trailers_received(text)
                else:
                    raise ChannelError(f"trailers with flags {flags:#x}: they end a message, and are nothing else")
            else:
                at += 5
                self._begin(length, flags)
        if at < size:
            self._buffer = bytes(data[at:])

    def _begin(self, length: int, flags: int) -> None:
        if flags & ~END == BODY:
            self._remaining, self._ends = length, flags & END != 0
            if not length and self._ends:
                self.body_received(b"", True)
        elif flags in _SIGNALS and not length:
            self.signal_received(flags)
        else:
            raise ChannelError(f"message with flags {flags:#x} and {length} bytes")

    def head_received(self, head: bytes, end: bool, alone: bool) -> None:
        """A whole head; ``alone`` when nothing followed it in the same piece of data."""
        raise NotImplementedError

    def body_received(self, data: bytes | memoryview, end: bool) -> None:
        """A part of a body, valid during the call only."""
        raise NotImplementedError

    def trailers_received(self, lines: bytes) -> None:  # noqa: ARG002
        """The end, with field lines; who has no use for them hears of the end."""
        self.body_received(b"", True)

    def signal_received(self, signal: int) -> None:
        """CANCEL, FAILED or REFUSED."""
        raise NotImplementedError
