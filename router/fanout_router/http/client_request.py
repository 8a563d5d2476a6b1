"""What every client's request has, whichever version of HTTP it came by: what is counted, logged and answered."""

from typing import TYPE_CHECKING, Protocol

from fanout_router.exchange import Exchange

if TYPE_CHECKING:
    from fanout_router.dispatcher import Dispatcher
    from fanout_router.http.routes import Route

__all__ = ["ClientRequest", "Connection"]


class _IdSource(Protocol):
    """What makes our request ids unlike another router's."""

    id_prefix: bytes


class Connection(Protocol):
    """A client connection, as far as a request's id needs it."""

    @property
    def front(self) -> _IdSource:
        """What all client connections share."""


class ClientRequest(Exchange):
    """A client's request, once its head is read. Subclasses set the slots, each at once with its own."""

    __slots__ = (
        "dispatcher",
        "given_id",
        "method",
        "number",
        "protocol",
        "route",
        "sent",
        "status",
        "target",
        "upload_size",
    )

    protocol: Connection
    route: "Route"
    dispatcher: "Dispatcher"
    method: bytes
    target: bytes
    given_id: bytes
    """The client's own request id, when it sent a good one; else ``number`` makes ours."""
    number: int
    upload_size: int
    """Bytes of request body so far."""
    status: int
    sent: int
    """Bytes of response body."""

    @property
    def request_id(self) -> bytes:
        """What the app sees as X-Request-Id."""
        return self.given_id or self.protocol.front.id_prefix + b"%x" % self.number
