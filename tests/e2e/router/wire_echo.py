"""The control port's codec as an ordinary HTTP/2 server that echoes, so that ordinary clients can be put to it."""

import asyncio
import threading
from typing import Self, cast

from fanout_router.errors import WireError
from fanout_router.outbox import Outbox
from fanout_router.wire import Headers, ServerConnection, Stream


class Echo:
    """One stream: what comes goes back, no faster than the peer takes it."""

    def __init__(self, stream: Stream, failures: list[str]) -> None:
        self._stream = stream
        self._failures = failures

    def headers_received(self, headers: Headers, end: bool) -> None:
        """Servers receive no response."""

    def data_received(self, data: bytes | memoryview, end: bool) -> None:
        if self._stream.send(bytes(data), end):
            self._stream.credit()

    def stream_drained(self) -> None:
        self._stream.credit()

    def stream_closed(self, code: int) -> None:
        if code:
            self._failures.append(f"stream {self._stream.id} was reset with {code:#x}")


class EchoProtocol(asyncio.Protocol):
    """One connection."""

    transport: asyncio.Transport

    def __init__(self, loop: asyncio.AbstractEventLoop, failures: list[str]) -> None:
        self._outbox = Outbox(loop)
        self._failures = failures
        self._wire = ServerConnection(self, self._outbox.write, loop.time)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self._outbox.attach(self.transport)
        self._wire.start()

    def data_received(self, data: bytes) -> None:
        self._wire.receive(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._wire.connection_lost()

    def pause_writing(self) -> None:
        self._wire.pause_writing()

    def resume_writing(self) -> None:
        self._wire.resume_writing()

    def stream_opened(self, stream: Stream, headers: Headers, end: bool) -> None:
        stream.handler = Echo(stream, self._failures)
        stream.send_headers([(b":status", b"200"), (b"x-method", dict(headers)[b":method"])], end)

    def ping_acknowledged(self, payload: bytes) -> None:
        """Nobody pings."""

    def goaway_received(self, code: int) -> None:
        if code:
            self._failures.append(f"the client left with {code:#x}")

    def connection_failed(self, error: WireError) -> None:
        self._failures.append(str(error))


class EchoServer:
    """A server on a free port of loopback, in a thread with an event loop of its own."""

    def __init__(self) -> None:
        self.failures: list[str] = []
        """What went wrong on its side."""
        self._connections: set[EchoProtocol] = set()
        self._loop = asyncio.new_event_loop()
        self._server = self._loop.run_until_complete(self._loop.create_server(self._protocol, "127.0.0.1", 0))
        self.port: int = self._server.sockets[0].getsockname()[1]
        self._thread = threading.Thread(target=self._loop.run_forever)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _protocol(self) -> EchoProtocol:
        protocol = EchoProtocol(self._loop, self.failures)
        self._connections.add(protocol)
        return protocol

    async def _close(self) -> None:
        self._server.close()
        for connection in self._connections:
            connection.transport.abort()
        await asyncio.sleep(0)  # for the transports to be closed in
