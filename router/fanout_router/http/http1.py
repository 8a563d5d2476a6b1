"""A client connection that speaks HTTP/1.1, by callbacks alone, so that a request costs no task and no future.

httptools (llhttp, in strict mode) already refuses what request smuggling lives on: a bare LF or CR, folded or
padded field names, two lengths, a length beside chunked, and malformed chunks. The rest is refused here:
transfer codings other than chunked, chunked in HTTP/1.0, and a Host that is missing, given twice, or no host.
"""

import asyncio
import re
from collections import deque
from typing import Protocol, cast

import httptools

from fanout_router.exchange import IDEMPOTENT
from fanout_router.http.fields import SPECIAL, Kind, KnownFields, is_request_id, nominated
from fanout_router.http.forwarded import Origin
from fanout_router.http.front import Front, Outcome
from fanout_router.http.request import Request, RequestConnection, refusal
from fanout_router.messages import END, HEAD, HEADER

__all__ = ["resumed_parser"]


class ParserCallbacks(Protocol):
    """What httptools calls: the reader."""

    def on_message_begin(self) -> None:
        """A request begins."""

    def on_url(self, url: bytes) -> None:
        """A part of the request target."""

    def on_header(self, name: bytes, value: bytes) -> None:
        """One field, of the head or of the trailers."""

    def on_headers_complete(self) -> None:
        """The head is whole."""

    def on_body(self, data: bytes) -> None:
        """A part of the body."""

    def on_message_complete(self) -> None:
        """The request is whole."""


def resumed_parser(reader: ParserCallbacks, framing: bytes) -> httptools.HttpRequestParser:
    """A parser that takes the body framed by the field line ``framing``, and then further requests."""
    callbacks = _BehindHead(reader)
    parser = httptools.HttpRequestParser(callbacks)
    parser.feed_data(b"POST / HTTP/1.1\r\n%b\r\n\r\n" % framing)
    callbacks.hear()
    return parser


class _BehindHead:
    """The reader's callbacks, silent until the head of our own is through."""

    def __init__(self, reader: ParserCallbacks) -> None:
        self._reader = reader
        self._silent = True

    def hear(self) -> None:
        """From here on everything is the client's."""
        self._silent = False

    def on_message_begin(self) -> None:
        if not self._silent:
            self._reader.on_message_begin()

    def on_url(self, url: bytes) -> None:
        if not self._silent:
            self._reader.on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._silent:
            self._reader.on_header(name, value)

    def on_headers_complete(self) -> None:
        if not self._silent:
            self._reader.on_headers_complete()

    def on_body(self, data: bytes) -> None:
        self._reader.on_body(data)

    def on_message_complete(self) -> None:
        self._reader.on_message_complete()


_pack = HEADER.pack
_special = SPECIAL.get
_HOST_KIND = Kind.HOST
_BEHIND_AUTHORITY = re.compile(rb"[/?#]")
_HOST = re.compile(rb"[A-Za-z0-9._~!$&'()*+,;=%:\[\]-]*")


class ReaderConnection(RequestConnection, Protocol):
    """The connection whose requests are read: it takes what is read, and answers what is no request."""

    closing: bool

    @property
    def front(self) -> Front:
        """What all client connections share."""

    def begin(self, request: Request) -> None:
        """Serve the one request of an idle connection, which is whole."""

    def enqueue(self, request: Request) -> None:
        """Serve a request in its turn; more of it may come."""

    def body_received(self, request: Request, data: bytes) -> None:
        """A part of a request's body."""

    def request_complete(self, request: Request) -> None:
        """A request with a body is whole."""

    def refuse(self, status: int) -> None:
        """Answer what never became a request, after those before it, and close."""


