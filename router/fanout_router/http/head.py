"""Request heads of HTTP/1.1 as bytes: one compiled expression validates a whole head, another finds the few fields that
matter to a router. The rest of a head passes through as it came, and is never taken apart.

What the first expression refuses is what request smuggling lives on: a bare LF or CR, control characters, folded lines,
blanks around a field's name or within the request line, and other versions than 1.0 and 1.1.
"""

import re
from collections.abc import Iterable
from itertools import groupby

from fanout_router.exchange import IDEMPOTENT
from fanout_router.http.fields import SPECIAL

__all__ = ["match_head", "match_line", "never_a_head", "origin_form", "special_lines", "without"]

_BEHIND_AUTHORITY = re.compile(rb"[/?#]")
_LINE = rb"([A-Z-]+) ([\x21-\x7e]++) HTTP/1\.(?:1|(0))\r\n"
_FIELD = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]++:[\t\x20-\x7e\x80-\xff]*+\r\n"

match_head = re.compile(_LINE + b"(?:" + _FIELD + rb")*+\r\n").match
"""A whole head. Groups: method, target, and the 0 of HTTP/1.0."""
match_line = re.compile(_LINE).match
never_a_head = re.compile(rb"[^\t\r\n\x20-\x7e\x80-\xff]|(?<!\r)\n|\r(?=[^\n])").search
"""What no head has in it, so that its end need not be waited for."""

_METHODS = (
    b"GET HEAD POST PUT DELETE OPTIONS TRACE PATCH QUERY PURGE LINK UNLINK SOURCE SEARCH REPORT MERGE "
    b"COPY LOCK UNLOCK MKCOL MOVE PROPFIND PROPPATCH ACL BIND REBIND UNBIND MKACTIVITY MKCALENDAR CHECKOUT "
    b"NOTIFY SUBSCRIBE UNSUBSCRIBE M-SEARCH"
)
METHODS = {method: method in IDEMPOTENT for method in _METHODS.split()}
"""The methods that are passed on, those registered for HTTP and a few in use; whether each may be repeated."""


def _any_of(names: Iterable[bytes]) -> bytes:
    """An alternation that tells most other names by their first letter, or by an X- and the letter behind it."""
    found = []
    for begin, group in groupby(sorted(names), key=lambda name: name[: 3 if name.startswith(b"x-") else 1]):
        rests = sorted((name[len(begin) :] for name in group), reverse=True)
        found.append(begin + b"(?:" + b"|".join(rests) + b")")
    return b"|".join(found)


special_lines = re.compile(rb"\n(" + _any_of(SPECIAL) + rb"):[^\r]*\r").finditer
"""The lines of special fields, in a valid head that is all in lower case: each from the LF before it up to its CR, so
that the head without these bytes is the head without the field. The group is the field's name.
"""


def origin_form(method: bytes, target: bytes) -> tuple[bytes, bytes] | None:
    """The authority and the path of a target, which in an absolute one is the host (RFC 9112 section 3.2.2).

    The authority is empty when the target has none, and is fine as it came; None when it is neither.
    """
    if target[:1] == b"/" or (target == b"*" and method == b"OPTIONS"):
        return b"", target
    scheme, separator, rest = target.partition(b"://")
    authority = _BEHIND_AUTHORITY.split(rest, maxsplit=1)[0]
    if not separator or scheme.lower() not in (b"http", b"https") or not authority or b"@" in authority:
        return None
    path = rest[len(authority) :]
    return authority, path if path[:1] == b"/" else b"/" + path


def without(lines: bytes, names: frozenset[bytes]) -> bytes:
    """A request line with field lines, less the fields of these names."""
    line, *fields = lines.split(b"\r\n")
    return b"\r\n".join([line, *(field for field in fields if field.partition(b":")[0].lower() not in names)])
