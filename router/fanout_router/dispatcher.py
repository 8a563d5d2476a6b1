"""Gives each request to the least busy environment, or lets it wait its turn: the heart of the router,
without I/O.

The rules:

1. Requests are served in the order in which they came. When a channel is free nobody waits, and when somebody
   waits no channel is free; a request that is tried again goes to the head of the queue.
2. A request goes to an environment with the fewest busy channels; among equals to the one that waited
   longest.
3. The queue is bounded, and so is the time in it. Another bound covers the time to the first byte of the
   response, and between two parts of it. One sweep checks them all: a request costs no timer.
4. A request that an environment did not get, or refused, is given to another. One that it got and did not
   begin to answer is given to another once, if its method is idempotent and all of it is still at hand.
"""

from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from fanout_router.channel import Channel
from fanout_router.environment import Environment, State
from fanout_router.exchange import Exchange, Failure

_MAX_ATTEMPTS: Final = 3
_SERVING: Final = State.SERVING


@dataclass(frozen=True, slots=True, kw_only=True)
class DispatchLimits:
    """Bounds of the dispatcher; times in seconds."""

    queue_length: int = 10_000
    queue_timeout: float = 30.0
    response_timeout: float = 60.0
    """To the first byte of the response, counted from the last part of the request that the environment took."""
    idle_timeout: float = 300.0
    """Between two parts of a response."""
    cancel_timeout: float = 5.0
    """For an environment to confirm that it dropped a request."""


@dataclass(slots=True)
class DispatchCounts:
    """What has happened since the start; only ever grows."""

    submitted: int = 0
    finished: int = 0
    """Answered in full, failed, or given up: their channels are free again."""
    departed: int = 0
    retried: int = 0
    queued: int = 0
    queue_seconds: float = 0.0
    service_seconds: float = 0.0


