"""HTTP/2 for the control channel and for clients, as a codec without I/O: see :mod:`dispatch.wire.connection` for
why it is ours.
"""

from dispatch.wire.connection import ClientConnection, Connection, ServerConnection
from dispatch.wire.control import ConnectionHandler
from dispatch.wire.headers import Headers
from dispatch.wire.limits import WireLimits
from dispatch.wire.stream import Stream, StreamHandler

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
