"""Fields of a request's head: those that the router does not simply pass on, and what it adds.

Hop-by-hop fields end here (RFC 9110 section 7.6.1). What a client says about where it came from is believed
only when the peer is a trusted proxy; else it is replaced by what the router sees itself.
"""

import re
from collections.abc import Mapping
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
    return frozenset(map(bytes.strip, connection.lower().split(b",")))


def provenance(peer: str, scheme: str, host: bytes, claimed: Mapping[bytes, bytes] | None = None) -> bytes:
    """The field lines that tell the app where a request came from; ``claimed`` is what a trusted proxy said
    of it.
    """
    claimed = claimed or {}
    node = f'"[{peer}]"' if ":" in peer else peer
    via_us = f"for={node};proto={scheme}".encode() + (b';host="%b"' % host if _quotable(host) else b"")
    lines = {
        b"x-forwarded-for": _append(claimed.get(b"x-forwarded-for"), peer.encode()),
        b"x-forwarded-proto": claimed.get(b"x-forwarded-proto", scheme.encode()),
        b"x-forwarded-host": claimed.get(b"x-forwarded-host", host),
        b"forwarded": _append(claimed.get(b"forwarded"), via_us),
        b"via": b"1.1 fanout-router",
    }
    if b"x-forwarded-port" in claimed:
        lines[b"x-forwarded-port"] = claimed[b"x-forwarded-port"]
    return b"".join(b"%b: %b\r\n" % line for line in lines.items())


def _append(before: bytes | None, value: bytes) -> bytes:
    return b"%b, %b" % (before, value) if before else value


def _quotable(host: bytes) -> bool:
    return bool(host) and b'"' not in host and b"\\" not in host
