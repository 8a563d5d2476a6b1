"""A dispatcher with environments that a test scripts: the real codec and channels, no sockets, virtual
time.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

from fanout_router.channel import Channel
from fanout_router.dispatcher import Dispatcher, DispatchLimits
from fanout_router.environment import Environment, State
from fanout_router.exchange import Exchange, Failure
from fanout_router.messages import BODY, CANCEL, END, FAILED, HEAD, REFUSED, MessageReader, pack
from fanout_router.wire import Headers, Stream, frames
from tests.unit.fanout_router.wire.support import REQUEST, Clock, connected

OK_HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n"


@contextmanager
def no_collector() -> Iterator[None]:
    """What is free within is so by reference counts."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


class FakeExchange(Exchange):
    """A request whose answer is written down."""

    def __init__(self, name: str = "a", *, idempotent: bool = True, complete: bool = True) -> None:
        super().__init__()
        self.name = name
        self.payload = pack(HEAD | (END if complete else 0), b"GET /%s HTTP/1.1\r\n\r\n" % name.encode())
        self.complete = complete
        self.idempotent = idempotent
        self.head: bytes | None = None
        self.body = b""
        self.finished = False
        self.failure: Failure | None = None
        self.hold = False
        self.drained = 0

    def response_head(self, head: bytes, end: bool, _alone: bool) -> bool:
        assert not self.over
        self.head = head
        self.finished = end and head.startswith(b"HTTP/1.1 ")
        return head.startswith(b"HTTP/1.1 ")

    def response_data(self, data: bytes | memoryview, end: bool) -> bool:
        assert not self.over
        self.body += bytes(data)
        self.finished = end
        return self.hold

    def upload_drained(self) -> None:
        self.drained += 1

    def failed(self, failure: Failure) -> None:
        assert not self.over, "failed after its end"
        self.failure = failure

    @property
    def over(self) -> bool:
        return self.finished or self.failure is not None


class FakePeer(MessageReader):
    """The environment's end of one channel."""

    def __init__(self) -> None:
        super().__init__()
        self.stream: Stream | None = None
        self.heads: list[bytes] = []
        self.body = b""
        self.wholes = 0
        """Requests that have come in full."""
        self.trailers: bytes | None = None
        self.cancels = 0
        self.ended = False
        self.credits = True
        self.code: int | None = None

    # what a test makes it say
    def say(self, *messages: bytes) -> None:
        assert self.stream is not None
        self.stream.send(b"".join(messages))

    def answer(self, body: bytes = b"ok") -> None:
        self.say(pack(HEAD, OK_HEAD), pack(BODY | END, body))

    def refuse(self) -> None:
        self.say(pack(REFUSED))

    def fail(self) -> None:
        self.say(pack(FAILED))

    def confirm(self) -> None:
        self.say(pack(CANCEL))

    @property
    def last(self) -> str:
        """The name of the latest request."""
        return self.heads[-1].split()[1][1:].decode() if self.heads else ""

    # StreamHandler and MessageReader
    def headers_received(self, headers: Headers, end: bool) -> None:
        pass

    def data_received(self, data: bytes | memoryview, end: bool) -> None:
        self.ended = self.ended or end
        self.feed(data)
        if self.stream is not None and self.credits and not end:
            self.stream.credit()

    def stream_drained(self) -> None:
        pass

    def stream_closed(self, code: int) -> None:
        self.code = code

    def head_received(self, head: bytes, end: bool, _alone: bool) -> None:
        self.heads.append(head)
        self.wholes += end

    def body_received(self, data: bytes | memoryview, end: bool) -> None:
        self.body += bytes(data)
        self.wholes += end

    def trailers_received(self, lines: bytes) -> None:
        self.trailers = lines
        self.body_received(b"", True)

    def signal_received(self, signal: int) -> None:
        assert signal == CANCEL
        self.cancels += 1


class FakeEnvironment:
    """An environment with its connection; each peer is one of its channels."""

    def __init__(self, rig: "Rig", name: str, channels: int) -> None:
        self.rig = rig
        self.server, self.client, _ = connected()
        self.environment = Environment(name, b"", 0.0)
        self.environment.state = State.SERVING
        self.peers: list[FakePeer] = []
        self.dead = False
        for _ in range(channels):
            self.open()

    def open(self, peer: FakePeer | None = None) -> FakePeer:
        peer = peer or FakePeer()
        peer.stream = self.client.open_stream([*REQUEST], peer)
        theirs = self.server.connection.streams[peer.stream.id]
        theirs.send_headers([(b":status", b"200")])
        self.rig.dispatcher.channel_opened(Channel(theirs, self.environment, self.rig.dispatcher))
        self.peers.append(peer)
        return peer

    def drain(self) -> None:
        """Take no more requests, as a fleet has it."""
        self.environment.state = State.DRAINING
        self.rig.dispatcher.drain(self.environment)

    def die(self) -> None:
        self.dead = True
        self.server.connection.connection_lost()

    def reset(self, peer: FakePeer) -> None:
        assert peer.stream is not None
        peer.stream.reset(frames.CANCEL)

    def serving(self) -> list[str]:
        """Names of the requests on its channels now."""
        return [
            channel.exchange.name for channel in self.environment.channels if isinstance(channel.exchange, FakeExchange)
        ]


class Rig:
    """A dispatcher in virtual time."""

    def __init__(self, **limits: float) -> None:
        self.clock = Clock()
        self.dispatcher = Dispatcher(self.clock, DispatchLimits(**limits))  # type: ignore[arg-type]

    def environment(self, name: str = "e", channels: int = 1) -> FakeEnvironment:
        return FakeEnvironment(self, name, channels)

    def submit(self, name: str = "a", *, idempotent: bool = True, complete: bool = True) -> FakeExchange:
        exchange = FakeExchange(name, idempotent=idempotent, complete=complete)
        self.dispatcher.submit(exchange)
        return exchange

    def wait(self, seconds: float) -> None:
        """Let time pass, in steps of a quarter of a second."""
        until = self.clock.now + seconds
        while self.clock.now < until:
            self.clock.now = min(until, self.clock.now + 0.25)
            self.dispatcher.sweep()
