"""Every frame but plain DATA: SETTINGS, PING, WINDOW_UPDATE, header blocks and the rest, with the rules of
RFC 9113.

These frames are rare on a working connection, so each of them pays into the overhead budget; that is what
bounds floods.
"""

from collections.abc import Callable
from typing import ClassVar, Final, Protocol

from fanout_router.errors import WireError
from fanout_router.wire import frames
from fanout_router.wire.headers import HeaderCodec, Headers
from fanout_router.wire.stream import OverheadBudget, Stream, WireLimits


class ConnectionHandler(Protocol):
    """Listens to one connection."""

    def stream_opened(self, stream: Stream, headers: Headers, end: bool) -> None:
        """The peer opened a stream (server role only); set ``stream.handler`` before returning."""

    def ping_acknowledged(self, payload: bytes) -> None:
        """The peer answered :meth:`Connection.ping`."""

    def goaway_received(self, code: int) -> None:
        """The peer opens no more streams; those open go on."""

    def connection_failed(self, error: WireError) -> None:
        """The peer broke the protocol; GOAWAY has been written: flush and close the transport."""


class Nobody:
    """In the place of a connection's handler once the connection is over, so that both are free at once."""

    def stream_opened(self, stream: Stream, headers: Headers, end: bool) -> None:
        """None is."""

    def ping_acknowledged(self, payload: bytes) -> None:
        """None is."""

    def goaway_received(self, code: int) -> None:
        """None is."""

    def connection_failed(self, error: WireError) -> None:
        """It has ended."""


NOBODY: Final = Nobody()


