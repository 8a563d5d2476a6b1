"""The control port: environments connect here and open channels; nobody else gets anything.

A connection belongs to the environment whose secret its first channel presented. Until then it is a
stranger's: there may be only so many of those, only for a short time, and what they send is bounded by the
codec."""

import asyncio
import logging
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from fanout_router.channel import Channel
from fanout_router.environment import Environment
from fanout_router.errors import AdmissionError, WireError
from fanout_router.outbox import Outbox
from fanout_router.wire import Headers, ServerConnection, Stream, WireLimits, frames

if TYPE_CHECKING:
    from fanout_router.fleet import Fleet

__all__ = []

_SIZE = 131_072
"""Bytes of a buffer. At 256 KB, answers of 10 KB cost 3 % more: what is read has left the cache when it is sent on."""
_KEPT = 8
_UNUSED = sys.getrefcount(bytearray()) + 2
"""References to a buffer that only its pool and the loop over the pool know of."""


class ReadBuffers:
    """Buffers, each used again once nobody holds a view of it.

    A transport that cannot write at once keeps the view it was given; the next read then goes elsewhere. That
    every view counts as a reference to its buffer is what CPython guarantees and this relies on.
    """

    def __init__(self) -> None:
        self._buffers: list[bytearray] = []

    def take(self) -> bytearray:
        """A buffer that nobody looks at."""
        for buffer in self._buffers:
            if sys.getrefcount(buffer) <= _UNUSED:
                return buffer
        buffer = bytearray(_SIZE)
        if len(self._buffers) < _KEPT:
            self._buffers.append(buffer)
        return buffer


_WRITE_BUFFER = 262_144
"""Bytes held for an environment before its channels are told to wait: a turn's requests with bodies are more than the
64 KB that transports take for much."""

_log = logging.getLogger(__name__)

CHANNEL_PATH = b"/dispatch/v1/channel"
ENVIRONMENT_FIELD = b"dispatch-environment"
TRAILERS_FIELD = b"dispatch-trailers"
"""Said by an environment that takes trailers behind a request's body; those before it know of no such message."""
STRANGERS_S = 10.0
"""How long a connection may be without a secret; its TLS handshake has as long by itself."""
_MAX_REFUSALS = 3
_COPY_BELOW = 65_536
_NO_BUFFER = bytearray()


class ControlPort:
    """What all control connections share; ``fleets`` expect environments, and grow while the router starts."""

    def __init__(
        self, fleets: "Sequence[Fleet]", limits: WireLimits | None = None, max_unauthenticated: int = 200
    ) -> None:
        self.fleets = fleets
        self.limits = limits or WireLimits()
        self.max_unauthenticated = max_unauthenticated
        self.buffers = ReadBuffers()
        self.unauthenticated: dict[ControlProtocol, float] = {}
        self.refused = 0
        """Channels refused for a wrong secret, path or environment."""
        self.wire_errors = 0

    def fleet_of(self, environment_id: str) -> "Fleet":
        """The fleet that expects an environment of this name.

        :raises AdmissionError: none does.
        """
        name = environment_id.rpartition(".")[0]
        for fleet in self.fleets:
            if fleet.name == name:
                return fleet
        raise AdmissionError("unknown environment or wrong secret")

    def sweep(self, now: float, patience: float = STRANGERS_S) -> None:
        """Close connections that have presented no secret for ``patience`` seconds."""
        for protocol, since in list(self.unauthenticated.items()):
            if now - since > patience:
                protocol.abort()


