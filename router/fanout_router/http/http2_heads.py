"""Heads of HTTP/2: what a client's header list says as a request, and an app's response as a header list."""

import base64
import re
import secrets
from functools import lru_cache
from typing import Final

from fanout_router.http.fields import SPECIAL, Kind, is_request_id
from fanout_router.http.front import Front
from fanout_router.http.refusals import RefusedError
from fanout_router.wire import Headers

__all__ = ["HeadReader", "RequestHead", "response_headers"]

_METHOD: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}")
_NAME: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9a-z-]+")
_PATH: Final = re.compile(rb"/[\x21-\x7e\x80-\xff]*")
_AUTHORITY: Final = re.compile(rb"[A-Za-z0-9._~!$&'()*+,;=%:\[\]-]+")
_NOT_IN_HTTP2: Final = frozenset(
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
