"""Sends requests over HTTP/2 of which none is like another; run as a program, it prints what it measured.

The header blocks of one connection are made before the start, with HPACK's dynamic table as browsers use it, and all
connections send the same sequence: to each it is new, since compression begins anew with each connection.
"""

import asyncio
import random
import sys
import time
from typing import cast

import hpack

from fanout_router.wire import ClientConnection, Headers, Stream, frames

_AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36"
_PREPARED = 4_000


def _headers(path: str, number: int, rng: random.Random) -> list[tuple[str, str]]:
    """One request of a browser behind a load balancer: 13 fields, of which target, address, trace and cookie vary."""
    return [
        (":method", "GET"),
        (":scheme", "http"),
        (":authority", "shop.example"),
        (":path", f"{path}?u={number}x{rng.getrandbits(32):08x}"),
        ("x-forwarded-for", f"203.0.{rng.randrange(256)}.{rng.randrange(256)}"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-port", "443"),
        ("x-amzn-trace-id", f"Root=1-{rng.getrandbits(32):08x}-{rng.getrandbits(96):024x}"),
        ("user-agent", _AGENT),
        ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"),
        ("accept-language", "de-DE,de;q=0.9,en;q=0.8"),
        ("accept-encoding", "gzip, deflate, br, zstd"),
        ("cookie", f"session={rng.getrandbits(96):024x}; cart={rng.getrandbits(32):08x}; consent=1; theme=dark"),
        ("sec-fetch-site", "same-origin"),
        ("sec-fetch-mode", "navigate"),
        ("sec-fetch-dest", "document"),
        ("cache-control", "max-age=0"),
    ]


def prepared(path: str, count: int = _PREPARED) -> list[bytes]:
    """The header blocks of a connection, in the order in which they must be sent."""
    rng, encoder = random.Random(7), hpack.Encoder()
    return [encoder.encode(_headers(path, number, rng)) for number in range(count)]


class _Client(asyncio.Protocol):
    """One connection that keeps ``streams`` requests under way."""

    def __init__(self, blocks: list[bytes], streams: int, times: list[float]) -> None:
        self._blocks = blocks
        self._streams = streams
        self._times = times
        self._sent = 0
        self.errors = 0
        self.open: set[_Answer] = set()
        self._wire = ClientConnection(self, self._write, time.monotonic)
        self._out: list[bytes] = []

    def _write(self, data: bytes) -> None:
        self._out.append(data)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self._wire.start()
        self._ask()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self.errors += len(self.open)

    def data_received(self, data: bytes) -> None:
        self._wire.receive(data)
        self._ask()

    def _ask(self) -> None:
        while len(self.open) < self._streams and self._sent < len(self._blocks):
            answer = _Answer(self)
            stream = Stream(self._wire, self._wire.next_stream, answer)
            self._wire.streams[stream.id] = stream
            self._wire.next_stream += 2
            stream.end_sent = True
            self._write(
                frames.frame(
                    frames.HEADERS, frames.END_HEADERS | frames.END_STREAM, stream.id, self._blocks[self._sent]
                )
            )
            self._sent += 1
            self.open.add(answer)
        self.transport.write(b"".join(self._out))
        self._out.clear()

    def answered(self, answer: "_Answer", good: bool) -> None:
        """A request is over."""
        self.open.discard(answer)
        self._times.append(time.perf_counter() - answer.since)
        self.errors += not good

    # -- ConnectionHandler --

    def stream_opened(self, stream: Stream, headers: Headers, end: bool) -> None:
        """Servers open none."""

    def ping_acknowledged(self, payload: bytes) -> None:
        """Not asked for."""

    def goaway_received(self, code: int) -> None:  # noqa: ARG002
        """The server takes no more: that is no measurement."""
        self.errors += 1

    def connection_failed(self, error: Exception) -> None:  # noqa: ARG002
        """Neither is that."""
        self.errors += 1


class _Answer:
    """The answer to one request."""

    def __init__(self, client: _Client) -> None:
        self._client = client
        self._good = False
        self.since = time.perf_counter()

    def headers_received(self, headers: Headers, end: bool) -> None:
        self._good = headers[0] == (b":status", b"200")
        if end:
            self._client.answered(self, self._good)

    def data_received(self, data: bytes | memoryview, end: bool) -> None:  # noqa: ARG002
        if end:
            self._client.answered(self, self._good)

    def stream_drained(self) -> None:
        """Requests have no body."""

    def stream_closed(self, code: int) -> None:  # noqa: ARG002
        self._client.answered(self, False)


async def send(port: int, path: str, seconds: float, connections: int, streams: int) -> str:
    """Send for ``seconds``; the line that says what was measured, see :func:`scripts.bench.router_load.load.run`."""
    loop, blocks, times = asyncio.get_running_loop(), prepared(path), list[float]()
    began = time.perf_counter()
    clients = [
        (await loop.create_connection(lambda: _Client(blocks, streams, times), "127.0.0.1", port))[1]
        for _ in range(connections)
    ]
    await asyncio.sleep(seconds)
    duration = time.perf_counter() - began
    errors = sum(client.errors for client in clients)
    for client in clients:
        client.transport.abort()
    times.sort()
    tell = [times[len(times) // 2], times[int(len(times) * 0.99)], times[-1]] if times else [0, 0, 0]
    micro = " ".join(f"{value * 1e6:.0f}" for value in (duration, *tell))
    return f"measured {len(times)} {micro.split()[0]} {errors} {' '.join(micro.split()[1:])}"


def main() -> None:
    """Run with PORT PATH SECONDS CONNECTIONS STREAMS."""
    import uvloop

    port, path, seconds, connections, streams = sys.argv[1:]
    print(uvloop.run(send(int(port), path, float(seconds), int(connections), int(streams))))


if __name__ == "__main__":
    main()
