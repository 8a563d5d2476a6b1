"""One request with its response, as the dispatcher and the channels see it; the front adds the client's
side.
"""

from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dispatch.channel import Channel


class Failure(Enum):
    """Why a request is answered by the router instead of the app."""

    QUEUE_FULL = "queue_full"
    QUEUE_TIMEOUT = "queue_timeout"
    RESPONSE_TIMEOUT = "response_timeout"
    ENVIRONMENT_LOST = "environment_lost"
    APP_FAILED = "app_failed"
    BAD_RESPONSE = "bad_response"
    CLOSING = "closing"


class Exchange:
    """A request under way. Its owner sets ``payload``, ``complete`` and ``idempotent`` before it is
    submitted.

    The defaults stand on the class, so that making one costs no assignments: there is one per request.
    """

    payload: bytes = b""
    """The messages to begin with: HEAD, and what body there was. Emptied once more body has followed them."""
    buffered: list[bytes] | None = None
    """Body that came before a channel was there."""
    complete: bool = False
    """The whole request has come."""
    idempotent: bool = False
    """The method may be repeated (RFC 9110 section 9.2.2)."""
    channel: "Channel | None" = None
    """Where it is served now; None before and after."""
    waiting: bool = False
    answered: bool = False
    departed: bool = False
    delivered: bool = False
    attempts: int = 0
    arrived: float = 0.0

    def response_whole(self, head: bytes, body: bytes | memoryview) -> bool:
        """Head and body came in one piece; the same as the two calls below."""
        if not self.response_head(head, False, False):
            return False
        self.response_data(body, True)
        return True

    def response_head(self, head: bytes, end: bool, alone: bool) -> bool:
        """The response's head came; False when it is no HTTP response, and the exchange must fail."""
        raise NotImplementedError

    def response_data(self, data: bytes | memoryview, end: bool) -> bool:
        """A part of the response's body; True asks to withhold credit until :meth:`Channel.resume`."""
        raise NotImplementedError

    def upload_drained(self) -> None:
        """The channel takes more of the request's body."""

    def failed(self, failure: Failure) -> None:
        """There will be no response, or no more of it. Called at most once, and nothing follows."""
        raise NotImplementedError
