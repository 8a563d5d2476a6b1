"""Fields of a request's head: those that the router does not simply pass on, and heads seen before.

Hop-by-hop fields end here (RFC 9110 section 7.6.1).
"""

import re
from dataclasses import dataclass
from enum import IntEnum, auto

__all__ = []


class Kind(IntEnum):
    """How a field is dealt with."""

    HOST = auto()
    DROP = auto()
    CONNECTION = auto()
    TRANSFER_ENCODING = auto()
    CONTENT_LENGTH = auto()
    EXPECT = auto()
    UPGRADE = auto()
    FORWARDED = auto()
    REQUEST_ID = auto()


SPECIAL: dict[bytes, Kind] = {
    b"host": Kind.HOST,
    b"keep-alive": Kind.DROP,
    b"proxy-authorization": Kind.DROP,
    b"proxy-connection": Kind.DROP,
    b"proxy": Kind.DROP,  # a CGI-like app would see it as HTTP_PROXY (CVE-2016-5385)
    b"te": Kind.DROP,
    b"trailer": Kind.DROP,
    b"http2-settings": Kind.DROP,
    b"connection": Kind.CONNECTION,
    b"transfer-encoding": Kind.TRANSFER_ENCODING,
    b"content-length": Kind.CONTENT_LENGTH,
    b"expect": Kind.EXPECT,
    b"upgrade": Kind.UPGRADE,
    b"forwarded": Kind.FORWARDED,
    b"x-forwarded-for": Kind.FORWARDED,
    b"x-forwarded-host": Kind.FORWARDED,
    b"x-forwarded-port": Kind.FORWARDED,
    b"x-forwarded-proto": Kind.FORWARDED,
    b"x-real-ip": Kind.FORWARDED,
    b"x-request-id": Kind.REQUEST_ID,
}

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:/+=@-]{1,128}")


def is_request_id(value: bytes) -> bool:
    """Whether a client's request id is fit to be passed on and logged."""
    return _REQUEST_ID.fullmatch(value) is not None


def nominated(connection: bytes) -> frozenset[bytes]:
    """The field names that a Connection field declares hop-by-hop."""
    return frozenset(token.strip() for token in connection.lower().split(b","))


_PLAIN = re.compile(rb"(GET|HEAD|OPTIONS|DELETE) (/[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*) HTTP/1\.1\r\n")
_LINES = 1_024
_LINE_BYTES = 512
_HEADS = 4
_HEAD_BYTES = 1_024
_END = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class RequestLine:
    """A request line without a body to follow, in characters that need no second look."""

    method: bytes
    target: bytes
    plain: bool
    """A response has a body, if its own head says so."""


class RequestLines:
    """The plain request lines of all connections seen lately; at most 1,024 of at most 512 bytes."""

    def __init__(self, longest_target: int) -> None:
        self._longest_target = longest_target
        self._known: dict[bytes, RequestLine] = {}
        self.get = self._known.get

    def parse(self, line: bytes) -> RequestLine | None:
        """A line that is plain, from now on known; None for any other."""
        found = _PLAIN.fullmatch(line)
        if found is None or len(found[2]) > self._longest_target:
            return None
        parsed = RequestLine(found[1], found[2], found[1] != b"HEAD")
        if len(line) <= _LINE_BYTES:
            if len(self._known) >= _LINES:
                self._known.clear()
            self._known[line] = parsed
        return parsed


class KnownFields:
    """The field blocks of one connection, as they came, with host and field lines as the app gets them; at most 4
    of at most 1,024 bytes.
    """

    def __init__(self) -> None:
        self._known: dict[bytes, tuple[bytes, bytes]] = {}
        self.get = self._known.get

    def remember(self, data: bytes, host: bytes, fields: bytes) -> None:
        """Remember a head of which nothing was special, if ``data`` is that head and no more."""
        line_end = data.find(b"\n") + 1
        if (
            len(data) - line_end <= _HEAD_BYTES
            and data.find(_END) == len(data) - len(_END)
            and _PLAIN.fullmatch(data, 0, line_end)
        ):
            if len(self._known) >= _HEADS:
                self._known.clear()
            self._known[data[line_end:]] = host, fields
