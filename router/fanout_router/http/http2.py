"""A client connection that speaks HTTP/2: each stream is a request to the same dispatchers that HTTP/1.1 feeds.

The codec is the control channel's own; its limits are tighter here, because anybody may connect. Time limits are looked
at once a second for the whole connection, so that a request costs no timer.
"""

import asyncio
import base64
import re
import secrets
from functools import lru_cache
from typing import TYPE_CHECKING, cast

from fanout_router.control import Outbox
from fanout_router.errors import WireError
from fanout_router.exchange import IDEMPOTENT, Failure
from fanout_router.http.fields import SPECIAL, Kind, is_request_id
from fanout_router.http.front import Front, Outcome
from fanout_router.http.request import (
    STATUS_OF,
    UNKNOWN_LENGTH,
    ClientRequest,
    RefusedError,
    check,
    refusal_parts,
)
from fanout_router.messages import END, HEAD, HEADER
from fanout_router.trailers import allowed
from fanout_router.wire import Headers, ServerConnection, Stream, WireLimits, frames

if TYPE_CHECKING:
    from fanout_router.http.front import FrontLimits

__all__ = ["HeadReader", "Http2Protocol", "RequestHead", "StreamRequest", "response_headers"]

_METHOD = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}")
_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9a-z-]+")
_PATH = re.compile(rb"/[\x21-\x7e\x80-\xff]*")
_AUTHORITY = re.compile(rb"[A-Za-z0-9._~!$&'()*+,;=%:\[\]-]+")
_NOT_IN_HTTP2 = frozenset(
    {b"connection", b"keep-alive", b"proxy-connection", b"proxy-authenticate", b"te", b"trailer", b"transfer-encoding",
     b"upgrade"}
)  # fmt: skip


class RequestHead:
    """A request's head. ``length`` is what Content-Length says; None without one."""

    __slots__ = (
        "client",
        "expects_continue",
        "fields",
        "given_id",
        "host",
        "length",
        "method",
        "target",
        "upgrade",
        "wants_trailers",
    )

    def __init__(self, method: bytes, target: bytes, host: bytes) -> None:
        self.method = method
        self.target = target
        self.host = host
        self.length: int | None = None
        self.given_id = b""
        self.client = ""
        """The client's address, as far as trusted proxies tell."""
        self.expects_continue = False
        self.upgrade = False
        """It asks for a WebSocket (RFC 8441)."""
        self.wants_trailers = False
        self.fields: list[bytes] = []
        """The field lines for the app."""


class HeadReader:
    """Reads the request heads of one client connection."""

    def __init__(self, front: Front, peer: str, scheme: str) -> None:
        self._front = front
        self._peer = peer
        self._scheme = scheme

    def read(self, headers: Headers) -> RequestHead:
        """The head that ``headers`` make.

        :raises RefusedError: they make none, or are beyond a limit.
        """
        pseudo = {name: value for name, value in headers if name[:1] == b":"}
        fields = headers[len(pseudo) :]
        head = self._line(pseudo, [value for name, value in fields if name == b"host"])
        if len(fields) > self._front.limits.fields:
            raise RefusedError(431)
        claimed: dict[bytes, bytes] = {}
        cookies = []
        for name, value in fields:
            kind = SPECIAL.get(name)
            if head.upgrade and name == b"sec-websocket-key":
                continue  # has no meaning here, and the app gets one of ours
            if name == b"cookie":  # RFC 9113 section 8.2.3: crumbs are put together again
                cookies.append(value)
            elif kind is None:
                head.fields.append(b"%b: %b\r\n" % (name, value))
            elif kind is Kind.FORWARDED:
                claimed[name] = claimed[name] + b", " + value if name in claimed else value
            else:
                self._special(head, kind, value)
        if head.upgrade:
            head.fields.append(_as_upgrade())
        if cookies:
            head.fields.append(b"cookie: %b\r\n" % b"; ".join(cookies))
        origin = self._front.proxies.origin(self._peer, self._scheme, head.host, claimed)
        head.fields.append(origin.fields(b"2"))
        head.client = origin.chain[0]
        return head

    def _line(self, pseudo: dict[bytes, bytes], hosts: list[bytes]) -> RequestHead:
        method = pseudo[b":method"]
        if not _METHOD.fullmatch(method):
            raise RefusedError(400)
        upgrade = pseudo.get(b":protocol") == b"websocket"
        if method == b"CONNECT" and not upgrade:
            raise RefusedError(501)
        target = pseudo[b":path"]
        if len(target) > self._front.limits.url:
            raise RefusedError(414)
        host = pseudo.get(b":authority") or (hosts[0] if hosts else b"")
        wrong_target = not _PATH.fullmatch(target) and (target != b"*" or method != b"OPTIONS")
        if wrong_target or not _AUTHORITY.fullmatch(host) or any(other != host for other in hosts):
            raise RefusedError(400)
        head = RequestHead(b"GET" if upgrade else method, target, host)
        head.upgrade = upgrade
        return head

    @staticmethod
    def _special(head: RequestHead, kind: Kind, value: bytes) -> None:
        if kind is Kind.CONTENT_LENGTH:
            if head.length is not None or not value.isdigit() or len(value) > 18:
                raise RefusedError(400)
            head.length = int(value)
            head.fields.append(b"content-length: %d\r\n" % head.length)
        elif kind is Kind.EXPECT:
            if value.lower() != b"100-continue":
                raise RefusedError(417)
            head.expects_continue = True
        elif kind is Kind.TE and not head.wants_trailers:  # "trailers", or the codec had refused it
            head.wants_trailers = True
            head.fields.append(b"te: trailers\r\n")
        elif kind is Kind.REQUEST_ID and is_request_id(value):
            head.given_id = value


