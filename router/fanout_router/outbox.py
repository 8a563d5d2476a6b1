"""Writes that are gathered over one turn of the loop."""

import asyncio
from typing import Final

__all__ = ["Outbox"]

_JOIN_BELOW: Final = 65_536
"""Bytes: what is less in all is joined, and so are pieces of less than a quarter each on the average."""
_SMALL: Final = _JOIN_BELOW // 4


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
        """Write now what was gathered: joined when it is little, else piece by piece, which the transport gathers."""
        pieces = self._pieces
        if not pieces:
            return
        transport = self._transport
        if transport.is_closing():  # the peer is gone, and uvloop's transport would raise
            pass
        elif len(pieces) == 1:
            transport.write(pieces[0])
        elif (size := sum(map(len, pieces))) < _JOIN_BELOW or size < _SMALL * len(pieces):
            transport.write(b"".join(pieces))
        else:
            transport.writelines(pieces)
        pieces.clear()
