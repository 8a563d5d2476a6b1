"""What keeps invocations from running away: a token bucket that nothing can overdraw, and a circuit breaker.

A router that answers each failed invocation with another one can make thousands a minute. Here every
invocation, for whatever reason, takes a token first; and after a few failures in a row only one probe at a
time is let through.
"""

import random
from collections.abc import Callable
from enum import Enum


class TokenBucket:
    """At most ``burst`` at once and ``rate`` a second lastingly."""

    def __init__(self, rate: float, burst: int, clock: Callable[[], float]) -> None:
        self.rate = rate
        self.burst = burst
        self._clock = clock
        self._tokens = float(burst)
        self._since = clock()

    @property
    def available(self) -> int:
        """Whole tokens there are now."""
        now = self._clock()
        self._tokens = min(float(self.burst), self._tokens + (now - self._since) * self.rate)
        self._since = now
        return int(self._tokens + 1e-9)

    def take(self) -> bool:
        """Take one token; False when there is none."""
        if self.available < 1:
            return False
        self._tokens -= 1.0
        return True


class BreakerState(Enum):
    """Whether invocations are let through."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class CircuitBreaker:
    """Opens after ``threshold`` failures in a row; then lets one probe through per pause, which doubles to
    ``longest``.

    The pause is drawn at random from its upper half, so that several routers do not probe in step.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        rng: random.Random,
        *,
        threshold: int = 5,
        pause: float = 1.0,
        longest: float = 60.0,
    ) -> None:
        self.state = BreakerState.CLOSED
        self.failures = 0
        """In a row."""
        self._clock = clock
        self._rng = rng
        self._threshold = threshold
        self._pause = pause
        self._longest = longest
        self._until = 0.0

    def allows(self) -> bool:
        """Whether an invocation may be made now; in the half-open state only the first that asks."""
        if self.state is BreakerState.CLOSED:
            return self.failures == 0 or self._clock() >= self._until
        if self.state is BreakerState.OPEN and self._clock() >= self._until:
            self.state = BreakerState.HALF_OPEN
            return True
        return False

    def succeeded(self) -> None:
        """An environment has opened."""
        self.state = BreakerState.CLOSED
        self.failures = 0

    def undecided(self) -> None:
        """A probe told nothing (it was throttled): probe again after another pause."""
        if self.state is BreakerState.HALF_OPEN:
            self.failed()

    def failed(self) -> None:
        """An invocation failed, or its environment never opened."""
        self.failures += 1
        if self.failures >= self._threshold:
            self.state = BreakerState.OPEN
        exponent = max(0, self.failures - 1)
        longest = min(self._longest, self._pause * 2.0 ** min(exponent, 30))
        self._until = self._clock() + self._rng.uniform(longest / 2, longest)
