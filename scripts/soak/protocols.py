"""Requests over HTTP/2 and messages over WebSockets, with what the answer has to be, and clients that leave."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import h2.connection
import h2.errors
import h2.events
import websockets
from wsproto import ConnectionType
from wsproto.connection import Connection
from wsproto.events import TextMessage

__all__ = ["http2", "leave_http2", "leave_websocket", "websocket", "websocket_over_http2"]

CUT_OFF = "cut off"
"""What a client says whose answer has no end."""
_STREAMS = 5
_MESSAGES = 5
_BODY = b"\0\xff" * 50_000
_ASK = [(":scheme", "http"), (":authority", "a")]


class Http2:
    """One client's connection: what has come on each stream, as it comes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.link = h2.connection.H2Connection()
        self.status: dict[int, int] = {}
        self.body: dict[int, bytearray] = defaultdict(bytearray)
        self.ended: set[int] = set()
        self._reader = reader
        self._writer = writer

    @classmethod
    @asynccontextmanager
    async def connect(cls, port: int) -> AsyncIterator["Http2"]:
        """A connection whose settings have been exchanged; closed at the end."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            connection = cls(reader, writer)
            connection.link.initiate_connection()
            while connection.link.remote_settings.enable_connect_protocol != 1:
                await connection.turn()
            yield connection
        finally:
            writer.close()

    def ask(self, method: str, path: str, *more: tuple[str, str], end: bool) -> int:
        """Begin a stream; its number."""
        stream = self.link.get_next_available_stream_id()
        self.link.send_headers(stream, [(":method", method), *_ASK, (":path", path), *more], end_stream=end)
        return stream

    async def turn(self) -> None:
        """Send what is to be sent, and take in what has come.

        :raises ConnectionError: the connection has ended.
        """
        self.flush()
        data = await self._reader.read(65_536)
        if not data:
            raise ConnectionResetError("the connection has ended")
        for event in self.link.receive_data(data):
            self._take(event)
        self.flush()

    def flush(self) -> None:
        """Send what is to be sent."""
        self._writer.write(self.link.data_to_send())

    def _take(self, event: h2.events.Event) -> None:
        if isinstance(event, h2.events.ResponseReceived):
            self.status[event.stream_id] = int(dict(event.headers)[b":status"])
        elif isinstance(event, h2.events.DataReceived):
            self.body[event.stream_id] += event.data
            self.link.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.StreamReset):
            raise ConnectionResetError(f"reset with {event.error_code}")
        elif isinstance(event, h2.events.StreamEnded):
            self.ended.add(event.stream_id)

    async def upload(self, stream: int, data: bytes) -> None:
        """Send a body, as fast as the windows let it."""
        while data:
            size = min(self.link.local_flow_control_window(stream), self.link.max_outbound_frame_size, len(data))
            if size:
                self.link.send_data(stream, data[:size], end_stream=size == len(data))
                data = data[size:]
            else:
                await self.turn()

    def abort(self) -> None:
        """Leave without a word."""
        self._writer.transport.abort()


async def http2(port: int, _name: str) -> str:
    """Streams beside each other: small ones, and one whose body comes back."""
    try:
        async with Http2.connect(port) as client:
            wanted = {client.ask("GET", "/", end=True): b"hello" for _ in range(_STREAMS)}
            upload = client.ask("POST", "/echo", end=False)
            wanted[upload] = _BODY
            await client.upload(upload, _BODY)
            while len(client.ended) < len(wanted):
                await client.turn()
    except ConnectionError:
        return CUT_OFF
    wrong = [status for status in client.status.values() if status != 200]
    if wrong:
        return f"status {wrong[0]}"
    return "" if all(client.body[stream] == body for stream, body in wanted.items()) else "another body than asked for"


async def websocket(port: int, name: str) -> str:
    """Messages there and back, then an end in order."""
    try:
        async with websockets.connect(f"ws://127.0.0.1:{port}/chat") as link:
            for number in range(_MESSAGES):
                await link.send(f"{name} {number}")
                if await link.recv() != f"{name} {number}":
                    return "another message than sent"
    except websockets.InvalidStatus as refused:
        return f"status {refused.response.status_code}"
    except (websockets.ConnectionClosed, websockets.InvalidMessage, ConnectionError):
        return CUT_OFF
    return ""


async def websocket_over_http2(port: int, name: str) -> str:
    """The same by extended CONNECT (RFC 8441)."""
    frames = Connection(ConnectionType.CLIENT)
    try:
        async with Http2.connect(port) as client:
            more = [(":protocol", "websocket"), ("sec-websocket-version", "13")]
            stream = client.ask("CONNECT", "/chat", *more, end=False)
            for number in range(_MESSAGES):
                client.link.send_data(stream, frames.send(TextMessage(f"{name} {number}")))
                heard: list[str] = []
                while not heard:
                    await client.turn()
                    if client.status.get(stream, 200) != 200:
                        return f"status {client.status[stream]}"
                    if stream in client.ended:
                        return CUT_OFF
                    frames.receive_data(bytes(client.body.pop(stream, b"")))
                    heard = [event.data for event in frames.events() if isinstance(event, TextMessage)]
                if "".join(heard) != f"{name} {number}":
                    return "another message than sent"
    except ConnectionError:
        return CUT_OFF
    return ""


async def leave_http2(port: int, name: str) -> str:
    """A client that resets a stream amid its answer, and leaves amid another's."""
    try:
        async with Http2.connect(port) as client:
            streams = [client.ask("GET", "/size/20000000", end=True) for _ in range(2)]
            while not any(client.body.values()):
                await client.turn()
            client.link.reset_stream(streams[0], h2.errors.ErrorCodes.CANCEL)
            client.flush()
            if hash(name) % 2:
                client.abort()
    except ConnectionError:
        return CUT_OFF
    return ""


async def leave_websocket(port: int, name: str) -> str:
    """A client that leaves amid its handshake, or with a message under way."""
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(
        b"GET /chat HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    writer.write(b"\x81\xfe\x10\x00" + bytes(4) + b"half a message")
    await writer.drain()
    if hash(name) % 2:
        await asyncio.sleep(0.05)
    writer.transport.abort()
    return ""
