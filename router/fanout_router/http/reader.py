"""Reads the requests of one HTTP/1.1 client connection, by callbacks alone.

A head is passed on as it came, less the lines that end at a proxy and with what the router adds behind; see
:mod:`fanout_router.http.head`. Refused beyond what that refuses: transfer codings other than chunked, chunked in
HTTP/1.0 or beside a length, two lengths, and a Host that is missing, given twice, or no host.
"""

import re
from typing import TYPE_CHECKING, Final

from fanout_router.http.chunks import ChunkedBody
from fanout_router.http.fields import SPECIAL, Kind, is_request_id, nominated
from fanout_router.http.forwarded import Origin
from fanout_router.http.head import METHODS, match_head, match_line, never_a_head, origin_form, special_lines, without
from fanout_router.http.refusals import RefusedError
from fanout_router.http.request import Request
from fanout_router.messages import BODY, END, HEAD, HEADER
from fanout_router.trailers import allowed, wanted

if TYPE_CHECKING:
    from fanout_router.http.http1 import ClientProtocol

__all__ = ["RequestReader"]

_pack: Final = HEADER.pack
_methods: Final = METHODS.get
_HOST: Final = re.compile(rb"[A-Za-z0-9._~!$&'()*+,;=%:\[\]-]*")
_LENGTH: Final = re.compile(rb"0*([0-9]{1,18})")
_DROPPED: Final = frozenset(name for name, kind in SPECIAL.items() if kind is Kind.DROP)
_CLAIMS: Final = frozenset(name for name, kind in SPECIAL.items() if kind is Kind.FORWARDED)
_NOTED: Final = frozenset(name for name, kind in SPECIAL.items() if kind not in (Kind.FORWARDED, Kind.DROP))
"""Fields whose values count; of Host, those of a second one."""
_NO_OPTIONS: Final = frozenset[bytes]()
_NEVER_DROPPED: Final = frozenset({b"", b"close", *SPECIAL})
"""What Connection names in vain: options that are no fields, and fields that are dealt with anyway."""
_HOST_ALONE: Final = frozenset({b"host"})
_LONGEST_LENGTH: Final = 18
"""Digits of a length that needs no second look."""
_SHORTEST_FIELD: Final = 4
"""Bytes of the shortest field line: a head below the limit of fields times this need not be counted."""

_SLASH: Final = ord("/")

Values = dict[bytes, bytes]
_NOTHING: Final[Values] = {}
"""Nobody writes into it: the first note is in a dictionary of its own."""