class RequestReader:
    """Reads the requests of one connection; a bad one is refused through the connection."""

    def __init__(self, connection: ReaderConnection, peer: str, scheme: str) -> None:
        self.current: Request | None = None
        """The request being read, or read last."""
        self.in_head = False
        self.head_bytes = 0
        self.fields: list[bytes] = []
        self._connection = connection
        self._front = connection.front
        self._peer = peer
        self._scheme = scheme
        self._trusted = self._front.proxies.trusts(peer)
        self._url = b""
        self._host: bytes | None = None
        self._special: dict[Kind, bytes] = {}
        self._claimed: dict[bytes, bytes] = {}
        self._refuse_with = 0
        self._provenance: tuple[bytes | None, bytes] = (None, b"")
        self._plain: tuple[bytes, bytes] | None = None
        """Host and field lines of the head read last, when nothing in it was special."""
        self._known = KnownFields()
        self.renew()

    def renew(self) -> None:
        """Begin with a fresh parser, also after an Upgrade that we do not follow stopped the old one."""
        request = self.current
        if request is None or request.complete:
            self._parser = httptools.HttpRequestParser(self)
        else:
            length = self._special.get(Kind.CONTENT_LENGTH)
            framing = b"transfer-encoding: chunked" if length is None else b"content-length: " + length
            self._parser = resumed_parser(self, framing)
        self.feed = self._parser.feed_data

    @property
    def has_fields(self) -> bool:
        """Whether the head has come as far as its first field."""
        return bool(self.fields or self._special) or self._host is not None

    def feed_known(self, data: bytes) -> bool:
        """Take a request whose head need not be parsed again, on an idle connection; False when it is anything
        else.
        """
        line_end = data.find(b"\n") + 1
        known = self._known.get(data[line_end:])
        if known is None:
            return False
        front = self._front
        line_bytes = data[:line_end]
        line = front.lines.get(line_bytes) or front.lines.parse(line_bytes)
        if line is None or len(data) > front.limits.head:
            return False
        host, fields = known
        route = front.routes.only or front.routes.find(host, line.target)
        if route is None:
            return False
        request = self.current
        if request is not None and request.spent:
            request.renew()
        else:
            self.current = request = Request(self._connection)
        request.method = line.method
        request.target = line.target
        request.plain = line.plain
        request.route = route
        request.dispatcher = route.dispatcher
        request.complete = request.idempotent = True
        front.request_ids = request.number = number = front.request_ids + 1
        ending = b"%x\r\n\r\n" % number
        size = line_end + len(fields) + len(ending)
        request.payload = b"".join((_pack(size, HEAD | END), line_bytes, fields, ending))
        self._connection.begin(request)
        return True

    def remember(self, data: bytes) -> None:
        """Remember the head that was just read, if it was plain and is all of ``data``."""
        plain, self._plain = self._plain, None
        if plain is not None and self.current is not None and self.current.complete:
            self._known.remember(data, *plain)

    def on_message_begin(self) -> None:
        """A request begins."""
        self.in_head = True
        self.head_bytes = 0
        self._plain = None
        self._url = b""
        self._host = None
        self.fields = []
        if self._special:
            self._special = {}
            self._claimed = {}

    def on_url(self, url: bytes) -> None:
        """A part of the request target."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """One field, of the head or of the trailers."""
        name = name.lower()
        kind = _special(name)
        if kind is None and self.in_head:
            self.fields += (name, b": ", value, b"\r\n")
        elif kind is _HOST_KIND and self._host is None and self.in_head:
            self._host = value
        else:
            self._on_special(kind, name, value)

    def _on_special(self, kind: Kind | None, name: bytes, value: bytes) -> None:
        if kind is None or not self.in_head:  # trailers are dropped: what they say cannot be relied on behind a proxy
            self.head_bytes += len(name) + len(value)
            if self.head_bytes > self._front.limits.head:
                self._connection.refuse(431)
            return
        if kind is Kind.HOST:  # a second one
            self._refuse_with = 400
            return
        if kind is Kind.FORWARDED:
            before = self._claimed.get(name)
            self._claimed[name] = value if before is None else b"%b, %b" % (before, value)
            value = b""
        elif kind is Kind.CONTENT_LENGTH:
            self.fields += (name, b": ", value, b"\r\n")
        elif kind in self._special:  # on two lines it means what it means on one (RFC 9110 section 5.3)
            value = b"%b, %b" % (self._special[kind], value)
        self._special[kind] = value

    def on_headers_complete(self) -> None:
        """The head is whole: make it a request, or refuse it."""
        self.in_head = False
        if self._connection.closing:
            return
        request = self.current = Request(self._connection)
        status = self._check(request)
        if not status:
            head = self._head(request, self._host or b"")
            if len(head) <= self._front.limits.head:
                request.plain = not (request.http10 or request.upgrade or request.method == b"HEAD")
                request.payload = _pack(len(head), HEAD | END if request.complete else HEAD) + head
                self._connection.enqueue(request)
                return
            status = 431
        self._connection.refuse(status)

    def _check(self, request: Request) -> int:
        """Fill the request; the status to refuse it with, or 0."""
        parser = self._parser
        request.method = method = parser.get_method()
        request.idempotent = method in IDEMPOTENT
        request.keep_alive = keep = parser.should_keep_alive()
        request.target = target = self._url
        request.complete = True
        host = self._host
        if self._refuse_with:
            return self._refuse_with
        if self._special or not keep or host is None or target[:1] != b"/" or method == b"CONNECT":
            status = self._unusual(request)
            if status:
                return status
            target, host = request.target, self._host
        limits = self._front.limits
        if len(target) > limits.url:
            return 414
        if len(self.fields) > limits.fields << 2:
            return 431
        if host != self._provenance[0] and not _HOST.fullmatch(host or b""):
            return 400
        return self._route(request, host or b"", target)

    def on_body(self, data: bytes) -> None:
        """A part of the current request's body."""
        if self.current is not None and not self._connection.closing:
            self._connection.body_received(self.current, data)

    def on_message_complete(self) -> None:
        """The current request is whole."""
        request = self.current
        if request is not None and not request.complete and not self._parser.should_upgrade():
            self._connection.request_complete(request)

    def _unusual(self, request: Request) -> int:
        """Whatever a plain request has not; the status to refuse it with, or 0."""
        version = self._parser.get_http_version()
        special = self._special
        request.http10 = version == "1.0"
        if version not in ("1.1", "1.0") or (self._host is None and not request.http10):
            return 400
        if request.method == b"CONNECT":
            return 501
        coding = special.get(Kind.TRANSFER_ENCODING)
        if coding is not None and (request.http10 or coding.lower() != b"chunked"):
            return 400 if request.http10 else 501
        length = special.get(Kind.CONTENT_LENGTH)
        request.upload = coding is not None or (length is not None and length.strip(b"0") != b"")
        request.complete = not request.upload
        limit = self._front.limits.body
        if limit is not None and length is not None and int(length) > limit:
            return 413
        return self._origin_form(request) or self._options(request)

    def _origin_form(self, request: Request) -> int:
        """Accept ``*`` for OPTIONS, and an absolute target, whose authority then is the host (RFC 9112
        3.2.2).
        """
        target = request.target
        if target[:1] == b"/" or (target == b"*" and request.method == b"OPTIONS"):
            return 0
        scheme, separator, rest = target.partition(b"://")
        if not separator or scheme.lower() not in (b"http", b"https"):
            return 400
        authority = _BEHIND_AUTHORITY.split(rest, maxsplit=1)[0]
        if not authority or b"@" in authority:
            return 400
        path = rest[len(authority) :]
        self._host = authority
        request.target = path if path[:1] == b"/" else b"/" + path
        return 0

    def _options(self, request: Request) -> int:
        """Connection, Expect and Upgrade."""
        special = self._special
        connection = special.get(Kind.CONNECTION)
        if connection is not None and connection.lower() not in (b"keep-alive", b"close"):
            dropped = nominated(connection) - {b"content-length"}
            fields = self.fields
            self.fields = [
                part for at in range(0, len(fields), 4) if fields[at] not in dropped for part in fields[at : at + 4]
            ]
        expect = special.get(Kind.EXPECT)
        if expect is not None:
            if expect.lower() != b"100-continue":
                return 417
            request.expects_continue = request.upload and not request.http10
        switches = special.get(Kind.UPGRADE, b"").lower() == b"websocket" and self._parser.should_upgrade()
        if switches and request.method == b"GET" and not request.upload:  # RFC 6455 section 4.1
            request.upgrade = request.upload = True
            request.complete = False
            self.fields += (b"connection: upgrade\r\n", b"upgrade: ", b"websocket", b"\r\n")
        return 0

    def _route(self, request: Request, host: bytes, target: bytes) -> int:
        route = self._front.routes.only or self._front.routes.find(host, target)
        if route is None:
            return 404
        request.route = route
        request.dispatcher = route.dispatcher
        return 0

    def _head(self, request: Request, host: bytes) -> bytes:
        """The head as the app gets it."""
        front = self._front
        if (self._claimed and self._trusted) or request.http10:
            origin = front.proxies.origin(self._peer, self._scheme, host, self._claimed)
            added = origin.fields(b"1.0" if request.http10 else b"1.1")
            request.client = origin.chain[0]
        elif self._provenance[0] == host:
            added = self._provenance[1]
        else:
            added = Origin((self._peer,), self._scheme, host).fields()
            self._provenance = (host, added)
        given = self._special.get(Kind.REQUEST_ID) if self._special else None
        if given is not None and is_request_id(given):
            request.given_id = given
            name = given
        else:
            front.request_ids = request.number = front.request_ids + 1
            name = front.id_prefix
        fields = b"host: %b\r\n%b%bx-request-id: %b" % (host, b"".join(self.fields), added, name)
        if not self._special:
            self._plain = host, fields
        number = b"" if request.given_id else b"%x" % request.number
        return b"%b %b HTTP/1.1\r\n%b%b\r\n\r\n" % (request.method, request.target, fields, number)


