"""Clients that leave: does every channel come back?

Streams without an end (a chat) are begun over HTTP/1.1, HTTP/2 and WebSocket, and their clients leave when they like:
at once, before the first byte, amid the stream; in order or by a reset. At the end there must be as many free channels
as at the start.
"""

import argparse
import asyncio
import random
import socket
import struct
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable

import h2.connection
import websockets

from scripts.bench.support import Row, format_table, machine, write_results
from tests.e2e.router.support import RunningRouter, eventually, running

_PROCESSES, _CHANNELS = 2, 10
_CLIENTS = 14
_MEAN_STAY_S = 4.0
_BACK_WITHIN_S = 30.0
_LEAST_STREAMS = 500

Chat = Callable[[int, float, bool], Awaitable[None]]
"""Begins a stream at this port, stays so many seconds, and leaves: by a reset if asked to."""


async def http1(port: int, stay_s: float, reset: bool) -> None:
    """POST /chat on a connection of its own."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"POST /chat HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi")
    await _read_for(reader, stay_s)
    _leave(writer, reset)


async def http2(port: int, stay_s: float, reset: bool) -> None:
    """POST /chat on a stream, which is reset; or the whole connection leaves."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    connection = h2.connection.H2Connection()
    connection.initiate_connection()
    head = [(":method", "POST"), (":scheme", "http"), (":authority", "a"), (":path", "/chat")]
    connection.send_headers(1, head)
    connection.send_data(1, b"hi", end_stream=True)
    writer.write(connection.data_to_send())
    await _read_for(reader, stay_s)
    if reset:
        connection.reset_stream(1)
        writer.write(connection.data_to_send())
        await writer.drain()
    _leave(writer, False)


async def websocket(port: int, stay_s: float, reset: bool) -> None:
    """A WebSocket, closed in order or torn down, perhaps amid its handshake."""
    if stay_s < 0.01:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(
            b"GET /chat HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        _leave(writer, reset)
        return
    async with websockets.connect(f"ws://127.0.0.1:{port}/chat") as link:
        until = time.monotonic() + stay_s
        while (left := until - time.monotonic()) > 0:
            try:
                await asyncio.wait_for(link.recv(), left)
            except TimeoutError:
                break
        if reset:
            link.transport.abort()


CHATS: dict[str, Chat] = {"HTTP/1.1": http1, "HTTP/2": http2, "WebSocket": websocket}


async def _read_for(reader: asyncio.StreamReader, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            while await reader.read(65_536):
                pass
    except TimeoutError:
        pass


def _leave(writer: asyncio.StreamWriter, reset: bool) -> None:
    if reset:  # closing with a linger time of 0 sends RST
        found: socket.socket = writer.get_extra_info("socket")
        found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


class Leavers:
    """Clients that come and go."""

    def __init__(self, router: RunningRouter, rng: random.Random) -> None:
        self.streams: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()
        self._router = router
        self._rng = rng

    async def run(self, minutes: float) -> None:
        """Come and go for some minutes."""
        until = time.monotonic() + 60 * minutes
        await asyncio.gather(*(self._client(until) for _ in range(_CLIENTS)))

    async def _client(self, until: float) -> None:
        while time.monotonic() < until:
            kind = self._rng.choice(list(CHATS))
            stay_s = self._rng.choice([0.0, self._rng.random() / 50, self._rng.expovariate(1 / _MEAN_STAY_S)])
            self.streams[kind] += 1
            try:
                await CHATS[kind](self._router.port, min(stay_s, 30.0), self._rng.random() < 0.5)
            except (OSError, websockets.WebSocketException):
                self.failed[kind] += 1


def free(router: RunningRouter) -> int:
    """Channels that would take a request now."""
    return int(router.metric("dispatch_channels_free"))


def main() -> int:
    """Run, print, write build/bench/leavers.json; 1 when a channel was lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=4.0)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    wanted = _PROCESSES * _CHANNELS
    sizes = ["--processes", str(_PROCESSES), "--minimum", str(_PROCESSES), "--channels", str(_CHANNELS)]
    with running("scripts.bench.router_load.chat:app", *sizes) as router:
        eventually(lambda: free(router) == wanted)
        start = free(router)
        leavers = Leavers(router, random.Random(options.seed))
        asyncio.run(leavers.run(options.minutes))
        left = time.monotonic()
        while free(router) != start and time.monotonic() < left + _BACK_WITHIN_S:
            time.sleep(0.1)
        end, back_s = free(router), time.monotonic() - left
        status, _ = router.request("/hello")
    streams = leavers.streams.total()
    figures: dict[str, float] = {
        "streams": streams,
        "minutes": options.minutes,
        "channels_start": start,
        "channels_end": end,
        "all_back_after_s": round(back_s, 2),
        "client_errors": leavers.failed.total(),
    }
    rows: list[Row] = [{"protocol": kind, "streams": count, "client errors": leavers.failed[kind]}
                       for kind, count in leavers.streams.items()]  # fmt: skip
    print(machine())
    print(format_table(rows))
    print(f"channels free: {start} at the start, {end} at the end, {back_s:.1f} s after the last client had left")
    print(f"written to {write_results('leavers', rows, figures)}")
    problems = []
    if end != start:
        problems.append(f"{start - end} channels are lost")
    if status != 200:
        problems.append(f"a request afterwards is answered with {status}")
    if options.minutes >= 4 and streams < _LEAST_STREAMS:
        problems.append(f"only {streams} streams")
    for problem in problems:
        print(f"not as it should be: {problem}", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
