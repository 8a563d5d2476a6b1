"""An HTTP/2 connection without I/O: bytes in by :meth:`Connection.receive`, bytes out by the ``write`` it was
given.

It exists because a general-purpose codec costs more per DATA frame than the whole rest of the router. What
keeps it cheap:

1. DATA, nearly all frames, is handled in the loop of ``receive`` itself; every other frame takes the slow
   way.
2. Payloads above 4 KiB are passed on as memoryviews, and frames are never joined into messages here.
3. A large DATA frame is passed on as it comes, so that reads are not joined only to complete it.
4. Flow control is one addition and one comparison a frame: what was received and not yet credited against the
   window.

A peer that breaks the protocol or a limit gets a GOAWAY with the code, and the handler is told once.
"""

from typing import Final

from fanout_router.errors import WireError
from fanout_router.wire import frames
from fanout_router.wire.control import NOBODY, ControlFrames
from fanout_router.wire.headers import Headers, malformed_request
from fanout_router.wire.stream import Stream, StreamHandler

_unpack: Final = frames.HEADER.unpack_from
_VIEW_FROM: Final = 4_096
_PARTS_FROM: Final = 32_768
"""Bytes: a smaller frame is cheaper to wait for than to pass on in parts."""


class Connection(ControlFrames):
    """What both roles share; see :class:`ServerConnection` and :class:`ClientConnection`."""

    def start(self) -> None:
        """Write our side of the connection preface."""
        limits = self.limits
        values = [
            (frames.ENABLE_PUSH, 0),
            (frames.MAX_CONCURRENT_STREAMS, limits.streams),
            (frames.INITIAL_WINDOW_SIZE, limits.stream_window),
            (frames.MAX_FRAME_SIZE, limits.frame_size),
            (frames.MAX_HEADER_LIST_SIZE, limits.header_list),
        ]
        if limits.connect_protocol:
            values.append((frames.ENABLE_CONNECT_PROTOCOL, 1))
        preface = frames.PREFACE if self.is_client else b""
        growth = frames.window_update(0, limits.connection_window - frames.DEFAULT_WINDOW)
        self.write(preface + frames.settings(values if self.is_client else values[1:]) + growth)

    def ping(self, payload: bytes) -> None:
        """Ask for a sign of life; ``payload`` is 8 bytes, and comes back in ``ping_acknowledged``."""
        self.write(frames.frame(frames.PING, 0, 0, payload))

    def goaway(self, code: int = frames.NO_ERROR, debug: bytes = b"") -> None:
        """Tell the peer that we take no more streams."""
        self.going_away = True
        self.write(frames.goaway(self.last_peer_stream, code, debug))

    def pause_writing(self) -> None:
        """The transport is full: hold data back."""
        self.write_paused = True

    def resume_writing(self) -> None:
        """The transport takes data again."""
        self.write_paused = False
        self._pump_all()

    def connection_lost(self) -> None:
        """The transport is gone: close every stream."""
        self.closed = True
        self.handler = NOBODY
        streams, self.streams = list(self.streams.values()), {}
        for stream in streams:
            stream.closed = True
            handler, stream.handler = stream.handler, None
            if handler is not None:
                handler.stream_closed(frames.CANCEL)

    def receive(self, data: bytes | memoryview) -> None:
        """Take bytes from the transport; calls the handlers. Bytes after a failure are dropped.

        A memoryview is looked at during the call, and in views of it that are passed on.
        """
        if self.closed:
            return
        try:
            start = 0
            if self._buffer:
                start = self._complete(data)
                if not start:
                    data = self._buffer + data
            if not self.closed:
                self._receive(data, start)
        except WireError as error:
            self._fail(error)

    def _complete(self, data: bytes | memoryview) -> int:
        """Complete the frame whose beginning came before, without joining all of ``data`` to it; how many bytes
        that took, 0 when it is not so simple.
        """
        held = self._buffer
        if len(held) < 9 or self._preface_missing:
            return 0
        missing = 9 + (held[0] << 16 | held[1] << 8 | held[2]) - len(held)
        if not 0 < missing <= len(data):
            return 0
        self._buffer = b""
        self._receive(held + data[:missing], 0)
        return missing

    def _receive(self, data: bytes | memoryview, start: int) -> None:
        size = len(data)
        if self._preface_missing:
            start = self._take_preface(data)
        view = memoryview(data) if size > 2 * _VIEW_FROM else data
        if self._rest:
            start = self._go_on(view)
        streams = self.streams
        largest = self.limits.frame_size
        window = self.limits.stream_window
        credit_at = self.limits.connection_window >> 2
        while size - start >= 9 and not self._preface_missing:
            high, low, kind, flags, stream_id = _unpack(data, start)
            length = high << 16 | low
            if length > largest:
                raise WireError(frames.FRAME_SIZE_ERROR, f"frame of {length} bytes")
            begin = start + 9
            end = begin + length
            stream = streams.get(stream_id) if kind == 0 and flags < 2 and self._block is None else None
            plain = stream is not None and not stream.remote_ended and (length or flags)
            if end > size:
                if not plain or length < _PARTS_FROM or size - begin < _VIEW_FROM:
                    break
                self._rest, self._rest_of, self._rest_ends = length, stream_id, flags == 1
                start = begin + self._go_on(view[begin:])
                break
            if plain and stream is not None:
                self.unacknowledged += length
                if self.unacknowledged > credit_at:
                    self._credit_connection()
                stream.unacknowledged += length
                if stream.unacknowledged > window:
                    raise WireError(frames.FLOW_CONTROL_ERROR, "stream window exceeded")
                handler = stream.handler
                if flags:
                    self._end_remote(stream)
                source = view if length > _VIEW_FROM else data
                handler.data_received(source[begin:end], flags == 1)  # type: ignore[union-attr]
            else:
                self._other(kind, flags, stream_id & 0x7FFFFFFF, bytes(data[begin:end]))
            if self.closed:
                return
            start = end
        self._buffer = b"" if start == size else bytes(data[start:])

    def _go_on(self, data: bytes | memoryview) -> int:
        """Pass on the next part of a large DATA frame, without waiting for the whole; how many bytes it took."""
        part = data[: self._rest]
        size = len(part)
        self._rest -= size
        end = self._rest_ends and not self._rest
        self.unacknowledged += size
        if self.unacknowledged > self.limits.connection_window >> 2:
            self._credit_connection()
        stream = self.streams.get(self._rest_of)
        if stream is not None:
            stream.unacknowledged += size
            if stream.unacknowledged > self.limits.stream_window:
                raise WireError(frames.FLOW_CONTROL_ERROR, "stream window exceeded")
            handler = stream.handler
            if end:
                self._end_remote(stream)
            handler.data_received(part, end)  # type: ignore[union-attr]
        return size

    def _fail(self, error: WireError) -> None:
        if not self.closed:
            handler = self.handler
            self.goaway(error.code, error.reason.encode())
            self.connection_lost()
            handler.connection_failed(error)

    def _take_preface(self, data: bytes | memoryview) -> int:
        if data[:24] != frames.PREFACE[: len(data)]:
            raise WireError(frames.PROTOCOL_ERROR, "no HTTP/2 connection preface")
        if len(data) < 24:
            return 0
        self._preface_missing = False
        return 24


