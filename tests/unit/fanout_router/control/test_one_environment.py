"""A control connection is one environment's: with another's secret it opens nothing."""

import asyncio
from typing import Any

import h2.connection
import h2.events

from fanout_router.control import ControlPort, ControlProtocol
from fanout_router.dispatcher import Dispatcher
from fanout_router.environment import Environment, State


class Fleet:
    """Admits whoever asks, as one does whose secrets are all known."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.dispatcher = Dispatcher(lambda: 0.0)
        self.environments = {f"{name}.{number}": Environment(f"{name}.{number}", b"", 0.0) for number in (0, 1)}
        for environment in self.environments.values():
            environment.state = State.SERVING
        self.lost: list[str] = []

    def admit(self, environment_id: str, _secret: bytes, _link: object) -> Environment:
        return self.environments[environment_id]

    def connection_lost(self, environment: Environment) -> None:
        self.lost.append(environment.id)


def test_a_connection_opens_channels_of_one_environment() -> None:
    """GIVEN a connection that has channels of one environment WHEN it presents the secret of another one, of the same
    function or of another THEN it is refused, and its end is the end of the first alone."""
    shop, blog = Fleet("shop"), Fleet("blog")

    async def run() -> list[bytes]:
        loop, fleets = asyncio.get_running_loop(), [shop, blog]
        port = ControlPort(fleets)  # type: ignore[arg-type]
        server = await loop.create_server(lambda: ControlProtocol(port, loop), "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        client = h2.connection.H2Connection()
        client.initiate_connection()
        for number, environment in enumerate(["shop.0", "blog.0", "shop.1", "shop.0"]):
            fields = [(":method", "POST"), (":scheme", "http"), (":authority", "a"), (":path", "/dispatch/v1/channel")]
            fields += [("dispatch-environment", environment), ("authorization", "Bearer known")]
            client.send_headers(2 * number + 1, fields)
        writer.write(client.data_to_send())
        answers: dict[int, bytes] = {}
        async with asyncio.timeout(30):
            while len(answers) < 4:
                for event in client.receive_data(await reader.read(65_536)):
                    answers |= _status(event)
            writer.close()
            await writer.wait_closed()
            while not shop.lost:
                await asyncio.sleep(0.01)
        server.close()
        await server.wait_closed()
        return [answers[stream] for stream in sorted(answers)]

    assert asyncio.run(run()) == [b"200", b"401", b"401", b"200"]
    assert (shop.lost, blog.lost) == (["shop.0"], [])
    assert not blog.dispatcher.environments


def _status(event: Any) -> dict[int, bytes]:
    if not isinstance(event, h2.events.ResponseReceived):
        return {}
    assert event.stream_id is not None
    return {event.stream_id: bytes(dict(event.headers or [])[b":status"])}
