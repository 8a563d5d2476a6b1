"""Gathers what is written during one turn of the event loop into one write: one system call for many
messages.
"""

import asyncio


class Outbox:
    """Writes to a transport, once per turn of the loop."""

    __slots__ = ("_loop", "_pieces", "_transport")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._pieces: list[bytes] = []

    def attach(self, transport: asyncio.Transport) -> None:
        """Say where to write; before the first turn of the loop after the first ``write``."""
        self._transport = transport

    def write(self, data: bytes) -> None:
        """Write ``data`` before the loop's next turn."""
        pieces = self._pieces
        pieces.append(data)
        if len(pieces) == 1:
            self._loop.call_soon(self.flush)

    def flush(self) -> None:
        """Write now what was gathered."""
        pieces = self._pieces
        if pieces:
            self._transport.write(pieces[0] if len(pieces) == 1 else b"".join(pieces))
            pieces.clear()