class RequestReader:
    """Reads the requests of one connection; a bad one is refused through the connection."""

    __deletable__ = ("_connection",)  # said to mypyc

    def __init__(self, connection: "ClientProtocol", peer: str, scheme: str) -> None:
        self.current: Request | None = None
        """The request being read, or read last."""
        self.in_head = False
        """A head has begun and is not whole."""
        self.stopped = False
        """Nothing is read any more: something was refused."""
        self._connection = connection
        self._front = front = connection.front
        self._head_limit = front.limits.head
        self._url_limit = front.limits.url
        self._uncounted = _SHORTEST_FIELD * front.limits.fields
        self._peer = peer
        self._scheme = scheme
        self._dropped = _DROPPED if front.proxies.trusts(peer) else _DROPPED | _CLAIMS
        self._held = bytearray()
        """What has come of a head that is not whole."""
        self._missing = 0
        """Bytes still to come of a body whose length is known."""
        self._chunks: ChunkedBody | None = None
        """A chunked body that is still to come, or part of it."""
        self._added_for: bytes | None = None
        self._added = b""
        """The field lines that are added to a request for this host, up to the number of its id."""

    def feed(self, data: bytes) -> None:
        """Take bytes of the client."""
        if self._held:
            data = self._completed(data)
        at, size, connection = 0, len(data), self._connection
        while at < size and not self.stopped and not connection.closing:
            if self._missing:
                at = self._body(data, at)
            elif self._chunks is not None:
                at = self._chunk(data, at, self._chunks)
            else:
                at = self._head(data, at)

    def let_go(self) -> None:
        """The connection is gone: read no more, and hold neither it nor a request, so that all are free at once."""
        self.stopped = True
        self.current = self._chunks = None
        del self._connection

    def _refuse(self, status: int, until: int) -> int:
        self._connection.refuse(status)
        return until

    # -- heads; each method returns where the next thing begins --

    def _head(self, data: bytes, at: int) -> int:
        """Read a head that is all there, and the body with it if that is too."""
        found = match_head(data, at)
        if found is None:
            return self._no_head(data, at)
        self.in_head = False
        request = self.current
        if request is not None and request.spent:
            request.renew()
        else:
            self.current = request = Request(self._connection)
        request.method, request.target = method, target = found.group(1, 2)
        end = found.end()
        head = data[at:end]
        host, length, noted, claimed = None, None, _NOTHING, _NOTHING
        kept, cut = [], 0
        for line in special_lines(head.lower(), len(method) + len(target) + 10):
            name = line[1]
            first, last = line.span()
            if name == b"host" and host is None:
                host = head[first + 6 : last - 1].strip(b" \t")
                continue
            kept.append(head[cut:first])
            cut = last
            if name in self._dropped:
                continue
            if name == b"content-length" and length is None:
                length = head[first + 16 : last - 1].strip(b" \t")
            elif name in _NOTED:
                value = head[first + len(name) + 2 : last - 1].strip(b" \t")
                if value != b"keep-alive" or name != b"connection" or found.lastindex == 3:  # else it says nothing new
                    noted = _note(noted, name, value)
            else:
                claimed = _note(claimed, name, head[first + len(name) + 2 : last - 1].strip(b" \t"))
        kept.append(head[cut:-2])
        if length is not None:
            if noted or not length.isdigit() or len(length) > _LONGEST_LENGTH:
                noted = _note(noted, b"content-length", length)
            else:
                self._missing = size = int(length)
                request.upload = size > 0
                kept.append(b"content-length: %b\r\n" % length)
        idempotent = _methods(method)
        if noted or host is None or idempotent is None or target[0] != _SLASH or found.lastindex == 3:
            status, host, kept = self._unusual(request, host, kept, noted, found.lastindex == 3)
            if status:
                return self._refuse(status, end)
        request.idempotent = idempotent is True
        request.plain = method != b"HEAD" and not request.http10 and not request.upgrade
        status = self._admit(request, head, host)
        if status:
            return self._refuse(status, end)
        if noted or claimed or request.http10:
            kept.append(self._own_lines(request, host, noted, claimed))
        else:
            front = self._front
            front.request_ids = request.number = number = front.request_ids + 1
            kept.append(b"%b%x\r\n\r\n" % (self._added, number))
        text = b"".join(kept)
        if len(text) > self._head_limit:
            return self._refuse(431, end)
        if request.upload:
            return self._begin_upload(request, text, data, end)
        request.complete = True
        request.payload = _pack(len(text), HEAD | END) + text
        self._connection.enqueue(request)
        return end

    def _no_head(self, data: bytes, at: int) -> int:
        """Empty lines before a head are skipped (RFC 9112 section 2.2), what is no whole head is waited for."""
        rest = data[at:]
        begun = rest.lstrip(b"\r\n")
        self.in_head = True
        if len(begun) < len(rest):
            return len(data) - len(begun)
        if rest.find(b"\r\n\r\n") >= 0:
            return self._refuse(400, len(data))
        self._held += rest
        self._wait(0)
        return len(data)

    def _completed(self, data: bytes) -> bytes:
        """The head that has come in parts with ``data``, if it is whole now; else nothing, and it is waited for."""
        held, before = self._held, len(self._held)
        held += data
        if held.find(b"\r\n\r\n", max(0, before - 3)) < 0:
            self._wait(before)
            return b""
        data = bytes(held)
        held.clear()
        return data

    def _wait(self, seen: int) -> None:
        """Refuse what can be no head any more; only what is behind the first ``seen`` bytes is new."""
        held = self._held
        first_line = held.find(b"\n")
        if never_a_head(held, max(0, seen - 1)) or (first_line >= seen and not match_line(held)):
            self._connection.refuse(400)
        elif len(held) > self._head_limit:
            self._connection.refuse(414 if first_line < 0 else 431)

    def _admit(self, request: Request, head: bytes, host: bytes) -> int:
        """Check the limits and the host, and find the route; the status to refuse the request with, or 0."""
        front, target = self._front, request.target
        if len(target) > self._url_limit:
            return 414
        if len(head) > self._uncounted and head.count(b"\n") - 2 > front.limits.fields:
            return 431
        if host != self._added_for:
            if not _HOST.fullmatch(host):
                return 400
            self._added_for = host
            self._added = Origin((self._peer,), self._scheme, host).fields() + b"x-request-id: " + front.id_prefix
        if self._missing and front.limits.body is not None and self._missing > front.limits.body:
            return 413
        route = front.routes.only or front.routes.find(host, target)
        if route is None:
            return 404
        request.route = route
        request.dispatcher = route.dispatcher
        return 0

    def _own_lines(self, request: Request, host: bytes, noted: Values, claimed: Values) -> bytes:
        """The end of a head that has said something of where it came from, or of its id."""
        front = self._front
        front.request_ids = request.number = number = front.request_ids + 1
        given = noted.get(b"x-request-id")
        if given is not None and is_request_id(given):
            request.given_id = given
        elif not claimed and not request.http10:
            return b"%b%x\r\n\r\n" % (self._added, number)
        origin = front.proxies.origin(self._peer, self._scheme, host, claimed)
        request.client = origin.chain[0]
        added = origin.fields(b"1.0" if request.http10 else b"1.1")
        return b"%bx-request-id: %b\r\n\r\n" % (added, request.request_id)

    # -- what is not in every head --

    def _unusual(
        self, request: Request, host: bytes | None, lines: list[bytes], noted: Values, http10: bool
    ) -> tuple[int, bytes, list[bytes]]:
        """Whatever a plain request has not: the status to refuse it with, or 0; its host; its lines."""
        request.http10 = http10
        if request.method not in METHODS:
            return 501 if request.method == b"CONNECT" else 400, b"", lines
        if b"host" in noted or (host is None and not http10):
            return 400, b"", lines
        connection = nominated(noted[b"connection"]) if b"connection" in noted else _NO_OPTIONS
        request.keep_alive = b"keep-alive" in connection if http10 else b"close" not in connection
        status = self._framing(request, noted)
        form = origin_form(request.method, request.target)
        if status or form is None:
            return status or 400, b"", lines
        authority, request.target = form
        if b"expect" in noted:
            if noted[b"expect"].lower() != b"100-continue":
                return 417, b"", lines
            request.expects_continue = request.upload and not http10
        request.wants_trailers = b"te" in noted and not http10 and wanted(noted[b"te"])
        dropped = connection - _NEVER_DROPPED
        if dropped or authority or host is None or http10:
            host = authority or host or b""
            lines = [_rewritten(request, host, b"".join(lines), dropped)]
        if request.wants_trailers:
            lines.append(b"te: trailers\r\n")
        if b"content-length" in noted:
            lines.append(b"content-length: %b\r\n" % noted[b"content-length"])
        elif b"upgrade" in connection and noted.get(b"upgrade", b"").lower() == b"websocket" and not http10:
            lines.append(self._switch(request))
        return 0, host, lines

    def _framing(self, request: Request, noted: Values) -> int:
        """Where the body ends; the status to refuse the request with, or 0."""
        coding, length = noted.get(b"transfer-encoding"), noted.get(b"content-length")
        if coding is not None:
            codings = [each.strip(b" \t") for each in coding.lower().split(b",")]
            if request.http10 or length is not None or b"" in codings or b"chunked" in codings[:-1]:
                return 400
            if codings != [b"chunked"]:
                return 501
            self._chunks, request.upload = ChunkedBody(self._received), True
        elif length is not None:
            digits = _LENGTH.fullmatch(length)
            if digits is None:
                return 400
            self._missing = size = int(digits[1])
            request.upload = size > 0
        return 0

    @staticmethod
    def _switch(request: Request) -> bytes:
        """Ask for a tunnel, if this may (RFC 6455 section 4.1); the lines that say so."""
        if request.method != b"GET" or request.upload:
            return b""
        request.upgrade = request.upload = True
        return b"connection: upgrade\r\nupgrade: websocket\r\n"

    # -- bodies --

    def _begin_upload(self, request: Request, text: bytes, data: bytes, end: int) -> int:
        """Begin a request with a body, or with a tunnel; a small body that is all there goes with the head."""
        size, connection = self._missing, self._connection
        if size and size <= min(len(data) - end, self._front.limits.buffered):
            self._missing = 0
            request.complete, request.upload, request.upload_size = True, False, size
            body = data[end : end + size]
            request.payload = b"".join((_pack(len(text), HEAD), text, _pack(size, BODY | END), body))
            connection.enqueue(request)
            return end + size
        request.payload = _pack(len(text), HEAD) + text
        connection.enqueue(request)
        if request.upgrade:
            connection.switch(request, data[end:])
            return len(data)
        return end

    def _body(self, data: bytes, at: int) -> int:
        part = data[at : at + self._missing]
        self._missing -= len(part)
        self._received(part)
        self._completed_body(not self._missing)
        return at + len(part)

    def _chunk(self, data: bytes, at: int, chunks: ChunkedBody) -> int:
        try:
            at += chunks.feed(data[at:])
        except RefusedError as bad:
            return self._refuse(bad.status, len(data))
        if chunks.ended:
            self._chunks = None
            if chunks.trailers and self.current is not None:
                self.current.trailers = allowed(chunks.trailers)
            self._completed_body(True)
        return at

    def _received(self, data: bytes) -> None:
        """A part of the current request's body."""
        if self.current is not None and not self.stopped and not self._connection.closing:
            self._connection.body_received(self.current, data)

    def _completed_body(self, whole: bool) -> None:
        if whole and self.current is not None and not self.stopped and not self._connection.closing:
            self._connection.request_complete(self.current)


def _note(values: Values, name: bytes, value: bytes) -> Values:
    """The values with one more, which stands behind those of the same name before it."""
    if not values:
        return {name: value}
    before = values.get(name)
    values[name] = value if before is None else before + b", " + value
    return values


def _rewritten(request: Request, host: bytes, text: bytes, dropped: frozenset[bytes]) -> bytes:
    """The head's lines with another request line, with this host, and less the fields that Connection names."""
    fields = without(text, dropped | _HOST_ALONE).partition(b"\r\n")[2]
    return b"%b %b HTTP/1.1\r\nhost: %b\r\n%b" % (request.method, request.target, host, fields)
