"""Trailer fields (RFC 9110 section 6.5): which may pass, both ways, and who wants them.

A field whose meaning is due before the body must not come behind it, where filters have not seen it: framing, routing,
authentication, request modifiers, controls of the response, and what says how to read the content.
"""

import re

__all__ = ["allowed", "wanted"]

_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*)")
_FORBIDDEN = frozenset(
    b"age authorization cache-control connection content-encoding content-length content-location content-range "
    b"content-type cookie date expect expires forwarded host http2-settings if-match if-modified-since if-none-match "
    b"if-range if-unmodified-since keep-alive location max-forwards pragma proxy proxy-authenticate "
    b"proxy-authentication-info proxy-authorization proxy-connection range retry-after set-cookie te trailer "
    b"transfer-encoding upgrade vary via warning www-authenticate x-forwarded-for x-forwarded-host x-forwarded-port "
    b"x-forwarded-proto x-real-ip x-request-id".split()
)


def allowed(lines: bytes) -> bytes:
    """Of these field lines, each with its CRLF, those that may be trailers, with names in lower case."""
    fields = (match.groups() for line in lines.split(b"\r\n") if (match := _LINE.fullmatch(line)))
    return b"".join(
        b"%b: %b\r\n" % (name.lower(), value.rstrip(b" \t")) for name, value in fields if name.lower() not in _FORBIDDEN
    )


def wanted(te: bytes) -> bool:
    """Whether a TE field says that trailers are not lost on the client (RFC 9110 section 10.1.4)."""
    return b"trailers" in (each.strip(b" \t") for each in te.lower().split(b","))