def _as_upgrade() -> bytes:
    """What makes a request of HTTP/1.1 ask for a WebSocket, for the app; nobody looks at how it answers the key."""
    key = base64.b64encode(secrets.token_bytes(16))
    return b"connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-key: %b\r\n" % key


@lru_cache(maxsize=512)
def response_headers(fields: bytes, status: int) -> Headers | None:
    """A checked response head as HTTP/2 headers; the same heads come again and again.

    None when a field is none: HTTP/1.1 clients lose one response by it, an HTTP/2 client would lose its connection.
    """
    headers: Headers = [(b":status", b"%d" % status)]
    for line in fields[:-2].split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        name, value = name.lower(), value.strip(b" \t")
        if not _NAME.fullmatch(name) or b"\0" in value:
            return None
        if name not in _NOT_IN_HTTP2 and name != b"sec-websocket-accept":
            headers.append((name, value))
    return headers


class StreamRequest(ClientRequest):
    """A client's request and its stream. ``touched`` is when the client last moved it on, by the front's clock."""

    __slots__ = (
        "_bodyless", "_declared", "_remaining", "_trailers", "over", "stalled", "stream", "submitted", "touched",
        "upgrade", "wants_trailers",
    )  # fmt: skip

    protocol: "Http2Protocol"

    def __init__(self, protocol: "Http2Protocol", stream: Stream) -> None:
        super().__init__()
        self.protocol = protocol
        self.stream = stream
        self.method = self.target = self.given_id = b""
        self.client = ""
        self.number = self.status = self.sent = self.upload_size = 0
        self.touched = protocol.front.now
        self.submitted = False
        self.over = False
        """Answered, refused or given up; the stream may still have to write what it holds."""
        self.stalled = False
        """The upload is held back: by the queue, or by the environment."""
        self.upgrade = False
        """It asks for a WebSocket: what follows both ways is no HTTP, and may be silent for long."""
        self.wants_trailers = False
        self._trailers: Headers = []
        self._declared: int | None = None
        self._bodyless = False
        self._remaining = UNKNOWN_LENGTH
        stream.handler = self

    def begin(self, head: RequestHead, end: bool) -> None:
        """Ask for an answer.

        :raises RefusedError: the length is beyond the limit.
        """
        self.complete = end
        self._declared = head.length
        self.wants_trailers = head.wants_trailers
        limit = self.protocol.front.limits.body
        if limit is not None and (head.length or 0) > limit:
            raise RefusedError(413)
        if head.expects_continue and not end:
            self.stream.send_headers([(b":status", b"100")])
        self.submitted = True
        self.dispatcher.submit(self)

    def refuse(self, status: int) -> None:
        """Answer in the app's stead, whatever has come of the request."""
        self.over = True
        self.status = status
        request_id = self.request_id.decode("latin-1") if self.submitted else ""
        fields, text = refusal_parts(status, request_id)
        headers: Headers = [(b":status", b"%d" % status)]
        headers += [(name.encode(), value.encode()) for name, value in fields]
        if self.method == b"HEAD":
            self.stream.send_headers(headers, end=True)
        else:
            self.stream.send_headers(headers)
            self.stream.send(text, end=True)
        self.protocol.answered(self)

    # -- from the client --

    def headers_received(self, headers: Headers, end: bool) -> None:
        """Never called: clients open streams."""

    def data_received(self, data: bytes | memoryview, end: bool) -> None:
        """A part of the body; the last one may be empty, or stand for trailers."""
        self.touched = self.protocol.front.now
        if self.over:
            return  # what comes behind an answer is not wanted; its credit stays withheld
        self.upload_size += len(data)
        declared, limit = self._declared, self.protocol.front.limits.body
        if declared is not None and (self.upload_size > declared or (end and self.upload_size < declared)):
            self._give_up(frames.PROTOCOL_ERROR)  # RFC 9113 section 8.1.1
        elif limit is not None and self.upload_size > limit and not self.upgrade:
            self._leave()
            self.refuse(413)
        else:
            self.complete = end
            self._upload(data, end)

    def _upload(self, data: bytes | memoryview, end: bool) -> None:
        if self.stream.trailers and not self.upgrade:
            self.trailers = allowed(b"".join(b"%b: %b\r\n" % field for field in self.stream.trailers))
        if self.channel is not None and self.trailers:
            self.channel.end_body()
            taken = True
        elif self.channel is not None:
            taken = self.channel.send_body(bytes(data), end)
        else:
            if self.buffered is None:
                self.buffered = []
            if len(data):
                self.buffered.append(bytes(data))
            taken = self.upload_size <= self.protocol.front.limits.buffered
        self.stalled = not taken and not end
        if taken:
            self._credit()

    def _credit(self) -> None:
        if self.stream.unacknowledged > self.protocol.credit_at:
            self.stream.credit()

    def upload_drained(self) -> None:
        """The channel takes more of the body."""
        self.stalled = False
        self.touched = self.protocol.front.now
        self._credit()

    def stream_drained(self) -> None:
        """The client has taken all that waited for it."""
        self.touched = self.protocol.front.now
        if self._trailers and self.over:
            self._send_trailers()
        if self.channel is not None:
            self.channel.resume()

    def stream_closed(self, code: int) -> None:  # noqa: ARG002
        """The client gives the request up, or has left."""
        if not self.over:
            self.over = True
            self._leave()
            if self.submitted:
                self.protocol.front.observe(self, Outcome.DEPARTED)
            self.protocol.closed(self)

    def expired(self) -> None:
        """The client has moved nothing on for too long."""
        if self.over or self.answered:
            self._give_up(frames.CANCEL)
        else:
            self._leave()
            self.refuse(408)

    def _give_up(self, code: int) -> None:
        """Reset the stream; nothing more is heard of it."""
        self.stream.reset(code)
        if not self.over:
            self.over = True
            self._leave()
            if self.submitted:
                self.protocol.front.observe(self, Outcome.CUT if self.status else Outcome.DEPARTED)
        self.protocol.closed(self)

    def _leave(self) -> None:
        if self.submitted:
            self.dispatcher.depart(self)

    # -- from the environment --

    def interim(self, head: bytes) -> None:
        """Pass an interim response on."""
        checked = check(head)
        headers = None if checked is None else response_headers(checked.fields, checked.status)
        if headers is not None and not self.over:
            self.stream.send_headers(headers)

    def response_whole(self, head: bytes, body: bytes | memoryview) -> bool:
        """Head and body came in one piece; the same as the two calls below."""
        checked = check(head)
        if checked is None or (self.method != b"HEAD" and not checked.fits(len(body))):
            return False
        return super().response_whole(head, body)

    def response_head(self, head: bytes, end: bool, alone: bool) -> bool:  # noqa: ARG002
        """Send the response's headers."""
        checked = check(head)
        if checked is None:
            return False
        status = checked.status
        if self.upgrade and status < 300:  # any 2xx would tell the client that it has its tunnel (RFC 8441 section 5)
            status = 200 if status == 101 else 0
        headers = response_headers(checked.fields, status)
        if headers is None or status < 200:
            return False
        if end and self.method != b"HEAD" and not checked.fits(0):
            return False
        self.status = status
        if checked.status == 101:
            pass  # what follows is the tunnel
        elif self.method == b"HEAD" or not checked.has_body:
            self._bodyless = True
        else:
            self._remaining = checked.length
        self.stream.send_headers(headers, end=end)
        if end:
            self._finished()
        return True

    def response_trailers(self, lines: bytes) -> None:
        """Send them behind the body, to a client that says that it reads them."""
        if self.wants_trailers and not self._bodyless and not self.upgrade:
            fields = (line.partition(b": ") for line in allowed(lines).split(b"\r\n")[:-1])
            self._trailers = [(name, value) for name, _, value in fields]

    def _send_trailers(self) -> None:
        trailers, self._trailers = self._trailers, []
        if not self.stream.closed:
            self.stream.send_headers(trailers, end=True)

    def response_data(self, data: bytes | memoryview, end: bool) -> bool:
        """Send a part of the response's body."""
        if self._bodyless:
            data = b""
        size = len(data)
        if self._remaining >= 0:
            self._remaining -= size
            if self._remaining < 0 or (end and self._remaining):
                self.dispatcher.give_up(self, Failure.BAD_RESPONSE)
                return False
        self.sent += size
        stream = self.stream
        if stream.pending is None:
            self.touched = self.protocol.front.now
        ends = end and not self._trailers
        taken = stream.send(bytes(data), end=ends) if size or ends else stream.pending is None
        if end:
            if self._trailers and stream.pending is None:
                self._send_trailers()
            self._finished()
        return not taken

    def failed(self, failure: Failure) -> None:
        """Answer in the app's stead, or cut the response off where it stands."""
        if self.over:
            return
        if self.status:
            self._give_up(frames.INTERNAL_ERROR)
        else:
            self.refuse(STATUS_OF[failure])

    def _finished(self) -> None:
        self.over = True
        self.protocol.answered(self)


_STREAMS = 100
"""Requests of one connection at a time, the least that RFC 9113 section 6.5.2 recommends."""
_LOOK_EVERY_S = 1.0
_pack = HEADER.pack


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


class Http2Protocol(asyncio.Protocol):
    """One client connection. ``deadline`` is when it is looked at next."""

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
        self.data_received = self.wire.receive  # type: ignore[method-assign]

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
