"""A real WebSocket client (the websockets library) before a running router and an ASGI app in-process."""

import asyncio
import random
import socket
from collections.abc import Iterator

import h2.connection
import h2.events
import pytest
import websockets
from websockets.asyncio.client import connect
from wsproto import ConnectionType
from wsproto.connection import Connection
from wsproto.events import Event, TextMessage

from tests.e2e.router.support import RunningRouter, eventually, running


@pytest.fixture(scope="module")
def router() -> Iterator[RunningRouter]:
    with running("asgi", "--processes", "1") as found:
        assert found.request("/") == (200, b"hello")
        yield found


def test_messages_of_every_size_come_back(router: RunningRouter) -> None:
    rng = random.Random(3)

    async def run() -> None:
        async with connect(f"ws://127.0.0.1:{router.port}/chat", subprotocols=["a", "b"]) as client:  # type: ignore[list-item]
            assert client.subprotocol == "a"
            for size in (0, 1, 125, 126, 65_535, 65_536, 1_000_000):
                await client.send(body := rng.randbytes(size))
                assert await client.recv() == body
            await client.send("grüße")
            assert await client.recv() == "grüße"
            await client.send(["in ", "three ", "parts"])
            assert await client.recv() == "in three parts"
            await asyncio.wait_for(await client.ping(), 10)

    asyncio.run(run())
    eventually(lambda: router.metric("dispatch_channels_busy") == 0)


@pytest.mark.parametrize(("said", "code"), [("close 4321", 4_321), ("crash", 1_011), ("x" * 1_100_000, 1_009)])
def test_the_server_closes_with_its_code(router: RunningRouter, said: str, code: int) -> None:
    async def run() -> int | None:
        async with connect(f"ws://127.0.0.1:{router.port}/chat") as client:
            await client.send(said)
            with pytest.raises(websockets.ConnectionClosed):
                await client.recv()
            return client.close_code

    assert asyncio.run(run()) == code
    eventually(lambda: router.metric("dispatch_channels_busy") == 0)


def test_an_app_that_declines_is_403(router: RunningRouter) -> None:
    async def run() -> None:
        async with connect(f"ws://127.0.0.1:{router.port}/no"):
            pass

    with pytest.raises(websockets.InvalidStatus) as refusal:
        asyncio.run(run())
    assert refusal.value.response.status_code == 403


def test_clients_beside_each_other_and_clients_that_vanish(router: RunningRouter) -> None:
    async def one(number: int) -> None:
        async with connect(f"ws://127.0.0.1:{router.port}/chat") as client:
            for turn in range(20):
                await client.send(f"{number} {turn}")
                assert await client.recv() == f"{number} {turn}"
            if number % 2:
                client.transport.abort()

    async def run() -> None:
        await asyncio.gather(*(one(number) for number in range(8)))

    asyncio.run(run())
    eventually(lambda: router.metric("dispatch_channels_busy") == 0)
    assert router.metric("dispatch_channels_free") == 10
    assert router.request("/") == (200, b"hello")


def test_a_websocket_over_http2_has_messages_both_ways(router: RunningRouter) -> None:
    # GIVEN a stream of HTTP/2 that asks for a WebSocket (RFC 8441)
    link = h2.connection.H2Connection()
    link.initiate_connection()
    frames = Connection(ConnectionType.CLIENT)
    ask = [(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "http"), (":path", "/chat")]
    ask += [(":authority", "localhost"), ("sec-websocket-version", "13")]
    with socket.create_connection(("127.0.0.1", router.port), timeout=20) as client:
        client.sendall(link.data_to_send())
        while link.remote_settings.enable_connect_protocol != 1:
            link.receive_data(client.recv(65_536))
        link.send_headers(1, ask)
        # WHEN it sends a message
        link.send_data(1, frames.send(TextMessage("over HTTP/2")))
        client.sendall(link.data_to_send())
        # THEN it comes back
        heard: list[Event] = []
        while not any(isinstance(event, TextMessage) for event in heard):
            for event in link.receive_data(client.recv(65_536)):
                assert not isinstance(event, h2.events.StreamReset)
                if isinstance(event, h2.events.DataReceived):
                    frames.receive_data(event.data)
                    heard += frames.events()
        assert [event.data for event in heard if isinstance(event, TextMessage)] == ["over HTTP/2"]
    eventually(lambda: router.metric("dispatch_channels_busy") == 0)
