"""One invocation: connect to the router that sent the order, open channels, serve until drained, return a
summary.
"""

import asyncio
import contextlib
import hashlib
import hmac
import ssl
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import urlsplit

from fanout_router.adapter.call import Application, Call
from fanout_router.adapter.channel import AdapterChannel
from fanout_router.control import CHANNEL_PATH, ENVIRONMENT_FIELD, TRAILERS_FIELD
from fanout_router.errors import AdapterError, WireError
from fanout_router.invokers.base import PROTOCOL_VERSION
from fanout_router.outbox import Outbox
from fanout_router.wire import ClientConnection, Headers, Stream

_CONNECT_TRIES = 3
PING_EVERY_S = 10.0
"""Seconds between two pings of the router."""
SILENCE_S = 30.0
"""Seconds without an answer to a ping after which the router counts as gone, and the environment leaves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Callback:
    """Where and how to call back, out of the order's payload; the secret is in no representation of it."""

    environment: str
    secret: str
    host: str
    port: int
    fingerprint: str
    channels: int

    def __repr__(self) -> str:
        return f"Callback({self.environment} to {self.host}:{self.port})"

    @classmethod
    def parse(cls, order: dict[str, Any]) -> "Callback":
        """Read the ``dispatch`` part of an event.

        :raises AdapterError: it is of another version, incomplete, or asks for plain text beyond this
        machine.
        """
        if order.get("version") != PROTOCOL_VERSION:
            raise AdapterError(f"order of version {order.get('version')!r}; this adapter speaks {PROTOCOL_VERSION}")
        try:
            address = urlsplit(order["address"])
            found = cls(
                environment=order["environment"],
                secret=order["secret"],
                host=address.hostname or "",
                port=address.port or 443,
                fingerprint=order["fingerprint"] if address.scheme == "https" else "",
                channels=int(order["channels"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise AdapterError(f"order is incomplete or wrong: {error!r}") from None
        if address.scheme == "https" and not found.fingerprint:
            raise AdapterError("order names no certificate fingerprint")
        if address.scheme != "https" and found.host not in ("127.0.0.1", "::1", "localhost"):
            raise AdapterError(f"order asks for plain text to {found.host}; only loopback may be plain")
        return found


class Session(asyncio.Protocol):
    """The connection to the router, and the channels on it."""

    transport: asyncio.Transport

    def __init__(self, app: Application, callback: Callback, loop: asyncio.AbstractEventLoop) -> None:
        self.app = app
        self.served = self.failed = self.cancelled = 0
        self.reason = "drained"
        self._callback = callback
        self._loop = loop
        self._outbox = Outbox(loop)
        self._last_seen = loop.time()
        self._draining = False
        self._channels: set[AdapterChannel] = set()
        self.abandoned: set[Call] = set()
        """Calls whose channel was reset because they did not end; as many as there are channels, and we leave."""
        self._closed: asyncio.Future[None] = loop.create_future()
        self.wire = ClientConnection(self, self._outbox.write, loop.time)
        self.data_received = self.wire.receive  # type: ignore[method-assign]

    # -- running --

    @classmethod
    async def run(cls, app: Application, callback: Callback, drain_after_s: float) -> dict[str, Any]:
        """Serve until the router lets go, or ``drain_after_s`` have passed and the calls under way have
        ended.

        :raises AdapterError: the router cannot be reached, or is not the one the order named.
        """
        loop = asyncio.get_running_loop()
        started = loop.time()
        session = await cls._connect(app, callback, loop)
        for _ in range(callback.channels):
            session._channels.add(AdapterChannel(session))
        app.on_ended = lambda: session.leave("app_ended")
        watch = loop.create_task(session._watch(started + drain_after_s))
        try:
            await session._closed
        finally:
            app.on_ended = None
            watch.cancel()
            session.transport.close()
        return {
            "served": session.served,
            "failed": session.failed,
            "cancelled": session.cancelled,
            "reason": session.reason,
            "seconds": round(loop.time() - started, 3),
        }

    @classmethod
    async def _connect(cls, app: Application, callback: Callback, loop: asyncio.AbstractEventLoop) -> "Session":
        context = _pinned_context() if callback.fingerprint else None
        for attempt in range(_CONNECT_TRIES):
            try:
                _, session = await loop.create_connection(
                    lambda: cls(app, callback, loop), callback.host, callback.port, ssl=context
                )
                break
            except OSError as error:
                if attempt == _CONNECT_TRIES - 1:
                    raise AdapterError(f"no router at {callback.host}:{callback.port}: {error}") from None
                await asyncio.sleep(0.1 * 2**attempt)
        session._check_router()
        return session

    def _check_router(self) -> None:
        """Compare the certificate with the order's before anything secret is sent."""
        if not self._callback.fingerprint:
            return
        tls: ssl.SSLObject = self.transport.get_extra_info("ssl_object")
        found = hashlib.sha256(tls.getpeercert(binary_form=True) or b"").hexdigest()
        if not hmac.compare_digest(found, self._callback.fingerprint.lower()):
            self.transport.abort()
            raise AdapterError("the router's certificate is not the one that the order names")

    async def _watch(self, drain_at: float) -> None:
        """Ask for signs of life; drain in time."""
        while True:
            await asyncio.sleep(min(PING_EVERY_S, max(drain_at - self._loop.time(), 0.01)))
            if self._loop.time() - self._last_seen > SILENCE_S:
                self.reason = "router_silent"
                self.transport.abort()
            elif self._loop.time() >= drain_at and not self._draining:
                self.leave("deadline")
                drain_at += SILENCE_S
            elif not self.wire.closed:
                self.wire.ping(b"adapter!")

    # -- for channels --

    def open_stream(self, channel: AdapterChannel) -> Stream:
        """Open a channel with our secret."""
        callback = self._callback
        headers: Headers = [
            (b":method", b"POST"),
            (b":scheme", b"https" if callback.fingerprint else b"http"),
            (b":authority", f"{callback.host}:{callback.port}".encode()),
            (b":path", CHANNEL_PATH),
            (ENVIRONMENT_FIELD, callback.environment.encode()),
            (b"authorization", b"Bearer " + callback.secret.encode()),
            (TRAILERS_FIELD, b"1"),
        ]
        return self.wire.open_stream(headers, channel)

    def channel_closed(self, channel: AdapterChannel, *, reopen: bool) -> None:
        """A channel is closed; open another one in its place unless we drain."""
        self._channels.discard(channel)
        if not self.wire.closed and len(self.abandoned) >= self._callback.channels:
            self.leave("stuck")
        if reopen and not self._draining and not self.wire.closed:
            with contextlib.suppress(WireError):
                self._channels.add(AdapterChannel(self))
        if not self._channels:
            self._finish()

    def refused(self, status: str) -> None:
        """The router did not admit a channel."""
        if not self._draining:
            self.reason = f"refused_{status}"
        self._draining = True
        self._finish()

    def leave(self, reason: str) -> None:
        """Take no more requests, and end when those under way have ended."""
        if not self._draining:
            self.reason = reason
            self._draining = True
            self.wire.goaway()

    def count(self, call: Call, failed: bool) -> None:
        """A call is over."""
        if call.cancelled:
            self.cancelled += 1
        elif failed:
            self.failed += 1
        else:
            self.served += 1

    def _finish(self) -> None:
        if not self._closed.done():
            self._closed.set_result(None)

    # -- transport and ConnectionHandler --

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet before the router's greeting is answered; the secret waits until the certificate is
        checked.
        """
        self.transport = cast("asyncio.Transport", transport)
        self._outbox.attach(self.transport)
        self.wire.start()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """The router is gone."""
        if not self._closed.done() and self.reason == "drained" and not self._draining:
            self.reason = "router_lost"
        self.wire.connection_lost()
        self._finish()

    def pause_writing(self) -> None:
        """The router reads slower than we answer."""
        self.wire.pause_writing()

    def resume_writing(self) -> None:
        """The router has caught up."""
        self.wire.resume_writing()

    def stream_opened(self, stream: Stream, headers: Headers, end: bool) -> None:
        """Never called: routers open no streams."""

    def ping_acknowledged(self, payload: bytes) -> None:  # noqa: ARG002
        """A sign of life."""
        self._last_seen = self._loop.time()

    def goaway_received(self, code: int) -> None:
        """The router lets us go; it closes the channels as they become free."""
        if code:
            self.reason = f"router_error_{code:#x}"
        self._draining = True
        if not self._channels:
            self._finish()

    def connection_failed(self, error: WireError) -> None:
        """The router broke HTTP/2."""
        self.reason = f"wire_error_{error.code:#x}"
        self._outbox.flush()
        self._finish()


def _pinned_context() -> ssl.SSLContext:
    """TLS that trusts no authority: the one certificate that counts is compared by its fingerprint."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["h2"])
    return context


def seconds_left(context: object) -> float:
    """What a Lambda context says of the time left; 15 minutes where there is none (a local process)."""
    remaining = getattr(context, "get_remaining_time_in_millis", None)
    return float(remaining()) / 1_000 if remaining is not None else 900.0
