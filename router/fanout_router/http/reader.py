"""Requests out of a client's bytes: httptools' callbacks, and everything that makes a head good or bad.

httptools (llhttp, in strict mode) already refuses what request smuggling lives on: a bare LF or CR, folded or
padded field names, two lengths, a length beside chunked, and malformed chunks. The rest is refused here:
transfer codings other than chunked, chunked in HTTP/1.0, and a Host that is missing, given twice, or no host.
"""

import re
from typing import Protocol

import httptools

from fanout_router.exchange import IDEMPOTENT
from fanout_router.http.fields import SPECIAL, Kind, is_request_id, nominated, provenance
from fanout_router.http.front import Front
from fanout_router.http.known import KnownFields
from fanout_router.http.request import Request, RequestConnection
from fanout_router.http.resumed import resumed_parser
from fanout_router.messages import END, HEAD, HEADER

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
        self._trusted = self._front.trusts(peer)
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
        elif kind is Kind.CONNECTION and kind in self._special:
            value = b"%b, %b" % (self._special[kind], value)
        elif kind is Kind.CONTENT_LENGTH:
            self.fields += (name, b": ", value, b"\r\n")
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
        if self._claimed and self._trusted:
            added = provenance(self._peer, self._scheme, host, self._claimed)
        elif self._provenance[0] == host:
            added = self._provenance[1]
        else:
            added = provenance(self._peer, self._scheme, host)
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
