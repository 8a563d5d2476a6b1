"""The kinds of requests: each knows what its answer has to be."""

import asyncio
import hashlib
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from scripts.soak import protocols
from tests.e2e.router.support import exchange

__all__ = ["KINDS", "Kind"]

_LARGE = 1_000_000
_PART_WITHIN_S = 30.0
_RANDOM = random.Random(11).randbytes(_LARGE)
_DIGEST = hashlib.sha256(_RANDOM).hexdigest().encode()

Attempt = Callable[[int, str], Awaitable[str]]
"""Makes a request with this id at this port; "" when it went as it should, else what went wrong."""


@dataclass(frozen=True)
class Kind:
    """A kind of request; ``share`` of a thousand are of this kind."""

    name: str
    share: int
    attempt: Attempt
    patience_s: float = 60.0
    """For the whole of it."""


def _verdict(got: tuple[int, dict[str, str], bytes], body: bytes) -> str:
    status, _, found = got
    if status != 200:
        return f"status {status}" if status else "cut off"
    return "" if found == body else f"{len(found)} bytes that are not the {len(body)} expected"


async def _small(port: int, _name: str) -> str:
    return _verdict(await exchange(port, "GET / HTTP/1.1\r\nHost: a"), b"hello")


async def _slow(port: int, _name: str) -> str:
    return _verdict(await exchange(port, "GET /slow/0.1 HTTP/1.1\r\nHost: a"), b"slept")


async def _once(port: int, name: str) -> str:
    head = f"POST /once/{name} HTTP/1.1\r\nHost: a\r\nContent-Length: 2"
    return _verdict(await exchange(port, head, b"{}"), b"once")


async def _upload(port: int, _name: str) -> str:
    head = f"PUT /hash HTTP/1.1\r\nHost: a\r\nContent-Length: {_LARGE}"
    return _verdict(await exchange(port, head, _RANDOM), _DIGEST)


async def _echo(port: int, _name: str) -> str:
    head = "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked"
    return _verdict(await exchange(port, head, _RANDOM, chunk=50_000), _RANDOM)


async def _download(port: int, _name: str) -> str:
    return _verdict(await exchange(port, f"GET /size/{_LARGE} HTTP/1.1\r\nHost: a"), b"x" * _LARGE)


async def _abort(port: int, _name: str) -> str:
    """A client that leaves amid its upload."""
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % _LARGE + _RANDOM[:100_000])
    await asyncio.sleep(0.02)
    writer.transport.abort()
    return ""


async def _abort_download(port: int, _name: str) -> str:
    """A client that leaves amid its response."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /size/20000000 HTTP/1.1\r\nHost: a\r\n\r\n")
    await reader.read(100_000)
    writer.transport.abort()
    return ""


async def _slow_reader(port: int, _name: str) -> str:
    """A client that takes two seconds for a megabyte, through a small buffer.

    It pauses 62 times, each time until its own event loop comes back to it: on a busy machine that may add up to a
    minute, and says nothing of the router. So each part has its time, and not the whole.
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=16_384)
    try:
        writer.write(f"GET /size/{_LARGE} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), _PART_WITHIN_S)
        size = 0
        while part := await asyncio.wait_for(reader.read(16_384), _PART_WITHIN_S):
            size += len(part)
            await asyncio.sleep(0.03)
        if not head.startswith(b"HTTP/1.1 200 "):
            return f"status {head[9:12].decode()}"
        return "" if size == _LARGE else "cut off"
    except TimeoutError:
        return f"no part in {_PART_WITHIN_S:g} s"
    except (ConnectionError, asyncio.IncompleteReadError):
        return "cut off"
    finally:
        writer.close()


KINDS = (
    Kind("small", 300, _small),
    Kind("slow app", 100, _slow),
    Kind("post", 200, _once),
    Kind("upload 1 MB", 60, _upload),
    Kind("download 1 MB", 60, _download),
    Kind("echo 1 MB", 50, _echo),
    Kind("abort upload", 40, _abort),
    Kind("abort download", 20, _abort_download),
    Kind("slow reader", 20, _slow_reader, patience_s=600),
    Kind("HTTP/2", 70, protocols.http2),
    Kind("WebSocket", 30, protocols.websocket),
    Kind("WebSocket, HTTP/2", 20, protocols.websocket_over_http2),
    Kind("leave HTTP/2", 15, protocols.leave_http2),
    Kind("leave WebSocket", 15, protocols.leave_websocket),
)