class ControlProtocol(asyncio.BufferedProtocol):
    """One connection of an environment, or of a stranger."""

    transport: asyncio.Transport

    def __init__(self, port: ControlPort, loop: asyncio.AbstractEventLoop) -> None:
        self._port = port
        self._loop = loop
        self._fleet: Fleet | None = None
        self._environment: Environment | None = None
        self._refusals = 0
        self._outbox = Outbox(loop)
        self.wire = ServerConnection(self, self._outbox.write, loop.time, port.limits)
        self._buffer = _NO_BUFFER

    # -- transport --

    def get_buffer(self, sizehint: int) -> bytearray:  # noqa: ARG002
        """Where the next read goes."""
        self._buffer = buffer = self._port.buffers.take()
        return buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Bytes came. Few are copied, because slices of bytes are cheaper than slices of a view."""
        view = memoryview(self._buffer)[:nbytes]
        self._buffer = _NO_BUFFER
        self.wire.receive(bytes(view) if nbytes < _COPY_BELOW else view)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet; when there are too many unauthenticated connections, the one that has been here longest goes."""

        self.transport = cast("asyncio.Transport", transport)
        self._outbox.attach(self.transport)
        self.transport.set_write_buffer_limits(_WRITE_BUFFER)
        self.wire.start()
        unauthenticated = self._port.unauthenticated
        if len(unauthenticated) >= self._port.max_unauthenticated:
            next(iter(unauthenticated)).abort()
        unauthenticated[self] = self._loop.time()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """The environment is gone, and all its channels."""
        self._port.unauthenticated.pop(self, None)
        self.wire.connection_lost()
        if self._fleet is not None and self._environment is not None:
            self._fleet.connection_lost(self._environment)

    def pause_writing(self) -> None:
        """The environment reads slower than we write."""
        self.wire.pause_writing()

    def resume_writing(self) -> None:
        """The environment has caught up."""
        self.wire.resume_writing()

    def ping(self) -> None:
        """Ask for a sign of life."""
        self.wire.ping(b"liveness")

    def goaway(self) -> None:
        """Tell the environment that it is wanted no longer: it finishes, and ends its invocation."""
        if not self.wire.closed:
            self.wire.goaway()

    def abort(self) -> None:
        """Close at once."""
        self._port.unauthenticated.pop(self, None)
        self.transport.abort()

    # -- ConnectionHandler --

    def stream_opened(self, stream: Stream, headers: Headers, end: bool) -> None:
        """A channel, if it presents the right secret."""
        fields = dict(headers)
        try:
            if fields[b":path"] != CHANNEL_PATH or fields[b":method"] != b"POST" or end:
                self._refuse(stream, b"404")
                return
            name = fields.get(ENVIRONMENT_FIELD, b"").decode("latin-1")
            if self._environment is not None and self._environment.id != name:
                raise AdmissionError("this connection is another environment's")
            fleet = self._port.fleet_of(name)
            environment = fleet.admit(name, _bearer(fields), self)
        except AdmissionError:
            self._refuse(stream, b"401")
            return
        self._port.unauthenticated.pop(self, None)
        self._fleet, self._environment = fleet, environment
        environment.takes_trailers = TRAILERS_FIELD in fields
        stream.send_headers([(b":status", b"200")])
        fleet.dispatcher.channel_opened(Channel(stream, environment, fleet.dispatcher))

    def _refuse(self, stream: Stream, status: bytes) -> None:
        self._port.refused += 1
        self._refusals += 1
        stream.send_headers([(b":status", status)], end=True)
        stream.reset(frames.NO_ERROR)
        if self._refusals >= _MAX_REFUSALS and self._environment is None:
            self.wire.goaway(frames.ENHANCE_YOUR_CALM)
            self._outbox.flush()
            self.transport.close()

    def ping_acknowledged(self, payload: bytes) -> None:  # noqa: ARG002
        """A sign of life."""
        if self._fleet is not None and self._environment is not None:
            self._fleet.alive(self._environment)

    def goaway_received(self, code: int) -> None:  # noqa: ARG002
        """The environment takes no more requests, and finishes those it has."""
        if self._fleet is not None and self._environment is not None:
            self._fleet.connection_draining(self._environment)

    def connection_failed(self, error: WireError) -> None:
        """It does not speak HTTP/2, or breaks our limits."""
        self._port.wire_errors += 1
        _log.warning("a control connection failed: %s", error)
        self._outbox.flush()
        self.transport.close()


def _bearer(fields: dict[bytes, bytes]) -> bytes:
    scheme, _, secret = fields.get(b"authorization", b"").partition(b" ")
    return secret if scheme == b"Bearer" else b""
