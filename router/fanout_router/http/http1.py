"""A client connection that speaks HTTP/1.1, by callbacks alone, so that a request costs no task and no future."""

import asyncio
from collections import deque
from typing import Final, cast

from fanout_router.http.front import Front, Outcome
from fanout_router.http.reader import RequestReader
from fanout_router.http.refusals import refusal
from fanout_router.http.request import Request

__all__ = []

_NEVER: Final = float("inf")
_WRITE_BUFFER: Final = 262_144
"""Bytes held for a client before its environment is told to wait: one stream window, which may be under way anyway."""


class ClientProtocol:
    """One client connection; requests of a pipeline are served one after the other. A protocol of asyncio by its
    methods: what a compiled class derives from is compiled too.
    """

    transport: asyncio.Transport
    peer: str

    def __init__(self, front: Front, scheme: str = "http") -> None:
        self.front = front
        self.deadline = _NEVER
        self.write_paused = False
        self._scheme = scheme
        self._requests: deque[Request] = deque()
        self.closing = False
        self._reading = True
        self._tunnel: Request | None = None
        self._idle = True

    # -- transport --

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to serve a client; one above the limit of connections is turned away."""

        self.transport = cast("asyncio.Transport", transport)
        self.transport.set_write_buffer_limits(_WRITE_BUFFER)
        peer = transport.get_extra_info("peername")
        self.peer = peer[0] if isinstance(peer, tuple) else "unknown"
        self._reader = RequestReader(self, self.peer, self._scheme)
        if len(self.front.connections) >= self.front.limits.connections or self.front.draining:
            self.front.count_refused(503, self.peer)
            self.closing = True
            self.transport.write(refusal(503))
            self.transport.close()
            return
        self.front.connections.add(self)
        self.deadline = self.front.now + self.front.limits.idle_timeout

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """The client is gone: so are its requests, at once."""
        self.front.connections.discard(self)
        self.closing = True
        self._tunnel = None
        self._reader.let_go()
        requests, self._requests = self._requests, deque()
        if requests:
            requests[0].dispatcher.depart(requests[0])
            for request in requests:
                request.departed = True
                self.front.observe(request, Outcome.DEPARTED)

    def eof_received(self) -> bool:
        """The client sends no more: it has left. Half-closed connections are not kept, since nothing tells
        the two
        apart, and work for a client that has left is the costlier mistake."""
        return False

    def data_received(self, data: bytes) -> None:
        """Bytes of the client."""
        if self.closing:
            return
        if self._tunnel is not None:
            self._upload(self._tunnel, data)
            return
        was_idle, self._idle = self._idle, False
        self._reader.feed(data)
        if was_idle and self._reader.in_head:
            self.deadline = self.front.now + self.front.limits.head_timeout

    def pause_writing(self) -> None:
        """The client reads slower than the app answers."""
        self.write_paused = True
        self.deadline = self.front.now + self.front.limits.write_timeout

    def resume_writing(self) -> None:
        """The client has caught up."""
        self.write_paused = False
        self.deadline = self._due()
        if self._requests:
            channel = self._requests[0].channel
            if channel is not None:
                channel.resume()

    def _due(self) -> float:
        """When the client has to have done what it is waited for, once it has caught up with its answers."""
        now, limits, current = self.front.now, self.front.limits, self._reader.current
        if self.closing:
            return now + limits.linger_timeout
        if not self._requests:
            return now + (limits.idle_timeout if self._idle else limits.head_timeout)
        waits_for_body = self._reading and current is not None and not (current.complete or current.upgrade)
        return now + limits.body_timeout if waits_for_body else _NEVER

    # -- requests --

    def body_received(self, request: Request, data: bytes) -> None:
        """A part of a request's body."""
        request.upload_size += len(data)
        limits = self.front.limits
        if limits.body is not None and request.upload_size > limits.body:
            self.refuse(413)
            return
        if self.deadline != _NEVER and not self.write_paused:
            self.deadline = self.front.now + limits.body_timeout
        self._upload(request, data)

    def request_complete(self, request: Request) -> None:
        """A request with a body is whole."""
        if self.closing:
            return
        request.complete = True
        if not self.write_paused:
            self.deadline = _NEVER
        if request.channel is not None:
            request.channel.end_body()
        elif request.buffered is None:
            request.buffered = []  # a body without data is one all the same: the channel that it gets will say its end

    def enqueue(self, request: Request) -> None:
        """Serve a request in its turn; more of it may come."""
        requests = self._requests
        requests.append(request)
        waits_for_body = not (request.complete or request.upgrade)
        self.deadline = self.front.now + self.front.limits.body_timeout if waits_for_body else _NEVER
        if len(requests) > 1:
            if len(requests) >= self.front.limits.pipelined:
                self._pause_reading()
        elif request.expects_continue:
            self._begin(request)
        else:
            request.dispatcher.submit(request)

    def _begin(self, request: Request) -> None:
        if request.expects_continue and not request.upload_size:
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.dispatcher.submit(request)

    def _upload(self, request: Request, data: bytes) -> None:
        channel = request.channel
        if channel is not None:
            if not channel.send_body(data, False):
                self._pause_reading()
        elif not request.status:
            if request.buffered is None:
                request.buffered = []
            request.buffered.append(data)
            if request.upload_size > self.front.limits.buffered or request.upgrade:
                self._pause_reading()

    def switch(self, request: Request, data: bytes) -> None:
        """A request asks for a tunnel: what comes behind it, with ``data``, is no HTTP."""
        self._tunnel = request
        if data:
            self._upload(request, data)

    def _pause_reading(self) -> None:
        if self._reading and not self.closing:
            self._reading = False
            if not self.write_paused:
                self.deadline = _NEVER
            self.transport.pause_reading()

    def resume_upload(self) -> None:
        """Read on after a pause."""
        if not self._reading and not self.closing:
            self._reading = True
            request = self._reader.current
            if request is not None and not request.complete and not request.upgrade and not self.write_paused:
                self.deadline = self.front.now + self.front.limits.body_timeout
            self.transport.resume_reading()

    # -- the end of a request, and of the connection --

    def finished(self, request: Request) -> None:
        """A response has been written in full."""
        front = self.front
        front.observe(request)
        requests = self._requests
        requests.popleft()
        if not request.keep_alive or not request.complete or front.draining:
            self._close(linger=not request.complete and not request.upgrade)
            return
        reader = self._reader
        if requests:
            self._begin(requests[0])
        elif reader.current is request:
            self._idle = idle = not reader.in_head
            limits = front.limits
            self.deadline = front.now + (limits.idle_timeout if idle else limits.head_timeout)
        if not self._reading:
            self.resume_upload()

    def cut(self, request: Request) -> None:
        """A response cannot be finished: end the connection so that the client sees it."""
        self.front.observe(request, Outcome.CUT)
        request.departed = request.channel is None
        self.closing = True
        if request in self._requests:
            self._requests.remove(request)
        if request.ends_with_connection:
            self.transport.abort()
        else:
            self.transport.close()

    def refuse(self, status: int) -> None:
        """Answer what never became a request, after those before it, and close."""
        if self.closing:
            return
        self._reader.stopped = True
        current = self._reader.current
        if current is None or current.complete:  # that one is read, and what came behind it is none
            self.front.count_refused(status, self.peer)
        else:
            self.front.count_refused(status, current.client_address, current.method, current.target)
        under_way = current
        if current is None or current.complete or current not in self._requests:
            under_way = None
        if under_way is not None and under_way is not self._requests[0]:
            self._requests.remove(under_way)
        if self._requests and (under_way is None or under_way is not self._requests[0] or under_way.status):
            self._requests[-1].keep_alive = False
            self._reader.in_head = False
            self._pause_reading()
            return
        if under_way is not None:  # its own body is at fault
            self._requests.clear()
            under_way.dispatcher.depart(under_way)
        body = self._reader.current is None or self._reader.current.method != b"HEAD"
        self.transport.write(refusal(status, body=body))
        self._close(linger=True)

    def _close(self, linger: bool = False) -> None:
        """Close in order; lingering lets a client that still sends read our answer before its connection is
        reset.
        """
        self.closing = True
        requests, self._requests = self._requests, deque()
        for request in requests:
            request.departed = True
        if linger and self.transport.can_write_eof():
            self.front.connections.add(self)
            if not self._reading:
                self.transport.resume_reading()
            self.transport.write_eof()
            limits = self.front.limits
            self.deadline = self.front.now + (limits.write_timeout if self.write_paused else limits.linger_timeout)
        else:
            self.transport.close()

    def expire(self) -> None:
        """The connection's deadline has passed."""
        self.deadline = _NEVER
        if self.closing or self.write_paused or self._idle:
            self.front.connections.discard(self)
            if self._idle and not self.closing and not self.write_paused:
                self.closing = True
                self.transport.close()
            else:
                self.transport.abort()
        else:
            self.refuse(408)

    def drain(self) -> None:
        """Close now when idle, else after the requests under way."""
        if self._idle and not self._requests:
            self.closing = True
            self.transport.close()
        elif self._requests:
            self._requests[-1].keep_alive = False
