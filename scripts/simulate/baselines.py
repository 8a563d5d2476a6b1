"""The peer's two documented scaling formulas, for the simulator to compare with; not for use in production.

They are lambda-dispatch's ("simple" and "ewma"), with its documented pacing: a step of at most five
environments or a third, steps two seconds apart, token buckets for both directions, and scale-in put off
while requests wait.
"""

import math

from fanout_router.scaler import Load


class _Bucket:
    def __init__(self, size: float, rate: float) -> None:
        self.size, self.rate, self.tokens, self.since = size, rate, size, 0.0

    def take(self, now: float) -> bool:
        self.tokens = min(self.size, self.tokens + (now - self.since) * self.rate)
        self.since = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


class PacedSteps:
    """The peer's limits on how fast the number of environments may change."""

    _APART_S = 2.0
    _IN_DELAY_S = 0.3

    def __init__(self) -> None:
        self.level = 0
        self._out = _Bucket(5, 1.0)
        self._in = _Bucket(2, 0.2)
        self._last_out = self._last_in = -math.inf
        self._lower_since: float | None = None

    def towards(self, wanted: int, load: Load) -> int:
        """The level allowed now on the way to ``wanted``."""
        step = max(5, math.ceil(self.level * 0.33))
        if wanted > self.level:
            self._lower_since = None
            if load.now - self._last_out >= self._APART_S and self._out.take(load.now):
                self.level, self._last_out = min(wanted, self.level + step), load.now
        elif wanted < self.level and not load.waiting:
            since = self._lower_since = load.now if self._lower_since is None else self._lower_since
            settled = load.now - since >= self._IN_DELAY_S and load.now - self._last_in >= self._APART_S
            if settled and self._in.take(load.now):
                self.level, self._last_in = max(wanted, self.level - step), load.now
        return self.level


class SimpleScaler:
    """By requests in flight: ``desired = ceil(1.2 (running / target + pending / max_concurrent / 2))``."""

    def __init__(self, multiplier: float = 2.0) -> None:
        self._multiplier = multiplier
        self._steps = PacedSteps()

    def desired(self, load: Load) -> int:
        """See :meth:`fanout_router.scaler.QueueScaler.desired`."""
        return self._steps.towards(self.wanted(load), load)

    def wanted(self, load: Load) -> int:
        """The formula without its pacing; 0 when idle."""
        if not load.busy and not load.waiting:
            return 0
        target = math.ceil(load.channels / self._multiplier)
        return math.ceil(1.2 * (load.busy / target + load.waiting / load.channels / 2) - 1e-9)


class EwmaScaler:
    """By smoothed rate and duration: ``desired = ceil(1.2 rps / (1000 / max(2, ms) target))``."""

    _TICK_S = 0.1
    _ALPHA = 1.0 - math.exp(-0.1 / 5.0)

    def __init__(self, multiplier: float = 2.0) -> None:
        self._multiplier = multiplier
        self._steps = PacedSteps()
        self._rate = self._milliseconds = 0.0
        self._tick = 0.0
        self._submitted = 0

    def desired(self, load: Load) -> int:
        """See :meth:`fanout_router.scaler.QueueScaler.desired`."""
        return self._steps.towards(self.wanted(load), load)

    def wanted(self, load: Load) -> int:
        """The formula without its pacing, after smoothing up to now."""
        while load.now - self._tick >= self._TICK_S:
            arrived, self._submitted = load.submitted - self._submitted, load.submitted
            self._rate += self._ALPHA * (arrived / self._TICK_S - self._rate)
            self._milliseconds += self._ALPHA * (load.service_s * 1_000 - self._milliseconds)
            self._tick += self._TICK_S
        if self._rate < 0.01:
            return 0
        target = math.ceil(load.channels / self._multiplier)
        return math.ceil(1.2 * self._rate / (1_000 / max(2.0, self._milliseconds) * target) - 1e-9)