_NEVER = float("inf")
_FRAMING_PER_BYTE = 8
"""Bytes of framing for each byte of a chunked body: a chunk of one byte has five."""
_WRITE_BUFFER = 262_144
"""Bytes held for a client before its environment is told to wait: one stream window, which may be under way anyway."""


class ClientProtocol(asyncio.Protocol):
    """One client connection; requests of a pipeline are served one after the other."""

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
        self._framing = 0
        """Bytes of the present request's body that are none of its content."""

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
        was_idle = self._idle
        if was_idle:
            self._idle = False
            if self._reader.feed_known(data):
                return
            self.deadline = self.front.now + self.front.limits.head_timeout
        in_head = self._reader.in_head
        uploading, taken = self._reader.current, self._taken()
        try:
            self._reader.feed(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._upgraded(data[upgrade.args[0] :])
        except httptools.HttpParserError:
            self.refuse(400)
        if was_idle:
            self._reader.remember(data)
        if uploading is not None and uploading is self._reader.current and not uploading.complete:
            self._count_framing(uploading, len(data) - (uploading.upload_size - taken))
        if in_head and self._reader.in_head:
            self._reader.head_bytes += len(data)
            if self._reader.head_bytes > self.front.limits.head:
                self.refuse(431 if self._reader.has_fields else 414)

    def _taken(self) -> int:
        request = self._reader.current
        return 0 if request is None else request.upload_size

    def _count_framing(self, request: Request, size: int) -> None:
        """Bound what stands between the parts of a body: chunk sizes, which small chunks excuse, and extensions."""
        self._framing += size
        if self._framing > self.front.limits.head + _FRAMING_PER_BYTE * request.upload_size:
            self.refuse(400)

    def pause_writing(self) -> None:
        """The client reads slower than the app answers."""
        self.write_paused = True
        self.deadline = self.front.now + self.front.limits.write_timeout

    def resume_writing(self) -> None:
        """The client has caught up."""
        self.write_paused = False
        self.deadline = _NEVER
        if self._requests:
            channel = self._requests[0].channel
            if channel is not None:
                channel.resume()

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
            request.channel.send_body(b"", True)

    def begin(self, request: Request) -> None:
        """Serve the one request of an idle connection, which is whole."""
        self._requests.append(request)
        self.deadline = _NEVER
        request.dispatcher.submit(request)

    def enqueue(self, request: Request) -> None:
        """Serve a request in its turn; more of it may come."""
        requests = self._requests
        requests.append(request)
        self._framing = 0
        self.deadline = _NEVER if request.complete else self.front.now + self.front.limits.body_timeout
        if len(requests) == 1:
            self._begin(request)
        elif len(requests) >= self.front.limits.pipelined:
            self._pause_reading()

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

    def _upgraded(self, rest: bytes) -> None:
        """httptools has stopped at an Upgrade: go on as a tunnel, or with the next request if we do not
        switch.
        """
        request = self._reader.current
        if self.closing or request is None:
            return
        if request.upgrade:
            self._tunnel = request
        else:
            self._reader.renew()
        if rest:
            self.data_received(rest)

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
        current = self._reader.current
        if current is None:
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
            self.deadline = self.front.now + self.front.limits.linger_timeout
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