class ControlFrames:
    """The state of a connection, and what every frame but plain DATA does to it."""

    is_client: ClassVar[bool]

    handler: ConnectionHandler

    def __init__(
        self,
        handler: ConnectionHandler,
        write: Callable[[bytes], object],
        clock: Callable[[], float],
        limits: WireLimits | None = None,
    ) -> None:
        self.handler = handler
        self.write = write
        self.limits = limits or WireLimits()
        self.streams: dict[int, Stream] = {}
        self.send_window = frames.DEFAULT_WINDOW
        self.peer_initial_window = frames.DEFAULT_WINDOW
        self.peer_frame_size = frames.DEFAULT_FRAME_SIZE
        self.peer_max_streams = frames.LARGEST_WINDOW
        self.write_paused = False
        self.closed = False
        self.going_away = False
        self.last_peer_stream = 0
        self.next_stream = 1
        self.unacknowledged = 0
        self._buffer = b""
        self._rest = 0
        """Bytes still to come of a DATA frame that is passed on in parts."""
        self._rest_of = 0
        self._rest_ends = False
        self._preface_missing = not self.is_client
        self._settings_missing = True
        self._block: tuple[int, int, bytearray] | None = None
        self._codec = HeaderCodec(self.limits.header_list)
        self._budget = OverheadBudget(self.limits.overhead_burst, self.limits.overhead_rate, clock)

    def encode_headers(self, headers: Headers) -> bytes:
        """A header block for this connection; blocks must be written in the order they were encoded."""
        return self._codec.encode(headers)

    def progress(self) -> None:
        """A request has come to its proper end: its frames were no mere overhead."""
        self._budget.earn()

    def _spend(self, what: str) -> None:
        if not self._budget.spend():
            raise WireError(frames.ENHANCE_YOUR_CALM, f"too many frames without progress, last: {what}")

    def _is_idle(self, stream_id: int) -> bool:
        """Whether a stream was never opened, by either side."""
        theirs = stream_id % 2 == (0 if self.is_client else 1)
        return stream_id > self.last_peer_stream if theirs else stream_id >= self.next_stream

    def _other(self, kind: int, flags: int, stream_id: int, payload: bytes) -> None:
        if self._block is not None and (kind != frames.CONTINUATION or stream_id != self._block[0]):
            raise WireError(frames.PROTOCOL_ERROR, "header block interrupted")
        if self._settings_missing:
            if kind != frames.SETTINGS or flags & frames.ACK:
                raise WireError(frames.PROTOCOL_ERROR, "first frame is not SETTINGS")
            self._settings_missing = False
        handle = _HANDLED.get(kind)
        if handle is None:  # RFC 9113 section 5.5: unknown types are ignored
            self._spend("unknown")
            return
        handle(self, flags, stream_id, payload)

    def _on_unusual_data(self, flags: int, stream_id: int, payload: bytes) -> None:
        """DATA that is padded, empty, or for a stream that is closed (sent before our reset arrived)."""
        stream = self.streams.get(stream_id)
        self.unacknowledged += len(payload)
        if stream is None:
            if stream_id == 0 or self._is_idle(stream_id):
                raise WireError(frames.PROTOCOL_ERROR, f"DATA on stream {stream_id}")
            self._credit_connection()
            self._spend("DATA")
            return
        if stream.remote_ended:
            raise WireError(frames.STREAM_CLOSED, f"DATA after the end of stream {stream_id}")
        stream.unacknowledged += len(payload)
        if stream.unacknowledged > self.limits.stream_window:
            raise WireError(frames.FLOW_CONTROL_ERROR, "stream window exceeded")
        body = _unpad(payload) if flags & frames.PADDED else payload
        end = bool(flags & frames.END_STREAM)
        if not body and not end:
            self._spend("DATA")
        handler = stream.handler
        if end:
            self._end_remote(stream)
        if handler is not None:
            handler.data_received(body, end)

    def _end_remote(self, stream: Stream) -> None:
        stream.remote_ended = True
        if stream.end_sent and stream.pending is None:
            self.forget(stream)

    def _credit_connection(self) -> None:
        if self.unacknowledged:
            self.write(frames.window_update(0, self.unacknowledged))
        self.unacknowledged = 0

    def forget(self, stream: Stream) -> None:
        """Drop a stream that is closed both ways; it lets go of its handler, so that both are free at once."""
        stream.closed = True
        stream.pending = None
        stream.handler = None
        self.streams.pop(stream.id, None)

    def _on_headers(self, flags: int, stream_id: int, payload: bytes) -> None:
        self._spend("HEADERS")
        if stream_id == 0:
            raise WireError(frames.PROTOCOL_ERROR, "HEADERS on stream 0")
        if flags & frames.PADDED:
            payload = _unpad(payload)
        if flags & frames.HAS_PRIORITY:
            if len(payload) < 5:
                raise WireError(frames.FRAME_SIZE_ERROR, "HEADERS too short for its priority")
            if int.from_bytes(payload[:4], "big") & 0x7FFFFFFF == stream_id:
                raise WireError(frames.PROTOCOL_ERROR, "stream depends on itself")
            payload = payload[5:]
        self._block = (stream_id, flags, bytearray(payload))
        self._take_block(flags)

    def _on_continuation(self, flags: int, stream_id: int, payload: bytes) -> None:
        self._spend("CONTINUATION")
        if self._block is None:
            raise WireError(frames.PROTOCOL_ERROR, f"CONTINUATION without HEADERS on stream {stream_id}")
        self._block[2].extend(payload)
        self._take_block(flags)

    def _take_block(self, flags: int) -> None:
        assert self._block is not None
        stream_id, first_flags, block = self._block
        if len(block) > self.limits.header_block:
            raise WireError(frames.ENHANCE_YOUR_CALM, "header block too large")
        if flags & frames.END_HEADERS:
            self._block = None
            headers = self._codec.decode(bytes(block))
            self._headers_complete(stream_id, headers, bool(first_flags & frames.END_STREAM))

    def _headers_complete(self, stream_id: int, headers: Headers, end: bool) -> None:
        raise NotImplementedError

    def _on_trailers(self, stream: Stream, headers: Headers, end: bool) -> None:
        """A second header block: trailers, which must end the stream."""
        if not end:
            raise WireError(frames.PROTOCOL_ERROR, f"second HEADERS on stream {stream.id}")
        if stream.remote_ended:
            raise WireError(frames.STREAM_CLOSED, f"HEADERS after the end of stream {stream.id}")
        handler = stream.handler
        self._end_remote(stream)
        stream.trailers = headers
        if handler is not None:
            handler.data_received(b"", True)

    def _on_priority(self, _flags: int, stream_id: int, payload: bytes) -> None:
        self._spend("PRIORITY")
        if stream_id == 0:
            raise WireError(frames.PROTOCOL_ERROR, "PRIORITY on stream 0")
        if len(payload) != 5:
            raise WireError(frames.FRAME_SIZE_ERROR, "PRIORITY of wrong length")

    def _on_rst_stream(self, _flags: int, stream_id: int, payload: bytes) -> None:
        self._spend("RST_STREAM")
        if len(payload) != 4:
            raise WireError(frames.FRAME_SIZE_ERROR, "RST_STREAM of wrong length")
        if stream_id == 0 or self._is_idle(stream_id):
            raise WireError(frames.PROTOCOL_ERROR, f"RST_STREAM on idle stream {stream_id}")
        stream = self.streams.get(stream_id)
        if stream is not None:
            handler = stream.handler
            self.forget(stream)
            if handler is not None:
                handler.stream_closed(int.from_bytes(payload, "big"))

    def _on_settings(self, flags: int, stream_id: int, payload: bytes) -> None:
        if stream_id:
            raise WireError(frames.PROTOCOL_ERROR, "SETTINGS on a stream")
        if len(payload) % 6 or (flags & frames.ACK and payload):
            raise WireError(frames.FRAME_SIZE_ERROR, "SETTINGS of wrong length")
        self._spend("SETTINGS")
        if flags & frames.ACK:
            return
        for key, value in frames.parse_settings(payload):
            self._apply_setting(key, value)
        self.write(frames.SETTINGS_ACK)
        self._pump_all()

    def _apply_setting(self, key: int, value: int) -> None:
        if key == frames.INITIAL_WINDOW_SIZE:
            self._apply_initial_window(value)
        elif key == frames.MAX_FRAME_SIZE:
            if not frames.DEFAULT_FRAME_SIZE <= value <= frames.LARGEST_FRAME_SIZE:
                raise WireError(frames.PROTOCOL_ERROR, f"SETTINGS_MAX_FRAME_SIZE {value}")
            self.peer_frame_size = value
        elif key == frames.ENABLE_PUSH:
            if value > (0 if self.is_client else 1):
                raise WireError(frames.PROTOCOL_ERROR, f"SETTINGS_ENABLE_PUSH {value}")
        elif key == frames.HEADER_TABLE_SIZE:
            self._codec.limit_table(value)
        elif key == frames.MAX_CONCURRENT_STREAMS:
            self.peer_max_streams = value

    def _apply_initial_window(self, value: int) -> None:
        if value > frames.LARGEST_WINDOW:
            raise WireError(frames.FLOW_CONTROL_ERROR, f"SETTINGS_INITIAL_WINDOW_SIZE {value}")
        change = value - self.peer_initial_window
        self.peer_initial_window = value
        for stream in self.streams.values():
            stream.send_window += change
            if stream.send_window > frames.LARGEST_WINDOW:
                raise WireError(frames.FLOW_CONTROL_ERROR, "stream window overflow")

    def _on_push_promise(self, _flags: int, _stream_id: int, _payload: bytes) -> None:
        raise WireError(frames.PROTOCOL_ERROR, "PUSH_PROMISE")

    def _on_ping(self, flags: int, stream_id: int, payload: bytes) -> None:
        if stream_id:
            raise WireError(frames.PROTOCOL_ERROR, "PING on a stream")
        if len(payload) != 8:
            raise WireError(frames.FRAME_SIZE_ERROR, "PING of wrong length")
        self._spend("PING")
        if flags & frames.ACK:
            self.handler.ping_acknowledged(payload)
        else:
            self.write(frames.frame(frames.PING, frames.ACK, 0, payload))

    def _on_goaway(self, _flags: int, stream_id: int, payload: bytes) -> None:
        self._spend("GOAWAY")
        if stream_id:
            raise WireError(frames.PROTOCOL_ERROR, "GOAWAY on a stream")
        if len(payload) < 8:
            raise WireError(frames.FRAME_SIZE_ERROR, "GOAWAY too short")
        self.handler.goaway_received(int.from_bytes(payload[4:8], "big"))

    def _on_window_update(self, _flags: int, stream_id: int, payload: bytes) -> None:
        if len(payload) != 4:
            raise WireError(frames.FRAME_SIZE_ERROR, "WINDOW_UPDATE of wrong length")
        increment = int.from_bytes(payload, "big") & 0x7FFFFFFF
        if increment < self.limits.small_window_update:
            self._spend("WINDOW_UPDATE")
        if stream_id == 0:
            self._grow_connection(increment)
        else:
            self._grow_stream(stream_id, increment)

    def _grow_connection(self, increment: int) -> None:
        self.send_window += increment
        if increment == 0:
            raise WireError(frames.PROTOCOL_ERROR, "WINDOW_UPDATE of 0")
        if self.send_window > frames.LARGEST_WINDOW:
            raise WireError(frames.FLOW_CONTROL_ERROR, "connection window overflow")
        self._pump_all()

    def _grow_stream(self, stream_id: int, increment: int) -> None:
        stream = self.streams.get(stream_id)
        if stream is None:
            if self._is_idle(stream_id):
                raise WireError(frames.PROTOCOL_ERROR, f"WINDOW_UPDATE on idle stream {stream_id}")
            self._spend("WINDOW_UPDATE")
            return
        stream.send_window += increment
        if increment == 0 or stream.send_window > frames.LARGEST_WINDOW:
            self._stream_error(stream, frames.FLOW_CONTROL_ERROR if increment else frames.PROTOCOL_ERROR)
        elif stream.pending is not None:
            stream.pump()

    def _stream_error(self, stream: Stream, code: int) -> None:
        handler = stream.handler
        stream.reset(code)
        if handler is not None:
            handler.stream_closed(code)

    def _pump_all(self) -> None:
        for stream in list(self.streams.values()):
            if stream.pending is not None:
                stream.pump()


_HANDLED: Final[dict[int, Callable[[ControlFrames, int, int, bytes], None]]] = {
    frames.DATA: ControlFrames._on_unusual_data,
    frames.HEADERS: ControlFrames._on_headers,
    frames.PRIORITY: ControlFrames._on_priority,
    frames.RST_STREAM: ControlFrames._on_rst_stream,
    frames.SETTINGS: ControlFrames._on_settings,
    frames.PUSH_PROMISE: ControlFrames._on_push_promise,
    frames.PING: ControlFrames._on_ping,
    frames.GOAWAY: ControlFrames._on_goaway,
    frames.WINDOW_UPDATE: ControlFrames._on_window_update,
    frames.CONTINUATION: ControlFrames._on_continuation,
}
"""Functions, and no connection's own methods: a connection that held those would hold itself."""


def _unpad(payload: bytes) -> bytes:
    if not payload or payload[0] >= len(payload):
        raise WireError(frames.PROTOCOL_ERROR, "padding longer than its frame")
    return payload[1 : len(payload) - payload[0]]
