"""An environment, from its invocation to its end: what the fleet knows of it, and the channels that the dispatcher
uses.
"""

from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fanout_router.channel import Channel
    from fanout_router.control import ControlProtocol

__all__ = []


class State(Enum):
    """Where an environment is in its life."""

    INVOKED = "invoked"
    SERVING = "serving"
    DRAINING = "draining"
    GONE = "gone"


class Environment:
    """Compared and hashed as an object. ``state`` is changed by its fleet alone; the dispatcher gives requests to those
    that are SERVING.
    """

    __slots__ = (
        "busy",
        "channelless_since",
        "channels",
        "digest",
        "free",
        "id",
        "invocation_ended",
        "invoked_at",
        "last_seen",
        "link",
        "pinged_at",
        "state",
        "takes_trailers",
    )

    def __init__(self, environment_id: str, digest: bytes, invoked_at: float) -> None:
        self.id = environment_id
        self.digest = digest
        """SHA-256 of its secret."""
        self.invoked_at = invoked_at
        self.state = State.INVOKED
        self.link: ControlProtocol | None = None
        self.last_seen = self.pinged_at = invoked_at
        self.channelless_since: float | None = None
        """Since when it serves without a channel."""
        self.invocation_ended = False
        self.takes_trailers = False
        """It knows of trailers behind a request's body."""
        self.channels: set[Channel] = set()
        self.free: list[Channel] = []
        self.busy = 0
        """Channels with a request, or with a cancellation under way."""

    def __repr__(self) -> str:
        return f"<Environment {self.id} {self.state.value} channels={len(self.channels)} busy={self.busy}>"