class ServerConnection(Connection):
    """The router's end: the peer opens streams."""

    is_client = False

    def _headers_complete(self, stream_id: int, headers: Headers, end: bool) -> None:
        stream = self.streams.get(stream_id)
        if stream is not None:
            self._on_trailers(stream, headers, end)
            return
        if stream_id % 2 == 0:
            raise WireError(frames.PROTOCOL_ERROR, f"stream {stream_id} opened with an even number")
        if stream_id <= self.last_peer_stream:
            return  # we reset it, and the peer did not know yet; the overhead budget bounds this
        self.last_peer_stream = stream_id
        if len(self.streams) >= self.limits.streams or self.going_away:
            self.write(frames.rst_stream(stream_id, frames.REFUSED_STREAM))
            return
        if malformed_request(headers, connect_protocol=self.limits.connect_protocol) is not None:
            self.write(frames.rst_stream(stream_id, frames.PROTOCOL_ERROR))
            return
        stream = self.streams[stream_id] = Stream(self, stream_id)
        stream.remote_ended = end
        self.handler.stream_opened(stream, headers, end)


class ClientConnection(Connection):
    """The adapter's end: we open streams."""

    is_client = True

    def open_stream(self, headers: Headers, handler: StreamHandler) -> Stream:
        """Open a stream with request headers; its body follows by :meth:`Stream.send`.

        :raises WireError: the connection is closed, or the peer takes no more streams.
        """
        if self.closed or len(self.streams) >= self.peer_max_streams:
            raise WireError(frames.REFUSED_STREAM, "no stream can be opened")
        stream = self.streams[self.next_stream] = Stream(self, self.next_stream, handler)
        self.next_stream += 2
        stream.send_headers(headers)
        return stream

    def _headers_complete(self, stream_id: int, headers: Headers, end: bool) -> None:
        stream = self.streams.get(stream_id)
        if stream is None:
            if self._is_idle(stream_id):
                raise WireError(frames.PROTOCOL_ERROR, f"response on idle stream {stream_id}")
            return
        if stream.answered:
            self._on_trailers(stream, headers, end)
            return
        stream.answered = not dict(headers).get(b":status", b"").startswith(b"1")
        handler = stream.handler
        if end:
            self._end_remote(stream)
        if handler is not None:
            handler.headers_received(headers, end)
