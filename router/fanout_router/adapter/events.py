"""Plain invocations by other front doors: function URLs, API Gateway (both payload versions) and ALB.

One function then serves both ways: at scale through the router, and directly where that is enough. The event becomes
the same call that a channel would bring, so that apps of every kind are served alike; bodies are whole and, by Lambda's
limits, at most 6 MB.
"""

import asyncio
import base64
from typing import Any
from urllib.parse import quote, urlencode

from fanout_router.adapter.call import Application, Call
from fanout_router.errors import AdapterError
from fanout_router.messages import MessageReader

_TEXT = ("text/", "application/json", "application/javascript", "application/xml", "image/svg+xml")

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

    :raises AdapterError: the event's method, path or a field holds a line break or a blank.
    """
    body = event.get("body") or ""
    data = base64.b64decode(body) if event.get("isBase64Encoded") else body.encode()
    channel = _Answer()
    call = Call(channel, _head(event, len(data)), end=True)
    if data:
        call.body.append(data)
    app.handle(call)
    await channel.done
    if channel.failed:
        return {"statusCode": 502, "body": "", "isBase64Encoded": False}
    return _response(event, channel.head, bytes(channel.body))


def _head(event: Event, length: int) -> bytes:
    http = event.get("requestContext", {}).get("http")
    method = http["method"] if http else event["httpMethod"]
    path = event["rawPath"] if http else quote(event.get("path") or "/", safe="/%:@!$&'()*+,;=~-._")
    query = event.get("rawQueryString", "") if http else _query(event)
    lines = [f"{method} {path}{'?' + query if query else ''} HTTP/1.1"]
    fields = [(name.lower(), value) for name, value in _fields(event)]
    lines += [f"{name}: {value}" for name, value in fields if name not in ("content-length", "transfer-encoding")]
    if length:
        lines.append(f"content-length: {length}")
    if event.get("cookies"):
        lines.append("cookie: " + "; ".join(event["cookies"]))
    if any("\r" in line or "\n" in line for line in lines) or lines[0].count(" ") != 2:
        raise AdapterError("the event is no HTTP request: a line break or a blank where none may be")
    return "\r\n".join(lines).encode("latin-1", "replace") + b"\r\n\r\n"


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


def _response(event: Event, head: bytes, body: bytes) -> dict[str, Any]:
    lines = head[:-4].decode("latin-1").split("\r\n")
    status, reason = int(lines[0].split(" ")[1]), lines[0].split(" ", 2)[2]
    fields = [(name, value) for name, _, value in (line.partition(": ") for line in lines[1:])]
    text = _is_text(dict(fields))
    found: dict[str, Any] = {
        "statusCode": status,
        "body": body.decode() if text else base64.b64encode(body).decode(),
        "isBase64Encoded": not text,
    }
    if event.get("multiValueHeaders"):
        many: dict[str, list[str]] = {}
        for name, value in fields:
            many.setdefault(name, []).append(value)
        found["multiValueHeaders"] = many
    else:
        found["headers"] = {name: value for name, value in fields if name != "set-cookie" or not _is_v2(event)}
    if _is_v2(event):
        found["cookies"] = [value for name, value in fields if name == "set-cookie"]
    elif "elb" in event.get("requestContext", {}):
        found["statusDescription"] = f"{status} {reason}"
    return found


def _is_v2(event: Event) -> bool:
    return "http" in event.get("requestContext", {})


def _is_text(fields: dict[str, str]) -> bool:
    kind = fields.get("content-type", "")
    return "content-encoding" not in fields and kind.startswith(_TEXT) and "charset=" not in kind.replace(
        "charset=utf-8", ""
    )  # fmt: skip
