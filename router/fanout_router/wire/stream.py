"""One request and its response on a connection, both ways, and the limits of streams and connections."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from fanout_router.wire import frames
from fanout_router.wire.headers import Headers

if TYPE_CHECKING:
    from fanout_router.wire.control import ControlFrames

__all__ = []


@dataclass(frozen=True, slots=True, kw_only=True)
class WireLimits:
    """Sizes in bytes, rates per second, for one connection."""

    frame_size: int = 65_536 + 2_048
    """Largest frame taken: 64 KiB of body fit in one with the head of the response before them."""
    stream_window: int = 4 * (65_536 + 2_048)
    """Four such frames, so that none of them has to be cut in two."""
    connection_window: int = 1 << 24
    streams: int = 1_000
    """Streams open at a time."""
    header_block: int = 16_384
    """Compressed header block, over HEADERS and all its CONTINUATIONs."""
    header_list: int = 32_768
    """Decompressed header list, counted as RFC 9113 section 6.5.2 does: bounds an HPACK bomb."""
    connect_protocol: bool = False
    """Whether a peer may open a stream for another protocol than HTTP (RFC 8441)."""
    overhead_burst: int = 2_000
    """Frames without progress taken at once."""
    overhead_rate: float = 500.0
    """Frames without progress taken per second, lastingly."""
    small_window_update: int = 1_024
    """A window update below this is a frame without progress."""
    pending_output: int = 1 << 24
    """Bytes held for one stream whose window is closed; the sender is told to pause long before."""


class OverheadBudget:
    """A token bucket for frames without progress, refilled by the clock only when it runs low."""

    __slots__ = ("_burst", "_clock", "_rate", "_since", "_tokens")

    def __init__(self, burst: int, rate: float, clock: Callable[[], float]) -> None:
        self._burst = float(burst)
        self._rate = rate
        self._clock = clock
        self._since = clock()
        self._tokens = self._burst

    def spend(self) -> bool:
        """Take one token; False when the peer has used up its budget."""
        if self._tokens < 1.0:
            now = self._clock()
            self._tokens = min(self._burst, self._tokens + (now - self._since) * self._rate)
            self._since = now
            if self._tokens < 1.0:
                return False
        self._tokens -= 1.0
        return True

    def earn(self) -> None:
        """Give tokens back for a request that came to its end: for its HEADERS, and for one late frame."""
        self._tokens = min(self._burst, self._tokens + 2.0)


_pack: Final = frames.HEADER.pack
_COPY_BELOW: Final = 16_384
"""Bytes: below this, joining header and data costs less than writing them apart."""


class StreamHandler(Protocol):
    """Listens to one stream. Calls come from within :meth:`Connection.receive`."""

    def headers_received(self, headers: Headers, end: bool) -> None:
        """The peer's response headers came (client role only)."""

    def data_received(self, data: bytes | memoryview, end: bool) -> None:
        """Part of the stream's data came; a memoryview is valid during the call only.

        The listener returns the credit for it by :meth:`Stream.credit` when it has moved the data on.
        """

    def stream_drained(self) -> None:
        """All that was waiting for the peer's window has been written."""

    def stream_closed(self, code: int) -> None:
        """The peer reset the stream, or its connection is gone. Called once, never after our own reset."""


