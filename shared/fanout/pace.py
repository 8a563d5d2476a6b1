"""Whether there is time for one more record."""

from dataclasses import dataclass

__all__ = ["Pace"]

RESERVE_S = 0.5
"""Kept back for completing and settling the batch."""

FORGETTING = 0.9
"""By how much each record lessens what a slow one before it stands for: after 20 records an eighth is left."""


@dataclass(slots=True)
class Pace:
    """What the execution environment's recent records took."""

    slowest_s: float = 0.0
    """The slowest recent record, fading: constant time and memory, however large the batches."""

    def took(self, seconds: float) -> None:
        self.slowest_s = max(seconds, self.slowest_s * FORGETTING)

    def allows(self, remaining_s: float) -> bool:
        """Whether a record as slow as the slowest recent one still fits before the deadline."""
        return remaining_s - RESERVE_S >= self.slowest_s
