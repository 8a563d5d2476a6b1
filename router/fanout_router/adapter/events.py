"""Plain invocations by other front doors: function URLs, API Gateway (both payload versions) and ALB.

One function then serves both ways: at scale through the router, and directly where that is enough. The event becomes
the same call that a channel would bring, so that apps of every kind are served alike; bodies are whole and, by Lambda's
limits, at most 6 MB.
"""

import asyncio
import base64
import re
from collections.abc import Iterator
from itertools import product
from typing import Any
from urllib.parse import quote, urlencode

from fanout_router.adapter.call import Application, Call, ResponseChannel
from fanout_router.errors import AdapterError
from fanout_router.messages import MessageReader

_TEXT = re.compile(r"text/|application/(json|javascript|xml|x-www-form-urlencoded|graphql)\b|[^;]*\+(json|xml)\b")
_CHARSET = re.compile(r"charset=[\"']?([^\s;\"']+)")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_UNSAFE = re.compile(r"[^\x21-\x7e]+|#")
_LONE_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_OWN = frozenset(
    {"connection", "content-length", "keep-alive", "proxy", "proxy-connection", "te", "trailer", "transfer-encoding",
     "upgrade"}
)  # fmt: skip
"""Fields that said how the request came to the front door; and Proxy, which CGI would take for a setting."""

Event = dict[str, Any]


class _Answer(MessageReader):
    """Stands for a channel: gathers what a call answers."""

    def __init__(self) -> None:
        super().__init__()
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.head = b""
        self.body = bytearray()
        self.failed = False

    def write(self, data: bytes, prefix: bytes = b"") -> bool:
        """A part of the answer."""
        self.feed(prefix + data)
        return True

    def credit(self) -> None:
        """There is nobody to give credit to."""

    def call_finished(self, call: Call, failed: bool = False) -> None:  # noqa: ARG002
        """The call is over."""
        self.failed = failed
        if not self.done.done():
            self.done.set_result(None)

    def head_received(self, head: bytes, end: bool, alone: bool) -> None:  # noqa: ARG002
        """The head of the answer."""
        self.head = head

    def body_received(self, data: bytes | memoryview, end: bool) -> None:  # noqa: ARG002
        """A part of its body."""
        self.body += data

    def signal_received(self, signal: int) -> None:
        """FAILED; ``call_finished`` tells."""


def is_http(event: Event) -> bool:
    """Whether an event is an HTTP request of one of the front doors."""
    return "httpMethod" in event or ("requestContext" in event and "http" in event["requestContext"])


async def answer(app: Application, event: Event) -> dict[str, Any]:
    """The response to an HTTP event, in the shape that its front door wants.

    :raises AdapterError: the event's method is none, or a field holds a line break.
    """
    channel = _Answer()
    call = call_of(channel, event)
    app.handle(call)
    await channel.done
    if channel.failed:
        return _response(event, b"HTTP/1.1 502 Bad Gateway\r\n\r\n", b"")
    return _response(event, channel.head, b"" if call.method == b"HEAD" else bytes(channel.body))


def call_of(channel: ResponseChannel, event: Event) -> Call:
    """The call that an HTTP event is.

    :raises AdapterError: the event's method is none, or a field holds a line break.
    """
    body = event.get("body") or ""
    data = base64.b64decode(body) if event.get("isBase64Encoded") else body.encode()
    call = Call(channel, _head(event, len(data)), end=True)
    if data:
        call.body.append(data)
    return call


# -- the request --


def _head(event: Event, length: int) -> bytes:
    http = event.get("requestContext", {}).get("http")
    method = http["method"] if http else event["httpMethod"]
    if not _TOKEN.fullmatch(method):
        raise AdapterError(f"the event is no HTTP request: its method is {method!r}")
    path = _path(event["rawPath"] if http else event.get("path") or "/")
    query = _UNSAFE.sub(_escaped, event.get("rawQueryString", "") if http else _query(event))
    lines = [f"{method} {path}{'?' + query if query else ''} HTTP/1.1".encode()]
    client = _client(event)
    for name, value in _fields(event):
        name = name.lower()
        if name not in _OWN and (name != "x-forwarded-for" or not client):
            lines.append(_line(name, value))
    if client:
        lines.append(_line("x-forwarded-for", client))
    if length:
        lines.append(b"content-length: %d" % length)
    if event.get("cookies"):
        lines.append(_line("cookie", "; ".join(event["cookies"])))
    return b"\r\n".join(lines) + b"\r\n\r\n"


