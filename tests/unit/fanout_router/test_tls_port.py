"""Connections to a TLS port count from accept: silent ones are few, short, and in nobody's way."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
import uvloop

from fanout_router.config import RouterSettings
from fanout_router.server import Router
from tests.unit.fanout_router.test_certificate import CERTIFICATE, KEY

FLOOD = 200
CLIENTS, STRANGERS = 20, 30
GET = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"

Run = Callable[[Coroutine[Any, Any, Any]], Any]
both_loops = pytest.mark.parametrize("run_on", [asyncio.run, uvloop.run])


@pytest.fixture
def certified(tmp_path: Path) -> dict[str, Path]:
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    certificate.write_text(CERTIFICATE)
    key.write_text(KEY)
    return {
        "certificate": certificate, "key": key, "control_certificate": certificate, "control_key": key,
    }  # fmt: skip


async def started(certified: dict[str, Path], **given: object) -> Router:
    function = {"name": "web", "app": "no_such_module:app", "queue_length": 0}
    ports = {"port": 0, "admin_port": 0, "control_port": 0}
    limits = {"client_connections": CLIENTS, "functions": [function]}
    router = Router(RouterSettings.load(**{**ports, **limits, **certified, **given}))
    await router.start()
    router.port.max_unauthenticated = STRANGERS
    return router


def trusting() -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=CERTIFICATE)
    context.check_hostname = False
    return context


async def silent(port: int, count: int) -> list[socket.socket]:
    """Connections that say nothing."""
    loop, found = asyncio.get_running_loop(), []
    for _ in range(count):
        plain = socket.socket()
        plain.setblocking(False)
        await loop.sock_connect(plain, ("127.0.0.1", port))
        found.append(plain)
    return found


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not holds():
            await asyncio.sleep(0.01)


async def closed(plain: socket.socket) -> None:
    """Wait until the other side has closed it."""
    async with asyncio.timeout(30):
        with contextlib.suppress(ConnectionResetError):
            assert await asyncio.get_running_loop().sock_recv(plain, 1) == b""


async def ask(port: int) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusting())
    writer.write(GET)
    async with asyncio.timeout(30):
        answer = await reader.read()
    writer.close()
    return answer


@both_loops
@pytest.mark.parametrize(("name", "most"), [("client", CLIENTS), ("control", STRANGERS)])
def test_silent_connections_are_bounded_from_accept(
    certified: dict[str, Path], run_on: Run, name: str, most: int
) -> None:
    """GIVEN many connections that never begin their handshake WHEN they have come THEN the port holds as many as its
    limit says, those before them are closed, the metrics show it, and an honest client is served."""

    async def run() -> None:
        router = await started(certified)
        port = router.tls_ports[name]
        flood = await silent(router.ports[name], FLOOD)
        await until(lambda: port.failed >= FLOOD - most)

        assert len(port.handshakes) == most
        for plain in flood[: FLOOD - most]:
            await closed(plain)
        metrics = (await plain_ask(router.ports["admin"])).decode()
        assert f'dispatch_tls_handshakes{{port="{name}"}} {most}.0' in metrics
        assert f'dispatch_tls_handshakes_failed_total{{port="{name}"}} {FLOOD - most}.0' in metrics
        if name == "client":
            assert (await ask(router.ports["client"])).startswith(b"HTTP/1.1 503")
        for plain in flood:
            plain.close()
        await router.close()

    run_on(run())


async def plain_ask(port: int) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /metrics HTTP/1.1\r\n\r\n")
    answer = await reader.read()
    writer.close()
    return answer


@both_loops
def test_a_handshake_has_as_long_as_a_head(certified: dict[str, Path], run_on: Run) -> None:
    """GIVEN a connection that says nothing, and one that says half of a handshake WHEN time is up THEN both close."""

    async def run() -> None:
        router = await started(certified, head_timeout_s=0.2)
        mute, half = await silent(router.ports["client"], 2)
        await asyncio.get_running_loop().sock_sendall(half, b"\x16\x03\x01")
        await closed(mute)
        await closed(half)
        await until(lambda: not router.tls_ports["client"].handshakes)
        assert router.tls_ports["client"].failed == 2
        mute.close()
        half.close()
        await router.close()

    run_on(run())


@both_loops
def test_what_is_no_tls_is_closed_and_counted(certified: dict[str, Path], run_on: Run) -> None:
    """GIVEN a client that speaks plain HTTP to a TLS port WHEN it asks THEN it is closed, and counted."""

    async def run() -> None:
        router = await started(certified)
        [plain] = await silent(router.ports["client"], 1)
        await asyncio.get_running_loop().sock_sendall(plain, GET)
        await until(lambda: router.tls_ports["client"].failed == 1)
        plain.close()
        assert (await ask(router.ports["client"])).startswith(b"HTTP/1.1 503")
        assert router.tls_ports["client"].failed == 1
        await router.close()

    run_on(run())


@both_loops
def test_a_closed_port_takes_nobody(certified: dict[str, Path], run_on: Run) -> None:
    """GIVEN handshakes under way WHEN the router closes THEN they are closed, and nobody is accepted."""

    async def run() -> None:
        router = await started(certified)
        flood = await silent(router.ports["client"], 3)
        await until(lambda: len(router.tls_ports["client"].handshakes) == 3)
        await router.close()
        for plain in flood:
            await closed(plain)
            plain.close()
        with pytest.raises(OSError, match=r".*"):
            await ask(router.ports["client"])

    run_on(run())


def test_a_port_that_is_taken_is_refused(certified: dict[str, Path]) -> None:
    """GIVEN another listener WHEN a TLS port is to be bound there THEN OSError, and nothing is left open."""

    async def run() -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            router = Router(RouterSettings.load(**certified, port=taken.getsockname()[1], admin_port=0, control_port=0,
                                                functions=[{"name": "web", "app": "no:app"}]))  # fmt: skip
            with pytest.raises(OSError, match="in use"):
                await router.start()
            await router.close()

    asyncio.run(run())
