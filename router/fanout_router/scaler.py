"""How many environments there should be: those that drain the present queue within the target wait.

With n serving environments of c channels, a mean service time S, arrivals at rate a and a measured cold start
C, a new environment helps from C on. Within T = C + W (W: the target wait) the present ones serve n c T / S
requests, while q + a T have to be served (q wait now). What is left over is shared among new environments,
each of which serves at least c, and c W / S when W is longer than a request. Besides, there are always enough
for the present load at a target utilisation: for the requests in service now, which shows slow ones long before
they count in S, and for as many as the arrivals will keep in service (Little's law: a S) when a cold start has passed:
growth that chance does not explain is expected to go on that long. Channels that one request
occupies for long, such as a stream, count as load and not as what serves the queue.
"""

import math
from collections import deque
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What a scaler is told at a time ``now``, in seconds."""

    now: float
    waiting: int
    busy: int
    serving: int
    """Environments that take requests."""
    starting: int
    """Environments invoked and not yet there."""
    channels: int
    """Channels of one environment that starts."""
    capacity: int
    """Channels of the environments that serve, as many as there are."""
    occupied: int
    """Those of them that have been at work on one request for long: streams, for one, or requests that nothing ends."""
    submitted: int
    """Requests since the start."""
    service_s: float
    """Mean service time; 0 when nothing has been served."""
    cold_start_s: float
    """Mean time from invocation to the first channel."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalerOptions:
    """Bounds and aims of :class:`QueueScaler`."""

    minimum: int = 0
    maximum: int = 100
    spare: int = 0
    """Environments beyond what the load needs, while there is any load."""
    target_wait_s: float = 0.2
    utilisation: float = 0.55
    """Of all channels, at the busiest moment within the cooldown."""
    cooldown_s: float = 10.0
    """The largest need within this time is what counts: scale out at once, in slowly."""


class QueueScaler:
    """The scaler of the router; see the top of this module for the reasoning."""

    _RATE_WINDOW_S = 5.0
    _RECENT_S = 0.2
    _TREND_WINDOW_S = 12.0
    _SIGMAS = 1.5
    _MOST_GROWTH = 0.5
    """Of the rate: more than that is a step, which the queue shows."""
    _ASSUMED_SERVICE_S = 0.1

    def __init__(self, options: ScalerOptions) -> None:
        self._options = options
        self._needs: deque[tuple[float, int]] = deque()
        self._arrivals: deque[tuple[float, int]] = deque()

    def desired(self, load: Load) -> int:
        """How many environments there should be, those starting included; called several times a second."""
        options = self._options
        need = self._need(load)
        if need:
            need += options.spare
        need = max(options.minimum, min(options.maximum, need))
        needs = self._needs
        while needs and needs[-1][1] <= need:
            needs.pop()
        needs.append((load.now, need))
        while needs[0][0] < load.now - options.cooldown_s:
            needs.popleft()
        return needs[0][1]

    def _need(self, load: Load) -> int:
        options, channels = self._options, load.channels
        service = load.service_s or self._ASSUMED_SERVICE_S
        self._note(load)
        rate = self._rate(0.0)
        # Where every channel is busy, that many is what there is, and tells nothing of what is needed; but those that
        # one request occupies for long will be so for longer.
        saturated = load.busy >= load.capacity
        in_service = max(load.occupied if saturated else load.busy, self._rate(load.cold_start_s) * service)
        steady = math.ceil(in_service / (channels * options.utilisation) - 1e-9)
        steady = max(steady, math.ceil(load.busy / channels))
        if not load.waiting:
            return steady
        each = channels * max(1.0, options.target_wait_s / service)
        if not load.serving:
            # Nothing serves before the first of them is there, and what has gathered by then wants more than one.
            gathered = load.waiting + rate * load.cold_start_s / 2
            steady = max(steady, min(math.ceil(gathered / each), 2 * max(steady, 1)))
        horizon = load.cold_start_s + options.target_wait_s
        # Those starting now have on average half of their cold start behind them.
        helping = max(load.capacity - load.occupied, 0) + load.starting / 2 * channels
        left = load.waiting + rate * horizon - helping * horizon / service
        if left <= 0:
            return max(steady, min(load.serving + load.starting, load.serving + math.ceil(load.waiting / channels)))
        return max(steady, load.serving + math.ceil(min(load.waiting, max(left, 1.0)) / each))

    def _note(self, load: Load) -> None:
        arrivals = self._arrivals
        arrivals.append((load.now, load.submitted))
        while len(arrivals) > 2 and arrivals[1][0] <= load.now - self._TREND_WINDOW_S:
            arrivals.popleft()

    def _arrived(self, since_s: float, until_s: float = 0.0) -> tuple[int, float]:
        """Requests that came between two moments, each so many seconds ago, and the time between them, as far as is
        known.
        """
        now, count = self._arrivals[-1]
        until, since = (now, count), (now, count)
        for at in reversed(self._arrivals):
            if at[0] >= now - until_s:
                until = at
            since = at
            if at[0] <= now - since_s:
                break
        return until[1] - since[1], until[0] - since[0]

    def _rate(self, ahead_s: float) -> float:
        """Arrivals a second, ``ahead_s`` from now if they go on to grow as they do."""
        count, took = self._arrived(self._RATE_WINDOW_S)
        recent, recent_s = self._arrived(self._RECENT_S)
        if not took:
            return 0.0
        # What has come in the last moment shows a step at once; but only what chance does not explain of it.
        rate = max(count / took, (recent - self._SIGMAS * math.sqrt(recent)) / max(recent_s, self._RECENT_S))
        return rate + min(self._growth() * ahead_s, rate * self._MOST_GROWTH)

    def _growth(self) -> float:
        """By how much the rate grows in a second; 0 unless it grows by more than chance would have it."""
        half_s = self._TREND_WINDOW_S / 2
        later, later_s = self._arrived(half_s)
        earlier, earlier_s = self._arrived(self._TREND_WINDOW_S, half_s)
        if later_s < half_s * 0.9 or earlier_s <= 0:
            return 0.0
        grown = later / later_s - earlier / earlier_s
        chance = math.sqrt(later / later_s**2 + earlier / earlier_s**2)
        return max(grown - self._SIGMAS * chance, 0.0) / ((later_s + earlier_s) / 2)
