"""HTTP/2 for the control channel and for clients, as a codec without I/O: see :mod:`fanout_router.wire.connection` for
why it is ours.
"""

from fanout_router.wire.connection import ClientConnection, Connection, ServerConnection
from fanout_router.wire.control import ConnectionHandler
from fanout_router.wire.headers import Headers
from fanout_router.wire.stream import Stream, StreamHandler, WireLimits

__all__ = [
    "ClientConnection",
    "Connection",
    "ConnectionHandler",
    "Headers",
    "ServerConnection",
    "Stream",
    "StreamHandler",
    "WireLimits",
]
