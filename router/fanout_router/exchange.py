"""One request with its response, as the dispatcher and the channels see it; the front adds the client's
side.
"""

from enum import Enum
from typing import TYPE_CHECKING, Final

from fanout_router.compiled import mypyc_attr

if TYPE_CHECKING:
    from fanout_router.channel import Channel
    from fanout_router.environment import Environment

IDEMPOTENT: Final = frozenset({b"GET", b"HEAD", b"OPTIONS", b"PUT", b"DELETE", b"TRACE"})
"""Methods that may be repeated (RFC 9110 section 9.2.2)."""


class Failure(Enum):
    """Why a request is answered by the router instead of the app."""

    QUEUE_FULL = "queue_full"
    QUEUE_TIMEOUT = "queue_timeout"
    RESPONSE_TIMEOUT = "response_timeout"
    ENVIRONMENT_LOST = "environment_lost"
    APP_FAILED = "app_failed"
    BAD_RESPONSE = "bad_response"
    CLOSING = "closing"


@mypyc_attr(allow_interpreted_subclasses=True)
class Exchange:
    """A request under way. Its owner sets ``payload``, ``complete`` and ``idempotent`` before it is
    submitted.

    All attributes are slots and set at once: one is made per request, and an attribute that is looked up on the
    class costs ten times what setting a slot does.
    """

    __slots__ = (
        "answered",
        "arrived",
        "attempts",
        "buffered",
        "channel",
        "complete",
        "delivered",
        "departed",
        "environment",
        "idempotent",
        "payload",
        "trailers",
        "waiting",
    )

    def __init__(self) -> None:
        self.payload = b""
        """The messages to begin with: HEAD, and what body there was. Emptied once more body has followed them."""
        self.buffered: list[bytes] | None = None
        """Body that came before a channel was there."""
        self.complete = False
        """The whole request has come."""
        self.idempotent = False
        """The method may be repeated (RFC 9110 section 9.2.2)."""
        self.channel: Channel | None = None
        """Where it is served now; None before and after."""
        self.environment: Environment | None = None
        """Where it was served last."""
        self.trailers = b""
        """Field lines behind the request's body."""
        self.waiting = False
        self.answered = False
        self.departed = False
        self.delivered = False
        self.attempts = 0
        self.arrived = 0.0

    def interim(self, head: bytes) -> None:
        """An interim response (1xx) came; the final one follows."""

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

    def response_trailers(self, lines: bytes) -> None:
        """Field lines behind the response's body came; its end follows."""

    def upload_drained(self) -> None:
        """The channel takes more of the request's body."""

    def failed(self, failure: Failure) -> None:
        """There will be no response, or no more of it. Called at most once, and nothing follows."""
        raise NotImplementedError