def _path(path: str) -> str:
    """A path as a client writes it. HTTP APIs decode it first, function URLs and ALB do not: whatever may stand in a
    path stays, and so does an escape, which cannot be told from one that was escaped itself.
    """
    escaped = quote(path, safe="/%:@!$&'()*+,;=~-._")
    return "/" + _LONE_PERCENT.sub("%25", escaped).removeprefix("/")


def _escaped(found: re.Match[str]) -> str:
    return quote(found[0])


def _line(name: str, value: str) -> bytes:
    if not _TOKEN.fullmatch(name) or "\r" in value or "\n" in value:
        raise AdapterError(f"the event is no HTTP request: a field {name!r} that is none")
    try:
        return f"{name}: {value}".encode("latin-1")
    except UnicodeEncodeError:
        return f"{name}: {value}".encode()


def _client(event: Event) -> str:
    """The client's address as the front door saw it, whatever a client says of it; empty when it is not told."""
    context = event.get("requestContext", {})
    if "elb" in context:  # it appends to what the client says
        said = [value for name, value in _fields(event) if name.lower() == "x-forwarded-for"]
        return ",".join(said).rpartition(",")[2].strip()
    return str((context.get("http") or context.get("identity") or {}).get("sourceIp") or "")


def _fields(event: Event) -> list[tuple[str, str]]:
    many = event.get("multiValueHeaders")
    if many:
        return [(name, value) for name, values in many.items() for value in values]
    return list((event.get("headers") or {}).items())


def _query(event: Event) -> str:
    many = event.get("multiValueQueryStringParameters")
    one = event.get("queryStringParameters") or {}
    pairs = [(k, v) for k, values in many.items() for v in values] if many else list(one.items())
    if "elb" in event.get("requestContext", {}):  # ALB passes the query as it came, still encoded
        return "&".join(f"{name}={value}" for name, value in pairs)
    return urlencode(pairs)


# -- the response --


def head_of_response(head: bytes) -> dict[str, Any]:
    """Status, fields and cookies of a response as a function URL wants them."""
    status, _, fields = _parsed(head)
    cookies = [value for name, value in fields if name == "set-cookie"]
    return {"statusCode": status, "headers": _joined(fields), "cookies": cookies}


def _parsed(head: bytes) -> tuple[int, str, list[tuple[str, str]]]:
    lines = head[:-4].decode("latin-1").split("\r\n")
    status, reason = int(lines[0].split(" ")[1]), lines[0].split(" ", 2)[2]
    return status, reason, [(name, value) for name, _, value in (line.partition(": ") for line in lines[1:])]


def _response(event: Event, head: bytes, body: bytes) -> dict[str, Any]:
    status, reason, fields = _parsed(head)
    text = _as_text(dict(fields), body)
    found: dict[str, Any] = {
        "statusCode": status,
        "body": base64.b64encode(body).decode() if text is None else text,
        "isBase64Encoded": text is None,
    }
    if event.get("multiValueHeaders") is not None:
        many: dict[str, list[str]] = {}
        for name, value in fields:
            many.setdefault(name, []).append(value)
        found["multiValueHeaders"] = many
    else:
        cookies = [value for name, value in fields if name == "set-cookie"]
        found["headers"] = _joined(fields)
        if _is_v2(event):
            found["cookies"] = cookies
        else:
            found["headers"] |= dict(zip(_spellings("set-cookie"), cookies, strict=False))
    if "elb" in event.get("requestContext", {}):
        found["statusDescription"] = f"{status} {reason}"
    return found


def _joined(fields: list[tuple[str, str]]) -> dict[str, str]:
    """Fields of one name as one (RFC 9110 section 5.3), but for cookies, which cannot be."""
    found: dict[str, str] = {}
    for name, value in fields:
        if name != "set-cookie":
            found[name] = f"{found[name]}, {value}" if name in found else value
    return found


def _spellings(name: str) -> Iterator[str]:
    """A field's name in ever other cases: where a response has one value for each name, each is a field of its own."""
    letters = [(letter, letter.upper()) if letter.isalpha() else (letter,) for letter in name]
    return map("".join, product(*letters))


def _is_v2(event: Event) -> bool:
    return "http" in event.get("requestContext", {})


def _as_text(fields: dict[str, str], body: bytes) -> str | None:
    """The body as text, where the front door will write the very same bytes; None: it needs base64."""
    kind = fields.get("content-type", "").lower()
    charset = _CHARSET.search(kind)
    if body and (
        not _TEXT.match(kind)
        or fields.get("content-encoding", "identity") != "identity"
        or (charset is not None and charset[1] not in ("utf-8", "utf8", "us-ascii"))
    ):
        return None
    try:
        return body.decode()
    except UnicodeDecodeError:
        return None
