"""The ways of dispatch: the router's own parts with one scaler or another, and what Lambda does by itself."""

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from fanout_router.dispatcher import Dispatcher, DispatchLimits
from fanout_router.fleet import Fleet, FleetOptions
from fanout_router.invokers import Ending
from fanout_router.scaler import Load, QueueScaler, ScalerOptions
from scripts.simulate.baselines import EwmaScaler, SimpleScaler
from scripts.simulate.environment import SimulatedEnvironment, SimulatedExchange
from scripts.simulate.fake_invoker import FakeInvoker, Invocation, Timeline
from scripts.simulate.scenarios import Scenario

COLD_START_S = 8.0
CHANNELS = 10
MEMORY_GB = 1_769 / 1_024
USD_PER_GB_SECOND, USD_PER_INVOCATION = 0.0000133334, 0.20 / 1e6
_TICK_S = 0.1


@dataclass
class Outcome:
    """What a way of dispatch made of a scenario; latencies in seconds, of answered requests."""

    latencies: list[float]
    failed: int
    environments: int
    gb_seconds: float
    invocations: int
    serving: list[tuple[float, int]] = field(default_factory=list)

    @property
    def usd(self) -> float:
        """What Lambda charges for it."""
        return self.gb_seconds * USD_PER_GB_SECOND + self.invocations * USD_PER_INVOCATION

    def percentile(self, share: float) -> float:
        """A percentile of the latencies."""
        ranked = sorted(self.latencies)
        return ranked[min(int(len(ranked) * share), len(ranked) - 1)] if ranked else float("nan")


class _FromWarm:
    """Keeps the scenario's warm environments until the load begins, whatever the scaler would say."""

    def __init__(self, scaler: Callable[[Load], int], warm: int, until: float) -> None:
        self._scaler, self._warm, self._until = scaler, warm, until

    def desired(self, load: Load) -> int:
        wanted = self._scaler(load)
        return max(wanted, self._warm) if load.now < self._until else wanted


def router(scenario: Scenario, way: str) -> Outcome:
    """The real dispatcher and fleet; ``way`` names the scaler: ours, simple or ewma."""
    return _RouterRun(scenario, way).run()


def _scaler(way: str) -> Callable[[Load], int]:
    if way == "ours":
        return QueueScaler(ScalerOptions()).desired
    return (SimpleScaler() if way == "simple" else EwmaScaler()).desired


class _RouterRun:
    def __init__(self, scenario: Scenario, way: str) -> None:
        self.scenario = scenario
        self.timeline = Timeline()
        self.chance = random.Random(2)
        self.lives: dict[str, list[float]] = {}
        self.peak = 0
        self.dispatcher = Dispatcher(self.timeline, DispatchLimits(queue_timeout=60))
        self.lead = COLD_START_S + 2
        scaler = _FromWarm(_scaler(way), scenario.warm, self.lead).desired
        options = FleetOptions(channels=CHANNELS, open_timeout=30)
        invoker = FakeInvoker(self._invoke)
        self.fleet = Fleet("web", self.dispatcher, scaler, invoker, self.timeline, options, random.Random(3))

    def run(self) -> Outcome:
        exchanges = [SimulatedExchange(service) for _, service in self.scenario.arrivals]
        for (when, _), exchange in zip(self.scenario.arrivals, exchanges, strict=True):
            self.timeline.after(self.lead + when, lambda exchange=exchange: self.dispatcher.submit(exchange))  # type: ignore[misc]
        end = self.lead + self.scenario.arrivals[-1][0] + 60
        serving = []
        while self.timeline.now < end:
            self.fleet.tick()
            self.dispatcher.sweep()
            serving.append((self.timeline.now - self.lead, len(self.dispatcher.environments)))
            self.timeline.run(self.timeline.now + _TICK_S)
        lives = [(stop if stop else end) - start for start, stop in self.lives.values()]
        return Outcome(
            latencies=[e.latency_s for e in exchanges if e.latency_s is not None],
            failed=sum(e.latency_s is None for e in exchanges),
            environments=self.peak,
            gb_seconds=sum(lives) * MEMORY_GB,
            invocations=self.fleet.invoked,
            serving=serving,
        )

    def _invoke(self, invocation: Invocation) -> None:
        alive = sum(not stop for _, stop in self.lives.values())
        if alive >= self.scenario.concurrency:
            self.timeline.after(0.02, lambda: invocation.end(Ending.THROTTLED))
            return
        life = self.lives[invocation.order.environment_id] = [self.timeline.now, 0.0]
        self.peak = max(self.peak, alive + 1)
        done = invocation.done

        def ended(result: object) -> None:
            life[1] = self.timeline.now
            done(result)  # type: ignore[arg-type]

        invocation.done = ended
        self.timeline.after(COLD_START_S, lambda: self._open(invocation))

    def _open(self, invocation: Invocation) -> None:
        if invocation.order.environment_id not in self.fleet.environments:
            invocation.end()
            return
        opened = SimulatedEnvironment(self.fleet, self.timeline, invocation)
        if self.scenario.lifetime_s:
            life = self.chance.expovariate(1 / self.scenario.lifetime_s)
            self.timeline.after(life, lambda: None if invocation.ended else opened.die())


def lambda_itself(scenario: Scenario) -> Outcome:
    """One request per environment; a request that finds none free starts one and waits for it; 429 above the limit."""
    idle, environments, started = scenario.warm, scenario.warm, 0
    freed: list[float] = []
    latencies: list[float] = []
    failed, busy_s = 0, 0.0
    for when, service in scenario.arrivals:
        while freed and freed[0] <= when:
            heapq.heappop(freed)
            idle += 1
        wait = 0.0
        if idle:
            idle -= 1
        elif environments >= scenario.concurrency:
            failed += 1
            continue
        else:
            environments, started, wait = environments + 1, started + 1, COLD_START_S
        heapq.heappush(freed, when + wait + service)
        latencies.append(wait + service)
        busy_s += wait + service
    return Outcome(latencies, failed, environments, busy_s * MEMORY_GB, len(latencies))
