"""A client connection that speaks HTTP/2: each stream is a request to the same dispatchers that HTTP/1.1 feeds.

The codec is the control channel's own; its limits are tighter here, because anybody may connect. Time limits are looked
at once a second for the whole connection, so that a request costs no timer.
"""

import asyncio
from typing import TYPE_CHECKING, Final, cast

from fanout_router.errors import WireError
from fanout_router.exchange import IDEMPOTENT
from fanout_router.http.front import Front
from fanout_router.http.http2_heads import HeadReader, RequestHead
from fanout_router.http.http2_request import StreamRequest
from fanout_router.http.refusals import RefusedError
from fanout_router.messages import END, HEAD, HEADER
from fanout_router.outbox import Outbox
from fanout_router.wire import Headers, ServerConnection, Stream, WireLimits, frames

if TYPE_CHECKING:
    from fanout_router.http.front import FrontLimits

__all__ = ["Http2Protocol"]

_STREAMS: Final = 100
"""Requests of one connection at a time, the least that RFC 9113 section 6.5.2 recommends."""
_LOOK_EVERY_S: Final = 1.0
_pack: Final = HEADER.pack


def _wire_limits(limits: "FrontLimits") -> WireLimits:
    """A request may have as much of its body under way as an HTTP/1.1 request may have buffered."""
    return WireLimits(
        frame_size=frames.DEFAULT_FRAME_SIZE,
        stream_window=max(limits.buffered, frames.DEFAULT_WINDOW),
        connection_window=1 << 20,
        streams=_STREAMS,
        header_block=2 * limits.head,
        header_list=2 * limits.head,
        pending_output=1 << 20,
        connect_protocol=True,
    )


class Http2Protocol:
    """One client connection. ``deadline`` is when it is looked at next. A protocol of asyncio by its methods."""

    transport: asyncio.Transport
    peer: str

    def __init__(self, front: Front, scheme: str, loop: asyncio.AbstractEventLoop) -> None:
        self.front = front
        self.deadline = front.now + _LOOK_EVERY_S
        self.credit_at = max(front.limits.buffered, frames.DEFAULT_WINDOW) >> 1
        self._scheme = scheme
        self._since = front.now
        """Since when there has been no request, or since when nothing could be written."""
        self._outbox = Outbox(loop)
        self.wire = ServerConnection(self, self._outbox.write, front.clock, _wire_limits(front.limits))
        self.data_received = self.wire.receive

    # -- transport --

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet the client."""
        self.transport = cast("asyncio.Transport", transport)
        self._outbox.attach(self.transport)
        peer = transport.get_extra_info("peername")
        self.peer = peer[0] if isinstance(peer, tuple) else "unknown"
        self._heads = HeadReader(self.front, self.peer, self._scheme)
        self.front.connections.add(self)
        self.wire.start()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """The client is gone: so are its requests, at once."""
        self.front.connections.discard(self)
        self.wire.connection_lost()

    def pause_writing(self) -> None:
        """The client reads slower than the apps answer."""
        self._since = self.front.now
        self.wire.pause_writing()

    def resume_writing(self) -> None:
        """The client has caught up."""
        self._since = self.front.now
        self.wire.resume_writing()

    # -- ConnectionHandler --

    def stream_opened(self, stream: Stream, headers: Headers, end: bool) -> None:
        """A request."""
        request = StreamRequest(self, stream)
        try:
            head = self._heads.read(headers)
            request.method, request.target = head.method, head.target
            if end and head.length:
                stream.reset(frames.PROTOCOL_ERROR)  # RFC 9113 section 8.1.1
                return
            if end and head.upgrade:
                raise RefusedError(400)
            request.upgrade = head.upgrade
            self._route(request, head, end)
            request.begin(head, end)
        except RefusedError as bad:
            self.front.count_refused(bad.status, self.peer, request.method, request.target)
            request.refuse(bad.status)

    def _route(self, request: StreamRequest, head: RequestHead, end: bool) -> None:
        front = self.front
        route = front.routes.only or front.routes.find(head.host, head.target)
        if route is None:
            raise RefusedError(404)
        request.route, request.dispatcher = route, route.dispatcher
        request.idempotent = head.method in IDEMPOTENT
        request.given_id = head.given_id
        request.client = head.client
        if not head.given_id:
            front.request_ids = request.number = front.request_ids + 1
        text = b"%b %b HTTP/1.1\r\nhost: %b\r\n%bx-request-id: %b\r\n\r\n" % (
            head.method, head.target, head.host, b"".join(head.fields), request.request_id,
        )  # fmt: skip
        if len(text) > front.limits.head:
            raise RefusedError(431)
        request.payload = _pack(len(text), HEAD | END if end else HEAD) + text

    def ping_acknowledged(self, payload: bytes) -> None:
        """Not asked for."""

    def goaway_received(self, code: int) -> None:
        """The client opens no more streams; it closes when it has all its answers."""

    def connection_failed(self, error: WireError) -> None:  # noqa: ARG002
        """It does not speak HTTP/2, or breaks our limits."""
        self.front.count_refused(400, self.peer)
        self._close()

    # -- the end of a request, and of the connection --

    def answered(self, request: StreamRequest) -> None:
        """A response has been handed to its stream in full."""
        if request.submitted:
            self.front.observe(request)
        self.wire.progress()
        self._stop_upload(request)
        self.closed(request)

    def closed(self, _request: StreamRequest) -> None:
        """A request is over, one way or the other."""
        if not self.wire.streams:
            self._since = self.front.now
            if self.wire.going_away and not self.wire.closed:
                self._close()

    @staticmethod
    def _stop_upload(request: StreamRequest) -> None:
        """Once the answer is written, the rest of the request is not wanted (RFC 9113 section 8.1)."""
        stream = request.stream
        if not stream.closed and not stream.remote_ended and stream.pending is None:
            stream.reset(frames.NO_ERROR)

    def expire(self) -> None:
        """A second has passed: give up what has not moved on for too long."""
        now, limits = self.front.now, self.front.limits
        self.deadline = now + _LOOK_EVERY_S
        if self.wire.write_paused and now - self._since > limits.write_timeout:
            self.transport.abort()
            return
        for stream in list(self.wire.streams.values()):
            if isinstance(stream.handler, StreamRequest):
                self._look_at(stream.handler, now, limits)
        if not self.wire.streams and (self.wire.going_away or now - self._since > limits.idle_timeout):
            self.drain()

    def _look_at(self, request: StreamRequest, now: float, limits: "FrontLimits") -> None:
        if request.stream.pending is not None:
            late = not self.wire.write_paused and now - request.touched > limits.write_timeout
        elif request.over:
            self._stop_upload(request)
            late = False
        else:
            waits = not (request.complete or request.stalled or request.upgrade)
            late = waits and now - request.touched > limits.body_timeout
        if late:
            request.expired()

    def drain(self) -> None:
        """Take no more requests; close when the last one is answered."""
        if not self.wire.going_away and not self.wire.closed:
            self.wire.goaway()
        if not self.wire.streams:
            self._close()

    def _close(self) -> None:
        self._outbox.flush()
        self.transport.close()