class Dispatcher:
    """Requests in, channels in; pairs them. ``clock`` is in seconds and never goes back."""

    def __init__(self, clock: Callable[[], float], limits: DispatchLimits | None = None) -> None:
        self.limits = limits or DispatchLimits()
        self.counts = DispatchCounts()
        self.failures = dict.fromkeys(Failure, 0)
        self.environments: set[Environment] = set()
        self.waiting = 0
        self.on_waiting: Callable[[], object] = lambda: None
        """Called when a request finds no free channel."""
        self._clock = clock
        self._queue: deque[Exchange] = deque()
        self._levels: list[OrderedDict[Environment, None]] = [OrderedDict()]
        self._lowest = 0
        self._free = 0
        self._closing = False

    @property
    def busy(self) -> int:
        """Channels at work."""
        return sum(environment.busy for environment in self.environments)

    @property
    def free(self) -> int:
        """Channels that would take a request now."""
        return self._free

    def occupied(self, since: float) -> int:
        """Channels that have been at work on one request since before ``since``: they serve nobody else meanwhile."""
        return sum(
            channel.started <= since and (channel.exchange is not None or channel.cancelling)
            for environment in self.environments
            if environment.state is _SERVING
            for channel in environment.channels
        )

    def longest_wait(self) -> float:
        """How long the first in the queue has waited, in seconds; 0 when nobody waits."""
        first = next((exchange for exchange in self._queue if not exchange.departed), None)
        return 0.0 if first is None else self._clock() - first.arrived

    # -- requests --

    def submit(self, exchange: Exchange) -> None:
        """Serve a request now, or when a channel becomes free; it may fail before this returns."""
        exchange.arrived = now = self._clock()
        self.counts.submitted += 1
        if self._free:
            self._choose().start(exchange, now, now + self.limits.response_timeout)
        elif self._closing:
            self._fail(exchange, Failure.CLOSING)
        elif self.waiting >= self.limits.queue_length:
            self._fail(exchange, Failure.QUEUE_FULL)
        else:
            self._queue.append(exchange)
            self._count_waiting(exchange)

    def depart(self, exchange: Exchange) -> None:
        """The client has left: drop its request wherever it is."""
        if exchange.departed:
            return
        exchange.departed = True
        self.counts.departed += 1
        if exchange.channel is not None:
            exchange.channel.cancel(self._clock() + self.limits.cancel_timeout)
        elif exchange.waiting:
            self._forget_waiting()

    def give_up(self, exchange: Exchange, failure: Failure) -> None:
        """A response cannot be passed on: have its environment drop the request, and let it fail."""
        if exchange.channel is not None:
            exchange.channel.cancel(self._clock() + self.limits.cancel_timeout)
        self._fail(exchange, failure)

    def close(self) -> None:
        """Take no more requests than the free channels serve; those waiting go on waiting."""
        self._closing = True

    def _count_waiting(self, exchange: Exchange) -> None:
        exchange.waiting = True
        self.waiting += 1
        self.counts.queued += 1
        self.on_waiting()

    def _forget_waiting(self) -> None:
        self.waiting -= 1
        if len(self._queue) > 64 and len(self._queue) > 2 * self.waiting:
            self._queue = deque(e for e in self._queue if not e.departed)

    def _fail(self, exchange: Exchange, failure: Failure) -> None:
        self.failures[failure] += 1
        exchange.failed(failure)

    # -- the choice --

    def _choose(self) -> Channel:
        """Take a free channel of a least busy environment; there must be one."""
        levels = self._levels
        lowest = self._lowest
        while not levels[lowest]:
            lowest += 1
        self._lowest = lowest
        environment, _ = levels[lowest].popitem(last=False)
        free = environment.free
        channel = free.pop()
        self._free -= 1
        environment.busy += 1
        if free:
            levels[lowest + 1][environment] = None
        return channel

    def _offer(self, environment: Environment) -> None:
        """Enter an environment at its level of busyness."""
        self._levels[environment.busy][environment] = None
        self._lowest = min(self._lowest, environment.busy)

    def _withdraw(self, environment: Environment) -> None:
        self._levels[environment.busy].pop(environment, None)

    # -- channels --

    def channel_opened(self, channel: Channel) -> None:
        """An environment offers one more channel."""
        environment = channel.environment
        self.environments.add(environment)
        environment.channels.add(channel)
        while len(self._levels) <= len(environment.channels):
            self._levels.append(OrderedDict())
        if environment.free:
            self._withdraw(environment)
        environment.busy += 1
        if environment.free:
            self._offer(environment)
        self._reuse(channel, environment, self._clock())

    def channel_free(self, channel: Channel) -> None:
        """A channel has finished its request, or the cancellation of one."""
        now = self._clock()
        counts = self.counts
        counts.finished += 1
        counts.service_seconds += now - channel.started
        environment = channel.environment
        if self.waiting or environment.state is not _SERVING:
            self._reuse(channel, environment, now)
        else:
            self._release(channel, environment)

    def _reuse(self, channel: Channel, environment: Environment, now: float) -> None:
        """Give a channel that counts as busy its next request, or close it."""
        if environment.state is not _SERVING:
            channel.close()
            return
        while self.waiting:
            exchange = self._queue.popleft()
            if not exchange.departed:
                self.waiting -= 1
                exchange.waiting = False
                self.counts.queue_seconds += now - exchange.arrived
                channel.start(exchange, now, now + self.limits.response_timeout)
                return
        self._release(channel, environment)

    def _release(self, channel: Channel, environment: Environment) -> None:
        """Enter a channel that counts as busy as free."""
        free, levels, busy = environment.free, self._levels, environment.busy
        if free:
            del levels[busy][environment]
        environment.busy = busy = busy - 1
        free.append(channel)
        self._free += 1
        levels[busy][environment] = None
        if busy < self._lowest:
            self._lowest = busy

    def request_moved(self, channel: Channel) -> None:
        """More of the request was taken: an upload's own time does not count as the app's."""
        channel.deadline = self._clock() + self.limits.response_timeout

    def channel_active(self, channel: Channel) -> None:
        """A response goes on: from here on the time between its parts is what counts."""
        channel.deadline = self._clock() + self.limits.idle_timeout

    def channel_gone(self, channel: Channel) -> None:
        """A channel is closed, free or busy."""
        environment = channel.environment
        environment.channels.discard(channel)
        self._withdraw(environment)
        if channel in environment.free:
            environment.free.remove(channel)
            self._free -= 1
        else:
            environment.busy -= 1
        if environment.free and environment.state is _SERVING:
            self._offer(environment)
        if not environment.channels:
            self.environments.discard(environment)

    def environment_lost(self, environment: Environment) -> None:
        """An environment's connection is gone: its free channels go first, lest a request be tried again on
        them.
        """
        self._withdraw(environment)
        self._free -= len(environment.free)
        for channel in environment.free:
            channel.closed = True
            environment.channels.discard(channel)
        environment.free.clear()
        if not environment.channels:
            self.environments.discard(environment)

    def drain(self, environment: Environment) -> None:
        """An environment is SERVING no longer: its channels close, those that are busy as they become free."""
        self._withdraw(environment)
        for channel in list(environment.free):
            channel.close()

    def exchange_broken(self, exchange: Exchange, failure: Failure) -> None:
        """A channel could not finish a request: try it elsewhere when that is safe (rule 4), else let it
        fail.
        """
        if exchange.departed:
            return
        retry = not exchange.answered and bool(exchange.payload)
        if retry and not exchange.delivered:
            retry = exchange.attempts < _MAX_ATTEMPTS
        elif retry:
            retry = exchange.idempotent and exchange.attempts < 2 and failure is Failure.ENVIRONMENT_LOST
        if not retry:
            self._fail(exchange, failure)
            return
        self.counts.retried += 1
        if self._free:
            now = self._clock()
            self._choose().start(exchange, now, now + self.limits.response_timeout)
        else:
            self._queue.appendleft(exchange)
            self._count_waiting(exchange)

    # -- time --

    def sweep(self) -> None:
        """Fail what has waited or run too long; call a few times a second."""
        now = self._clock()
        oldest = now - self.limits.queue_timeout
        while self._queue and (self._queue[0].departed or self._queue[0].arrived <= oldest):
            exchange = self._queue.popleft()
            if not exchange.departed:
                self.waiting -= 1
                exchange.waiting = False
                self.counts.queue_seconds += now - exchange.arrived
                self._fail(exchange, Failure.QUEUE_TIMEOUT)
        for environment in list(self.environments):
            late = [c for c in environment.channels if c.deadline <= now and (c.exchange or c.cancelling)]
            for channel in late:
                self._expire(channel, now)

    def _expire(self, channel: Channel, now: float) -> None:
        exchange = channel.exchange
        if exchange is None:  # a cancellation that was never confirmed
            channel.reset()
            return
        channel.cancel(now + self.limits.cancel_timeout)
        self._fail(exchange, Failure.RESPONSE_TIMEOUT)
