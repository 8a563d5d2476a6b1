"""HTTP/1.1 or HTTP/2? The first bytes of a connection tell, and from then on nothing of this is in the way.

The preface of HTTP/2 is made such that no HTTP/1.1 request begins like it (RFC 9113 section 3.4), so that the bytes
alone decide: with prior knowledge on a plain port, and on a TLS port after ALPN, which lets the client choose.
"""

import asyncio
from typing import cast

from fanout_router.http.front import Front
from fanout_router.http.http1 import ClientProtocol
from fanout_router.http.http2 import Http2Protocol
from fanout_router.wire import frames

__all__ = ["ChoosingProtocol"]

_TELLS = frames.PREFACE[:4]


class ChoosingProtocol(asyncio.Protocol):
    """Stands before a new connection; until the bytes have told, it is HTTP/1.1's, with its limits and deadlines."""

    def __init__(self, front: Front, scheme: str, loop: asyncio.AbstractEventLoop) -> None:
        self._front = front
        self._scheme = scheme
        self._loop = loop
        self._first = b""
        self._http1 = ClientProtocol(front, scheme)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for the first bytes."""
        self._transport = cast("asyncio.Transport", transport)
        self._http1.connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """It has left without a word."""
        self._http1.connection_lost(exc)

    def eof_received(self) -> bool:
        """It will say no more."""
        return self._http1.eof_received()

    def data_received(self, data: bytes) -> None:
        """Choose, and hand the connection over."""
        if self._http1.closing:
            return
        data = self._first = self._first + data
        if data.startswith(_TELLS):
            self._go_on_with_http2(data)
        elif not _TELLS.startswith(data):
            self._transport.set_protocol(cast("asyncio.Protocol", self._http1))
            self._http1.data_received(data)

    def _go_on_with_http2(self, data: bytes) -> None:
        self._http1.connection_lost(None)  # it serves this connection no more
        protocol = Http2Protocol(self._front, self._scheme, self._loop)
        self._transport.set_protocol(cast("asyncio.Protocol", protocol))
        protocol.connection_made(self._transport)
        protocol.data_received(data)
