"""Compressed ASGI responses, where it is right: the environment has CPU to spare that the router has not.

Left alone are bodies that are encoded already, partial content (a range counts bytes of the plain body), types that do
not shrink, small bodies, and whatever says ``no-transform``. Streams are flushed with every part, so that server-sent
events arrive as they happen.
"""

import re
from collections.abc import Awaitable, Callable

from fanout_router.adapter.asgi import AsgiCallable, Message, Scope
from fanout_router.adapter.encodings import Encoder, available, choose, encoder

_COMPRESSIBLE = re.compile(
    rb"(text/|application/(json|javascript|xml|xhtml|wasm|manifest)|image/svg|[^;]*\+(json|xml))", re.IGNORECASE
)
_SMALLEST = 512

Fields = list[tuple[bytes, bytes]]


class Compress:
    """Wraps an ASGI app: ``handler = serve(Compress(app))``."""

    def __init__(self, app: AsgiCallable) -> None:
        self._app = app

    async def __call__(
        self, scope: Scope, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
    ) -> None:
        """Serve a request; what is no HTTP passes as it is."""
        if scope["type"] != "http" or scope["method"] == "HEAD":
            await self._app(scope, receive, send)
            return
        accepted = b",".join(value for name, value in scope["headers"] if name == b"accept-encoding")
        await self._app(scope, receive, _Response(send, choose(accepted, available())).send)


class _Response:
    """Holds the head back until the first part of the body has told how large it is."""

    def __init__(self, send: Callable[[Message], Awaitable[None]], coding: bytes | None) -> None:
        self._send = send
        self._coding = coding
        self._start: Message | None = None
        self._encoder: Encoder | None = None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = message
            return
        if message["type"] != "http.response.body":  # what an extension knows
            await self._send(message)
            return
        more = message.get("more_body", False)
        body = bytes(message.get("body", b""))
        start, self._start = self._start, None
        if start is None:
            if self._encoder is not None:
                body = self._encoder.part(body) if more else self._encoder.last(body)
        else:
            body = self._begin(start, body, more)
            await self._send(start)
        await self._send({"type": "http.response.body", "body": body, "more_body": more})

    def _begin(self, start: Message, body: bytes, more: bool) -> bytes:
        """Settle the head by the first part of the body; that part, encoded or as it is."""
        fields = [(name.lower(), value) for name, value in start.get("headers", ())]
        start["headers"] = fields
        if not self._is_compressible(start["status"], fields):
            return body
        _vary(fields)
        if self._coding is None or not (more or len(body) >= _SMALLEST):
            return body
        self._encoder = encoder(self._coding)
        start["headers"] = fields = _encoded(fields, self._coding)
        if more:
            return self._encoder.part(body)
        body = self._encoder.last(body)
        fields.append((b"content-length", b"%d" % len(body)))
        return body

    @staticmethod
    def _is_compressible(status: int, fields: Fields) -> bool:
        found = dict(fields)
        return (
            status >= 200
            and status not in (204, 206, 304)
            and b"content-encoding" not in found
            and b"content-range" not in found
            and b"no-transform" not in found.get(b"cache-control", b"").lower()
            and _COMPRESSIBLE.match(found.get(b"content-type", b"")) is not None
        )


def _vary(fields: Fields) -> None:
    """Say that the response depends on Accept-Encoding, in the Vary field there is or in one of our own."""
    for index, (name, value) in enumerate(fields):
        if name == b"vary":
            if b"accept-encoding" not in value.lower() and value.strip() != b"*":
                fields[index] = (name, value + b", accept-encoding")
            return
    fields.append((b"vary", b"accept-encoding"))


def _encoded(fields: Fields, coding: bytes) -> Fields:
    """The fields of the encoded response: another length, and an entity tag that is only weakly the same."""
    kept = [(name, value) for name, value in fields if name not in (b"content-length", b"accept-ranges")]
    kept = [(n, b"W/" + v if n == b"etag" and not v.startswith(b"W/") else v) for n, v in kept]
    return [*kept, (b"content-encoding", coding)]
