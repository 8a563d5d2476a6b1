"""A TLS port whose connections count from accept.

The event loop's own server tells of a connection when its handshake is done, so that any number of silent ones would
stand before it for as long as a handshake may take, uncounted. Here they are counted, bounded and timed from the first
moment; when there are too many, the one that has been silent longest goes: an honest client is through in milliseconds.
"""

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable

__all__ = ["TlsPort"]

_log = logging.getLogger(__name__)
_BACKLOG = 2_048
_PAUSE_S = 0.1
"""After an accept that failed: the process has no file descriptor left, or no memory."""


class TlsPort:
    """Accepts connections, and hands each to a protocol of its own once its handshake is done.

    :param most: how many handshakes there may be at once, now.
    :param timeout_s: how long each may take.
    """

    def __init__(
        self,
        make: Callable[[], asyncio.BaseProtocol],
        tls: ssl.SSLContext,
        *,
        most: Callable[[], int],
        timeout_s: float,
    ) -> None:
        self._make = make
        self._tls = tls
        self._most = most
        self._timeout_s = timeout_s
        self.sockets: list[socket.socket] = []
        self.handshakes: dict[asyncio.Task[None], socket.socket | None] = {}
        """Those under way, the oldest first; with the socket of one that is yet to begin."""
        self.failed = 0
        """Handshakes that failed, timed out or had to go."""
        self._accepting: list[asyncio.Task[None]] = []

    async def listen(self, host: str, port: int, *, reuse_port: bool = False) -> None:
        """Bind every address of the host, and begin to accept.

        :raises OSError: an address cannot be bound.
        """
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        try:
            for family, kind, protocol, _, address in dict.fromkeys(found):
                listening = socket.socket(family, kind, protocol)
                self.sockets.append(listening)
                _bind(listening, address, reuse_port=reuse_port)
        except OSError:
            self.close()
            raise
        self._accepting += [loop.create_task(self._accept(listening)) for listening in self.sockets]

    def close(self) -> None:
        """Accept no more, and let those go whose handshake is not done; the connections stay."""
        for task in self._accepting:
            task.cancel()
        for task in list(self.handshakes):
            self._abandon(task)
        for listening in self.sockets:
            listening.close()

    async def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, _ = await loop.sock_accept(listening)
            except OSError as error:
                _log.warning("a connection could not be accepted: %s", error)
                await asyncio.sleep(_PAUSE_S)
                continue
            while len(self.handshakes) >= max(1, self._most()):
                self._abandon(next(iter(self.handshakes)))
            task = loop.create_task(self._shake_hands(connection))
            self.handshakes[task] = connection
            task.add_done_callback(self._ended)

    async def _shake_hands(self, connection: socket.socket) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.handshakes[task] = None  # from now on the event loop closes it
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                self._make, connection, ssl=self._tls, ssl_handshake_timeout=self._timeout_s
            )
        except OSError:  # of TLS, of time, of the connection: a stranger's affair
            self.failed += task in self.handshakes  # else it was abandoned, and is counted

    def _abandon(self, task: asyncio.Task[None]) -> None:
        self.failed += 1
        unused = self.handshakes.pop(task)
        task.cancel()
        if unused is not None:
            unused.close()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self.handshakes.pop(task, None)


def _bind(listening: socket.socket, address: object, *, reuse_port: bool) -> None:
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if reuse_port:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    if listening.family == socket.AF_INET6:
        listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    listening.bind(address)  # type: ignore[arg-type]
    listening.listen(_BACKLOG)
    listening.setblocking(False)
