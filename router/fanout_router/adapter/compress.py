"""Responses in a coding that the client takes, when it pays: gzip, Brotli and zstd."""

import importlib
import re
import zlib
from collections.abc import Awaitable, Callable
from functools import cache, lru_cache
from typing import Any, Protocol

from fanout_router.adapter.asgi import AsgiCallable, Message, Scope

__all__ = ["Encoder", "available", "choose", "encoder"]

_GZIP_LEVEL, _BROTLI_QUALITY, _ZSTD_LEVEL = 5, 4, 3
"""Where each gains little more by taking longer: a response is encoded once, while somebody waits for it."""


class Encoder(Protocol):
    """Encodes one body."""

    def part(self, data: bytes) -> bytes:
        """Encode a part such that all of it can be decoded at once."""

    def last(self, data: bytes) -> bytes:
        """Encode the last part."""


class _Gzip:
    def __init__(self) -> None:
        self._stream = zlib.compressobj(_GZIP_LEVEL, wbits=31)

    def part(self, data: bytes) -> bytes:
        return self._stream.compress(data) + self._stream.flush(zlib.Z_SYNC_FLUSH)

    def last(self, data: bytes) -> bytes:
        return self._stream.compress(data) + self._stream.flush()


class _Brotli:
    def __init__(self) -> None:
        self._stream: Any = importlib.import_module("brotli").Compressor(quality=_BROTLI_QUALITY)

    def part(self, data: bytes) -> bytes:
        return bytes(self._stream.process(data) + self._stream.flush())

    def last(self, data: bytes) -> bytes:
        return bytes(self._stream.process(data) + self._stream.finish())


class _Zstd:
    def __init__(self) -> None:
        self._library: Any = importlib.import_module("zstandard")
        self._stream: Any = self._library.ZstdCompressor(level=_ZSTD_LEVEL).compressobj()

    def part(self, data: bytes) -> bytes:
        return bytes(self._stream.compress(data) + self._stream.flush(self._library.COMPRESSOBJ_FLUSH_BLOCK))

    def last(self, data: bytes) -> bytes:
        return bytes(self._stream.compress(data) + self._stream.flush())


# In the order of our own liking, which decides where the client likes several the same.
_ENCODERS: dict[bytes, tuple[str, Callable[[], Encoder]]] = {
    b"zstd": ("zstandard", _Zstd),
    b"br": ("brotli", _Brotli),
    b"gzip": ("zlib", _Gzip),
}


@cache
def available() -> tuple[bytes, ...]:
    """The codings whose library can be imported, in the order of our liking."""
    return tuple(coding for coding, (library, _) in _ENCODERS.items() if _importable(library))


def _importable(library: str) -> bool:
    try:
        importlib.import_module(library)
    except ImportError:
        return False
    return True


def encoder(coding: bytes) -> Encoder:
    """A fresh encoder for one of the :func:`available` codings."""
    return _ENCODERS[coding][1]()


def choose(accepted: bytes, codings: tuple[bytes, ...]) -> bytes | None:
    """The coding that an Accept-Encoding value asks for (RFC 9110 section 12.5.3); None: the plain body."""
    weights = _weights(accepted)
    anything = weights.get(b"*", 0.0)
    weighed = [(weights.get(coding, anything), coding) for coding in codings]
    best = max((weight for weight, _ in weighed), default=0.0)
    if best <= 0.0 or best < weights.get(b"identity", 0.0):
        return None
    return next(coding for weight, coding in weighed if weight == best)


@lru_cache(maxsize=256)
def _weights(accepted: bytes) -> dict[bytes, float]:
    """Each coding's q-value; browsers send but a few different lists."""
    found = {}
    for item in accepted.lower().split(b","):
        coding, *parameters = (part.strip(b" \t") for part in item.split(b";"))
        weight = 1.0
        for parameter in parameters:
            name, _, value = parameter.partition(b"=")
            if name.strip() == b"q":
                weight = _weight(value.strip())
        if coding:
            found[coding] = weight
    return found


def _weight(value: bytes) -> float:
    """A q-value; what is none counts as not accepted."""
    try:
        weight = float(value)
    except ValueError:
        return 0.0
    return weight if 0.0 <= weight <= 1.0 else 0.0


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
