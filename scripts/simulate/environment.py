"""An environment in virtual time, for the real dispatcher and the real fleet: channels that only take time."""

from typing import TYPE_CHECKING, cast

from fanout_router.channel import Channel
from fanout_router.exchange import Exchange, Failure
from fanout_router.invokers import Ending
from fanout_router.messages import MessageReader
from scripts.simulate.fake_invoker import Invocation, Timeline

if TYPE_CHECKING:
    from fanout_router.control import ControlProtocol
    from fanout_router.fleet import Fleet


class SimulatedExchange(Exchange):
    """A request that takes ``service_s``; says when it was answered."""

    def __init__(self, service_s: float) -> None:
        super().__init__()
        self.complete = self.idempotent = True
        self.payload = b"request"
        self.service_s = service_s
        self.latency_s: float | None = None
        self.failure: Failure | None = None

    def failed(self, failure: Failure) -> None:
        self.failure = failure


class SimulatedChannel(Channel):
    """A channel without a stream."""

    def __init__(self, home: "SimulatedEnvironment") -> None:
        MessageReader.__init__(self)
        self.environment = home.environment
        self.owner = home.fleet.dispatcher
        self.exchange = None
        self.deadline = float("inf")
        self.started = 0.0
        self.cancelling = self.closed = False
        self._home = home

    def start(self, exchange: Exchange, now: float, until: float) -> None:
        """Answer after the request's service time."""
        assert isinstance(exchange, SimulatedExchange)
        self.started, self.deadline = now, until
        self.exchange, exchange.channel, exchange.delivered = exchange, self, True
        exchange.attempts += 1
        self._home.timeline.after(exchange.service_s, lambda: self._answer(exchange))

    def _answer(self, exchange: SimulatedExchange) -> None:
        if self.closed or self.exchange is not exchange:
            return
        exchange.latency_s = self._home.timeline.now - exchange.arrived
        self.exchange = exchange.channel = None
        self.owner.channel_free(self)

    def cancel(self, until: float) -> None:  # noqa: ARG002
        """Give the present request up."""
        exchange, self.exchange = self.exchange, None
        if exchange is not None:
            exchange.channel = None
            self.owner.channel_free(self)

    def close(self) -> None:
        """Close a free channel."""
        if not self.closed:
            self.closed = True
            self.owner.channel_gone(self)
            self._home.finish_when_empty()

    def die(self) -> None:
        """Vanish with the environment."""
        if not self.closed:
            self.closed = True
            exchange, self.exchange = self.exchange, None
            self.owner.channel_gone(self)
            if exchange is not None:
                exchange.channel = None
                self.owner.exchange_broken(exchange, Failure.ENVIRONMENT_LOST)


class SimulatedEnvironment:
    """Its connection, as the fleet sees it, and its channels."""

    def __init__(self, fleet: "Fleet", timeline: Timeline, invocation: Invocation) -> None:
        self.fleet = fleet
        self.timeline = timeline
        self._invocation = invocation
        order = invocation.order
        self.environment = fleet.admit(order.environment_id, order.secret.encode(), cast("ControlProtocol", self))
        self._channels = [SimulatedChannel(self) for _ in range(order.channels)]
        for channel in self._channels:
            fleet.dispatcher.channel_opened(channel)

    def ping(self) -> None:
        """Answer at once."""
        self.fleet.alive(self.environment)

    def goaway(self) -> None:
        """Channels close as they become free; nothing else is to do."""

    def abort(self) -> None:
        """The same as to die."""
        self.die()

    def finish_when_empty(self) -> None:
        """The invocation returns once the last channel has closed."""
        if not self.environment.channels:
            self._end(Ending.COMPLETED)

    def die(self) -> None:
        """Vanish: every request under way is lost, or tried again."""
        self.fleet.dispatcher.environment_lost(self.environment)
        for channel in self._channels:
            channel.die()
        self._end(Ending.FUNCTION_ERROR)

    def _end(self, ending: Ending) -> None:
        self.timeline.after(0.0, lambda: self._invocation.end(ending))
