"""Fields of a request's head: those that the router does not simply pass on.

Hop-by-hop fields end here (RFC 9110 section 7.6.1).
"""

import re
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
    TE = auto()
    UPGRADE = auto()
    FORWARDED = auto()
    REQUEST_ID = auto()


SPECIAL: dict[bytes, Kind] = {
    b"host": Kind.HOST,
    b"keep-alive": Kind.DROP,
    b"proxy-authorization": Kind.DROP,
    b"proxy-connection": Kind.DROP,
    b"proxy": Kind.DROP,  # a CGI-like app would see it as HTTP_PROXY (CVE-2016-5385)
    b"te": Kind.TE,
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
    return frozenset(map(bytes.strip, connection.lower().split(b",")))
