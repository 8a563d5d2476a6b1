"""What the publisher answers for each event."""

from dataclasses import dataclass

from fanout.events.envelope import Envelope

__all__ = ["Receipt"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What became of one event."""

    envelope: Envelope
    """As it was given; on the bus, large data may have been replaced by their reference."""
    attempts: int
    error: str | None = None
    """``<code>: <message>`` of the last attempt; None when the bus took the event."""

    permanent: bool = False
    """Whether the error is one that no repetition changes: the event itself, or what the role may do, is wrong."""

    @property
    def accepted(self) -> bool:
        return self.error is None

    @property
    def code(self) -> str | None:
        """Of the error."""
        return None if self.error is None else self.error.partition(":")[0]
