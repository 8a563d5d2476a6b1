"""Content codings: which one a client likes best of those that are here, and how to encode with it as a stream.

gzip is always here; Brotli and Zstandard when the function carries the packages ``brotli`` and ``zstandard`` (the extra
``compression``).
"""

import importlib
import zlib
from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any, Protocol

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
