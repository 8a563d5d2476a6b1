"""Whether there is time for one more record."""

from collections import deque
from dataclasses import dataclass, field

__all__ = ["Pace"]

RESERVE_S = 0.5
"""Kept back for completing and settling the batch."""

RECENT = 20


@dataclass(slots=True)
class Pace:
    """What the execution environment's recent records took."""

    _recent: deque[float] = field(default_factory=lambda: deque(maxlen=RECENT))

    def took(self, seconds: float) -> None:
        self._recent.append(seconds)

    def allows(self, remaining_s: float) -> bool:
        """Whether a record as slow as the slowest recent one still fits before the deadline."""
        return remaining_s - RESERVE_S >= max(self._recent, default=0.0)
