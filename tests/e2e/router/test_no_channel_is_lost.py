"""The invariant: whatever apps and clients do, in any order, every channel is back within a bound, or another one has
taken its place.

Real processes and sockets; what happens, and when, is drawn at random from a seed.
"""

import asyncio
import contextlib
import random
import socket
import struct
from collections.abc import Awaitable, Callable

import h2.config
import h2.connection
import pytest
import websockets

from tests.e2e.router.misbehaving import FAULTS
from tests.e2e.router.support import RunningRouter, eventually, running

PROCESSES, CHANNELS = 2, 5
CLIENTS, ACTS = 8, 25
BACK_WITHIN_S = 180
"""For an app to confirm that its client has left, else for another channel; for another environment after a crash."""
QUIET_FAULTS = sorted(set(FAULTS) - {"die"})

Act = Callable[[int, random.Random, str], Awaitable[None]]


def reset(writer: asyncio.StreamWriter) -> None:
    """Close by RST."""
    found: socket.socket = writer.get_extra_info("socket")
    found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def linger(reader: asyncio.StreamReader, rng: random.Random) -> None:
    """Read for a moment, or not at all."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(rng.choice([0.0, 0.001, 0.02, 0.3])):
            while await reader.read(65_536):
                pass


async def http1(port: int, rng: random.Random, fault: str) -> None:
    """A request, whole or in part, with a body or without, alone or in a pipeline; then its client leaves."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = f"{rng.choice(['GET', 'POST', 'PUT'])} /{fault} HTTP/1.1\r\nHost: a\r\n".encode()
    head += rng.choice([b"\r\n", b"Content-Length: 200000\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n"])
    data = head * rng.choice([1, 1, 3])
    writer.write(data[: rng.choice([len(data), len(data), 10])])
    if b"200000" in head:
        writer.write(b"x" * rng.choice([0, 100, 150_000]))
    await linger(reader, rng)
    rng.choice([reset, asyncio.StreamWriter.close])(writer)


async def http2(port: int, rng: random.Random, fault: str) -> None:
    """A few streams, each reset or left open; then the connection is closed or reset."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    connection = h2.connection.H2Connection(h2.config.H2Configuration(validate_outbound_headers=False))
    connection.initiate_connection()
    for stream in range(1, 2 * rng.randint(1, 4), 2):
        head = [(":scheme", "http"), (":authority", "a"), (":path", f"/{fault}")]
        tunnel = rng.random() < 0.25
        if tunnel:  # a WebSocket (RFC 8441)
            head = [(":method", "CONNECT"), (":protocol", "websocket"), *head, ("sec-websocket-version", "13")]
        else:
            head = [(":method", rng.choice(["GET", "POST"])), *head]
        end = not tunnel and rng.random() < 0.5
        connection.send_headers(stream, head, end_stream=end)
        if not end:
            connection.send_data(stream, b"body" * rng.choice([1, 1_000]))
        if rng.random() < 0.5:
            connection.reset_stream(stream, 8)
    writer.write(connection.data_to_send())
    await linger(reader, rng)
    rng.choice([reset, asyncio.StreamWriter.close])(writer)


async def websocket(port: int, rng: random.Random, fault: str) -> None:
    """A handshake that is left, or a WebSocket that is closed or torn down."""
    if rng.random() < 0.5:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        head = f"GET /{fault} HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        head += "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        writer.write(head.encode())
        await linger(reader, rng)
        reset(writer)
        return
    with contextlib.suppress(websockets.WebSocketException, TimeoutError, OSError):
        async with asyncio.timeout(1):
            link = await websockets.connect(f"ws://127.0.0.1:{port}/{fault}")
        await asyncio.sleep(rng.choice([0.0, 0.05]))
        if rng.random() < 0.5:
            link.transport.abort()
        else:
            async with asyncio.timeout(1):
                await link.close()


async def client(port: int, rng: random.Random, faults: list[str]) -> None:
    for _ in range(ACTS):
        act: Act = rng.choice([http1, http2, websocket])
        with contextlib.suppress(ConnectionError):
            await act(port, rng, rng.choice(["", *faults]))


def free(router: RunningRouter) -> int:
    return int(router.metric("dispatch_channels_free"))


def busy(router: RunningRouter) -> int:
    return int(router.metric("dispatch_channels_busy"))


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("kind", ["faults", "faults and crashes"])
def test_no_channel_is_lost(kind: str, seed: int) -> None:
    faults = QUIET_FAULTS if kind == "faults" else sorted(FAULTS)
    sizes = ["--processes", str(PROCESSES), "--minimum", str(PROCESSES), "--channels", str(CHANNELS)]
    with running("tests.e2e.router.misbehaving:app", *sizes) as router:
        eventually(lambda: free(router) == PROCESSES * CHANNELS)

        async def everybody() -> None:
            await asyncio.gather(*(client(router.port, random.Random(f"{seed} {n}"), faults) for n in range(CLIENTS)))

        asyncio.run(everybody())
        try:
            eventually(lambda: free(router) == PROCESSES * CHANNELS and not busy(router), BACK_WITHIN_S)
        except AssertionError:
            pytest.fail(f"{free(router)} channels are free, {busy(router)} busy; environments: {router.adapters()}")
        assert router.request("/") == (200, b"well")
        assert router.stop() == 0
