"""One execution environment as the dispatcher sees it: its channels, and how many of them are busy."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dispatch.channel import Channel


class Environment:
    """An environment that serves, or served, requests. Identity is what counts: compared and hashed as an
    object.
    """

    __slots__ = ("busy", "channels", "draining", "free", "id")

    def __init__(self, environment_id: str) -> None:
        self.id = environment_id
        self.channels: set[Channel] = set()
        self.free: list[Channel] = []
        self.busy = 0
        """Channels with a request, or with a cancellation under way."""
        self.draining = False

    def __repr__(self) -> str:
        state = "draining" if self.draining else "serving"
        return f"<Environment {self.id} {state} channels={len(self.channels)} busy={self.busy}>"
