"""A connection with a recording handler, for the tests of the codec."""

from collections import deque
from dataclasses import dataclass, field

from fanout_router.errors import WireError
from fanout_router.wire import ClientConnection, Connection, Headers, ServerConnection, Stream, WireLimits, frames

REQUEST: Headers = [
    (b":method", b"POST"),
    (b":scheme", b"https"),
    (b":path", b"/channel"),
    (b":authority", b"router"),
]


class Clock:
    """Virtual time, in seconds."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Recorder:
    """Writes down what the connection tells it."""

    opened: dict[int, Headers] = field(default_factory=dict)
    streams: dict[int, "StreamRecorder"] = field(default_factory=dict)
    pings: list[bytes] = field(default_factory=list)
    goaways: list[int] = field(default_factory=list)
    failure: WireError | None = None

    def stream_opened(self, stream: Stream, headers: Headers, end: bool) -> None:
        self.opened[stream.id] = headers
        handler = self.streams[stream.id] = StreamRecorder(stream, ended=end)
        stream.handler = handler

    def ping_acknowledged(self, payload: bytes) -> None:
        self.pings.append(payload)

    def goaway_received(self, code: int) -> None:
        self.goaways.append(code)

    def connection_failed(self, error: WireError) -> None:
        self.failure = error


@dataclass
class StreamRecorder:
    """Writes down what happens to one stream."""

    stream: Stream | None = None
    headers: Headers | None = None
    data: bytes = b""
    ended: bool = False
    drained: int = 0
    code: int | None = None

    def headers_received(self, headers: Headers, end: bool) -> None:
        self.headers = headers
        self.ended = self.ended or end

    def data_received(self, data: bytes | memoryview, end: bool) -> None:
        self.data += bytes(data)
        self.ended = self.ended or end

    def stream_drained(self) -> None:
        self.drained += 1

    def stream_closed(self, code: int) -> None:
        assert self.code is None, "closed twice"
        self.code = code


class Server:
    """A server connection, what it wrote and what it said."""

    def __init__(self, limits: WireLimits | None = None, *, greeted: bool = True) -> None:
        self.clock = Clock()
        self.written = bytearray()
        self.said = Recorder()
        self.connection = ServerConnection(self.said, self.written.extend, self.clock, limits)
        self.connection.start()
        if greeted:
            self.receive(frames.PREFACE + frames.settings([]))

    def receive(self, data: bytes, chunk: int = 0) -> None:
        """Feed ``data``, in pieces of ``chunk`` bytes when given."""
        for start in range(0, len(data), chunk or len(data) or 1):
            self.connection.receive(data[start : start + (chunk or len(data))])

    def take(self) -> bytes:
        """What was written since the last call."""
        written, self.written[:] = bytes(self.written), b""
        return written


class Link:
    """Carries bytes between two connections, one piece after the other as a network would."""

    def __init__(self) -> None:
        self._queue: deque[tuple[Connection, bytes]] = deque()
        self._busy = False

    def carry(self, target: Connection, data: bytes) -> None:
        self._queue.append((target, bytes(data)))
        if self._busy:
            return
        self._busy = True
        while self._queue:
            receiver, piece = self._queue.popleft()
            receiver.receive(piece)
        self._busy = False


def connected(limits: WireLimits | None = None) -> tuple[Server, ClientConnection, Recorder]:
    """A server and a client of ours that have greeted each other."""
    server, said, link = Server(limits, greeted=False), Recorder(), Link()
    client = ClientConnection(said, lambda data: link.carry(server.connection, data), server.clock)
    client.start()
    greeting = server.take()
    server.connection.write = lambda data: link.carry(client, data)
    link.carry(client, greeting)
    return server, client, said