class Stream:
    """A stream's state. ``unacknowledged`` counts received bytes whose credit was not yet returned."""

    __slots__ = (
        "answered",
        "closed",
        "connection",
        "end_sent",
        "handler",
        "id",
        "pending",
        "remote_ended",
        "send_window",
        "trailers",
        "unacknowledged",
    )

    def __init__(self, connection: "ControlFrames", stream_id: int, handler: StreamHandler | None = None) -> None:
        self.connection = connection
        self.id = stream_id
        self.handler = handler
        self.send_window = connection.peer_initial_window
        self.unacknowledged = 0
        self.pending: bytearray | None = None
        self.answered = False
        self.end_sent = False
        self.remote_ended = False
        self.closed = False
        self.trailers: Headers | None = None
        """What the peer has sent behind its data."""

    def send_headers(self, headers: Headers, end: bool = False) -> None:
        """Send a header block, in as many frames as the peer's frame size asks for."""
        link = self.connection
        block = link.encode_headers(headers)
        largest = link.peer_frame_size
        flags = frames.END_STREAM if end else 0
        if len(block) <= largest:
            link.write(frames.frame(frames.HEADERS, flags | frames.END_HEADERS, self.id, block))
        else:
            link.write(b"".join(frames.header_block(flags, self.id, block, largest)))
        if end:
            self._ended()

    def send(self, data: bytes, end: bool = False, prefix: bytes = b"") -> bool:
        """Send ``prefix`` and data as one, now or when the peer's windows allow it. Large data is not copied.

        :returns: False when some of it has to wait: send no more until ``stream_drained``.
        """
        size = len(data) + len(prefix)
        link = self.connection
        if (
            self.pending is None
            and size <= self.send_window
            and size <= link.send_window
            and size <= link.peer_frame_size
            and not link.write_paused
        ):
            self.send_window -= size
            link.send_window -= size
            header = _pack(size >> 16, size & 0xFFFF, 0, 1 if end else 0, self.id)
            if size < _COPY_BELOW:
                link.write(b"%b%b%b" % (header, prefix, data) if prefix else header + data)
            else:
                link.write(header + prefix)
                link.write(data)
            if end:
                self._ended()
            return True
        return self._hold(prefix + data, end)

    def _hold(self, data: bytes, end: bool) -> bool:
        if self.closed or self.end_sent:
            return True
        if self.pending is None:
            self.pending = bytearray()
        self.pending += data
        self.end_sent = end
        if len(self.pending) > self.connection.limits.pending_output:
            handler = self.handler
            self.reset(frames.ENHANCE_YOUR_CALM)
            if handler is not None:
                handler.stream_closed(frames.ENHANCE_YOUR_CALM)
            return True
        self.pump()
        return self._idle()

    def _idle(self) -> bool:
        """Whether nothing waits to be written."""
        return self.pending is None

    def pump(self) -> None:
        """Write as much of the waiting data as the windows allow."""
        waiting = self.pending
        link = self.connection
        if waiting is None or link.write_paused:
            return
        pieces: list[bytes | bytearray] = []
        start, total = 0, len(waiting)
        while start < total:
            size = min(total - start, self.send_window, link.send_window, link.peer_frame_size)
            if size <= 0:
                break
            last = self.end_sent and start + size == total
            self.send_window -= size
            link.send_window -= size
            pieces += (
                _pack(size >> 16, size & 0xFFFF, 0, 1 if last else 0, self.id),
                waiting[start : start + size],
            )
            start += size
        del waiting[:start]
        if pieces:
            link.write(b"".join(pieces))
        if not waiting and self.pending is waiting:
            self._drained(total)

    def _drained(self, written: int) -> None:
        self.pending = None
        if self.end_sent:
            if not written:
                self.connection.write(frames.frame(frames.DATA, frames.END_STREAM, self.id))
            self._ended()
        elif self.handler is not None:
            self.handler.stream_drained()

    def credit(self) -> None:
        """Return the credit for all data received so far: the peer may send as much again."""
        size = self.unacknowledged
        if size and not self.remote_ended and not self.closed:
            self.unacknowledged = 0
            self.connection.write(frames.window_update(self.id, size))

    def reset(self, code: int) -> None:
        """Close the stream at once, both ways; nothing more is heard of it."""
        if not self.closed:
            self.connection.write(frames.rst_stream(self.id, code))
            self.connection.forget(self)

    def _ended(self) -> None:
        self.end_sent = True
        if self.remote_ended:
            self.connection.forget(self)
