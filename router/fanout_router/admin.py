"""/healthz (alive), /readyz (takes requests) and /metrics on a port of their own, so that no path of an app
is shadowed.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import cast

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

_LARGEST_REQUEST = 8_192


class AdminProtocol(asyncio.Protocol):
    """One request per connection; nothing of it but the path is looked at."""

    def __init__(
        self,
        metrics: CollectorRegistry,
        ready: Callable[[], bool],
        refresh: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """``refresh`` is awaited before each answer, where others have to be asked first."""
        self._metrics = metrics
        self._ready = ready
        self._refresh = refresh
        self._task: asyncio.Task[None] | None = None
        self._data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for the request, not for long."""
        self._transport = cast("asyncio.Transport", transport)
        self._timer = asyncio.get_running_loop().call_later(5.0, transport.close)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """Nothing is left to do."""
        self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        """Answer when the head is whole."""
        if self._task is not None:  # it is being answered
            return
        self._data += data
        if b"\r\n\r\n" in self._data:
            if self._refresh is None:
                self._respond()
            else:
                self._task = asyncio.get_running_loop().create_task(self._respond_refreshed(self._refresh))
        elif len(self._data) > _LARGEST_REQUEST:
            self._transport.close()

    async def _respond_refreshed(self, refresh: Callable[[], Awaitable[None]]) -> None:
        await refresh()
        if not self._transport.is_closing():
            self._respond()

    def _respond(self) -> None:
        parts = self._data.split(b" ", 2)
        self._answer(*self._found(parts[0], parts[1].split(b"?")[0] if len(parts) == 3 else b""))

    def _found(self, method: bytes, path: bytes) -> tuple[str, bytes, str]:
        if method not in (b"GET", b"HEAD"):
            return "405 Method Not Allowed", b"use GET\n", "text/plain"
        if path == b"/healthz":
            return "200 OK", b"alive\n", "text/plain"
        if path == b"/readyz":
            if self._ready():
                return "200 OK", b"ready\n", "text/plain"
            return "503 Service Unavailable", b"not ready\n", "text/plain"
        if path == b"/metrics":
            return "200 OK", generate_latest(self._metrics), CONTENT_TYPE_PLAIN_0_0_4
        return "404 Not Found", b"try /healthz, /readyz or /metrics\n", "text/plain"

    def _answer(self, status: str, body: bytes, kind: str) -> None:
        lines = [
            f"HTTP/1.1 {status}",
            f"content-type: {kind}",
            f"content-length: {len(body)}",
            "connection: close",
        ]
        head = "\r\n".join(lines).encode() + b"\r\n\r\n"
        self._transport.write(head + (b"" if self._data.startswith(b"HEAD") else body))
        self._transport.close()
