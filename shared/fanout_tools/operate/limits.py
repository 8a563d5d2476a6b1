"""How fast an operation may go."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from fanout.errors import FanoutError

__all__ = ["RateError", "TokenBucket", "parse_rate"]

_RATE = re.compile(r"(\d+(?:\.\d+)?)(?:/(s|m|h))?")
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0}

LONGEST_S = 30.0
"""Of one wait without a sign of life."""
ROUNDING = 1e-6
"""Of a token: what is left over of sums of waits, and would be waited for by no clock."""


class RateError(FanoutError):
    """It is no rate."""

    exit_code = 2


def parse_rate(text: str) -> float:
    """Of ``20/s``, ``100/m`` or ``5``, how many a second.

    :raises RateError: it is none of these, or 0.
    """
    found = _RATE.fullmatch(text)
    rate = float(found[1]) / _SECONDS[found[2] or "s"] if found else 0.0
    if rate <= 0:
        raise RateError(f"rate {text}: must be like 20/s, 100/m or 5/h, and over 0")
    return rate


@dataclass(eq=False)
class TokenBucket:
    """So many a second on average, and no more than a second's worth at once.

    :ivar rate: tokens a second; may be changed at any time.
    :ivar clock: monotonic seconds; with ``sleep``, tests give their own.
    """

    rate: float
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    _tokens: float = field(default=0.0, init=False)
    _at: float | None = field(default=None, init=False)

    def take(self, count: int, meanwhile: Callable[[], None] | None = None) -> None:
        """Wait until so many may go. More than a second's worth go at once, and those after them wait for it.

        :param meanwhile: called at least each :data:`LONGEST_S` of waiting.
        """
        self._refill()
        while (missing := min(float(count), self.burst) - self._tokens) > ROUNDING:
            self.sleep(min(LONGEST_S, missing / self.rate))
            self._refill()
            if meanwhile is not None:
                meanwhile()
        self._tokens -= count

    @property
    def burst(self) -> float:
        """The most tokens that are saved up."""
        return max(1.0, self.rate)

    def _refill(self) -> None:
        now = self.clock()
        passed = self.burst / self.rate if self._at is None else now - self._at
        self._tokens = min(self.burst, self._tokens + passed * self.rate)
        self._at = now
