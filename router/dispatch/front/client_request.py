"""What every client's request has, whichever version of HTTP it came by: what is counted, logged and answered."""

from typing import TYPE_CHECKING, Protocol

from dispatch.exchange import Exchange

if TYPE_CHECKING:
    from dispatch.dispatcher import Dispatcher
    from dispatch.front.front import Front
    from dispatch.front.routes import Route

__all__ = ["ClientRequest"]


class _Connection(Protocol):
    """A client connection, as far as a request's name needs it."""

    front: "Front"


class ClientRequest(Exchange):
    """A client's request, once its head is read. Defaults stand on the class, as those of :class:`Exchange` do."""

    protocol: _Connection
    route: "Route"
    dispatcher: "Dispatcher"
    method: bytes = b""
    target: bytes = b""
    given_id: bytes = b""
    """The client's own request id, when it sent a good one; else ``number`` makes ours."""
    number: int = 0
    upload_size: int = 0
    """Bytes of request body so far."""
    status: int = 0
    sent: int = 0
    """Bytes of response body."""

    @property
    def request_id(self) -> bytes:
        """What the app sees as X-Request-Id."""
        return self.given_id or self.protocol.front.id_prefix + b"%x" % self.number
