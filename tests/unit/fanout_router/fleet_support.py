"""A fleet whose environments are played in virtual time."""

import random
from collections.abc import Callable

from fanout_router.channel import Channel
from fanout_router.control import ControlProtocol
from fanout_router.dispatcher import Dispatcher, DispatchLimits
from fanout_router.environment import State
from fanout_router.errors import AdmissionError
from fanout_router.fleet import Fleet, FleetOptions
from fanout_router.scaler import Load, QueueScaler, ScalerOptions
from scripts.simulate.fake_invoker import FakeInvoker, Invocation, Timeline
from tests.unit.fanout_router.support import FakeExchange, FakePeer
from tests.unit.fanout_router.wire.support import REQUEST, connected


class FakeLink(ControlProtocol):
    """The connection of a played environment."""

    def __init__(self, played: "Played") -> None:
        self.played = played
        self.pings = 0
        self.goaways = 0
        self.aborted = False

    def ping(self) -> None:
        self.pings += 1
        if self.played.answers_pings and not self.played.dead:
            self.played.rig.fleet.alive(self.played.environment)

    def goaway(self) -> None:
        self.goaways += 1
        self.played.rig.timeline.after(0.001, self.played.finish_if_idle)

    def abort(self) -> None:
        self.aborted = True
        self.played.die()


class PlayedSlot(FakePeer):
    """Answers each request after the rig's service time."""

    def __init__(self, played: "Played") -> None:
        super().__init__()
        self.played = played

    def head_received(self, head: bytes, end: bool, alone: bool) -> None:
        super().head_received(head, end, alone)
        rig = self.played.rig
        if rig.service_s is not None:
            rig.timeline.after(rig.service_s, self._answer)

    def _answer(self) -> None:
        if not self.played.dead:
            self.answer()
            self.played.served += 1
            self.played.rig.timeline.after(0.001, self.played.finish_if_idle)


class Played:
    """An environment that has opened its channels."""

    def __init__(self, rig: "FleetRig", invocation: Invocation) -> None:
        self.rig = rig
        self.invocation = invocation
        self.link = FakeLink(self)
        self.dead = False
        self.answers_pings = True
        self.served = 0
        self.server, self.client, _ = connected()
        order = invocation.order
        self.environment = rig.fleet.admit(order.environment_id, order.secret.encode(), self.link)
        for _ in range(order.channels):
            peer = PlayedSlot(self)
            peer.stream = self.client.open_stream([*REQUEST], peer)
            theirs = self.server.connection.streams[peer.stream.id]
            rig.dispatcher.channel_opened(Channel(theirs, self.environment, rig.dispatcher))

    def finish_if_idle(self) -> None:
        if self.environment.state is State.DRAINING and not self.environment.channels and not self.dead:
            self.dead = True
            self.rig.fleet.connection_lost(self.environment)
            self.invocation.end(served=self.served)

    def die(self) -> None:
        """Vanish, as by kill -9."""
        if not self.dead:
            self.dead = True
            self.server.connection.connection_lost()
            self.rig.fleet.connection_lost(self.environment)


class FleetRig:
    """A fleet; environments open ``cold_start_s`` after their invocation unless ``opens`` is set
    otherwise.
    """

    def __init__(
        self,
        *,
        options: FleetOptions | None = None,
        scaler: Callable[[Load], int] | None = None,
        scaling: ScalerOptions | None = None,
        cold_start_s: float = 1.0,
        service_s: float | None = 0.1,
        limits: DispatchLimits | None = None,
    ) -> None:
        self.timeline = Timeline()
        self.cold_start_s = cold_start_s
        self.service_s = service_s
        self.played: list[Played] = []
        self.on_invoke: Callable[[Invocation], object] = self.open_later
        self.invoker = FakeInvoker(lambda invocation: self.on_invoke(invocation))
        self.dispatcher = Dispatcher(self.timeline, limits)
        self.fleet = Fleet(
            "web",
            self.dispatcher,
            scaler or QueueScaler(scaling or ScalerOptions()).desired,
            self.invoker,
            self.timeline,
            options,
            random.Random(1),
        )
        self.exchanges: list[FakeExchange] = []

    def open_later(self, invocation: Invocation) -> None:
        self.timeline.after(self.cold_start_s, lambda: self._open(invocation))

    def _open(self, invocation: Invocation) -> None:
        try:
            self.played.append(Played(self, invocation))
        except AdmissionError:
            invocation.end()

    def submit(self, count: int = 1) -> list[FakeExchange]:
        fresh = [FakeExchange(str(len(self.exchanges) + index)) for index in range(count)]
        for exchange in fresh:
            self.dispatcher.submit(exchange)
        self.exchanges += fresh
        return fresh

    def run(self, seconds: float, each: Callable[[], object] = lambda: None) -> None:
        """Let time pass; tick and sweep every tenth of a second."""
        steps = round(seconds * 10)
        for _ in range(steps):
            each()
            self.fleet.tick()
            self.dispatcher.sweep()
            self.timeline.run(self.timeline.now + 0.1)
