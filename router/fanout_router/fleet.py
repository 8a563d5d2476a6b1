"""The environments of one web function: invoked, awaited, watched, replaced and let go.

Life of an environment: INVOKED until its first channel opens, SERVING, DRAINING (no new requests), GONE. Each
has a random secret of its own that opens channels on one connection and on no other, and is worthless once
that connection or the invocation has ended. The fleet does no I/O: it asks an invoker, and it is told what
happens on the control port.
"""

import hashlib
import hmac
import logging
import random
import secrets
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fanout_router.budget import CircuitBreaker, TokenBucket
from fanout_router.dispatcher import Dispatcher
from fanout_router.environment import Environment, State
from fanout_router.errors import AdmissionError
from fanout_router.invokers.base import Ending, InvocationRequest, Invoker, Result
from fanout_router.scaler import Load

if TYPE_CHECKING:
    from fanout_router.control import ControlProtocol

_log = logging.getLogger(__name__)
_OCCUPIED_S = 1.0
"""A channel at work on one request for this long, and for four times the mean, serves nobody else for the present."""
_CHANNELLESS_S = 5.0
_STALLED_S = 10.0
"""Requests that have waited for so long, with no environment on its way, will hardly be served."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetOptions:
    """Times in seconds."""

    address: str = "http://127.0.0.1:0"
    fingerprint: str = ""
    channels: int = 10
    """Requests that one environment serves at a time."""
    function_timeout: float = 900.0
    """Lambda's own timeout of the function (at most 900)."""
    drain_margin: float = 30.0
    """An environment is drained this long before the function's timeout."""
    open_timeout: float = 30.0
    """From invocation to the first channel."""
    ping_interval: float = 5.0
    ping_timeout: float = 15.0
    invoke_rate: float = 2.0
    """Invocations a second, lastingly: the hard budget."""
    invoke_burst: int = 100
    throttle_pause: float = 5.0
    """After a throttled invocation."""


class Fleet:
    """All environments of one function. Call :meth:`tick` several times a second, and when a request
    waits.
    """

    def __init__(
        self,
        name: str,
        dispatcher: Dispatcher,
        scaler: Callable[[Load], int],
        invoker: Invoker,
        clock: Callable[[], float],
        options: FleetOptions | None = None,
        rng: random.Random | None = None,
    ) -> None:
        self.name = name
        self.dispatcher = dispatcher
        self.options = options or FleetOptions()
        self.environments: dict[str, Environment] = {}
        self.results: Counter[str] = Counter()
        """Ended invocations by result, with ``never_opened`` for those whose environment did not come in
        time.
        """
        self.invoked = 0
        self.served = 0
        """Requests, as the environments' own summaries say."""
        self.on_unloadable: Callable[[], object] | None = None
        """Called when the app could not be loaded, and never has been."""
        self.desired = 0
        self.cold_start_s = 1.0
        """Mean time from invocation to the first channel, latest counting most."""
        self.budget = TokenBucket(self.options.invoke_rate, self.options.invoke_burst, clock)
        self.breaker = CircuitBreaker(clock, rng or random.Random())
        self._scaler = scaler
        self._invoker = invoker
        self._clock = clock
        self._throttled_until = 0.0
        self._throttled = False
        self._has_opened = False
        self._avoided = 0
        self._closing = False

    @property
    def cold_starts_avoided(self) -> int:
        """Requests beyond the first of each invocation, which waited for no cold start; never falls."""
        self._avoided = max(self._avoided, self.dispatcher.counts.finished - self.invoked)
        return self._avoided

    def count(self, state: State) -> int:
        """Environments in a state."""
        return sum(environment.state is state for environment in self.environments.values())

    # -- the control port tells --

    def admit(self, environment_id: str, secret: bytes, link: "ControlProtocol") -> Environment:
        """See :class:`fanout_router.control.Gate`."""
        environment = self.environments.get(environment_id)
        digest = hashlib.sha256(secret).digest()
        expected = environment.digest if environment is not None else bytes(32)
        if not hmac.compare_digest(digest, expected) or environment is None:
            raise AdmissionError("unknown environment or wrong secret")
        if environment.link is not None and environment.link is not link:
            raise AdmissionError("this environment is connected already")
        if environment.state in (State.DRAINING, State.GONE):
            raise AdmissionError("this environment is wanted no longer")
        if len(environment.channels) >= self.options.channels:
            raise AdmissionError("this environment has all its channels")
        if environment.state is State.INVOKED:
            self._opened(environment, link)
        return environment

    def _opened(self, environment: Environment, link: "ControlProtocol") -> None:
        now = self._clock()
        self._has_opened = True
        environment.state = State.SERVING
        environment.link = link
        environment.last_seen = environment.pinged_at = now
        self.cold_start_s += 0.3 * (now - environment.invoked_at - self.cold_start_s)
        self.breaker.succeeded()
        self._throttled = False

    def alive(self, environment: Environment) -> None:
        """The environment answered a ping."""
        environment.last_seen = self._clock()

    def connection_draining(self, environment: Environment) -> None:
        """The environment takes no more requests, of its own will."""
        self._drain(environment)

    def connection_lost(self, environment: Environment) -> None:
        """The environment's connection is gone; so is the environment for us."""
        self._forget(environment)

    # -- time --

    def tick(self) -> None:
        """Do what is due: watch, replace, scale."""
        now = self._clock()
        for environment in list(self.environments.values()):
            self._watch(environment, now)
        if self._closing:
            return
        serving = [
            environment
            for environment in self.environments.values()
            if environment.state is State.SERVING and environment.channels and not self._expiring(environment, now)
        ]
        starting = self.count(State.INVOKED)
        self.desired = self._scaler(self._load(now, serving, starting))
        missing = self.desired - len(serving) - starting
        if missing > 0:
            self._invoke(missing, now)
        elif missing < 0 and not self.dispatcher.waiting:
            self._retire(serving, -missing - starting)

    def _load(self, now: float, serving: list[Environment], starting: int) -> Load:
        counts = self.dispatcher.counts
        service_s = counts.service_seconds / counts.finished if counts.finished else 0.0
        return Load(
            now=now,
            waiting=self.dispatcher.waiting,
            busy=self.dispatcher.busy,
            serving=len(serving),
            starting=starting,
            channels=self.options.channels,
            capacity=sum(len(environment.channels) for environment in serving),
            occupied=self.dispatcher.occupied(now - max(_OCCUPIED_S, 4.0 * service_s)),
            submitted=counts.submitted,
            service_s=service_s,
            cold_start_s=self.cold_start_s,
        )

    def _watch(self, environment: Environment, now: float) -> None:
        options = self.options
        if environment.state is State.INVOKED:
            if now - environment.invoked_at > options.open_timeout:
                self._never_opened(environment)
            return
        if environment.link is None:
            return
        if now - environment.last_seen > options.ping_timeout or self._has_no_channel(environment, now):
            environment.link.abort()
            self._forget(environment)
        elif now - environment.pinged_at >= options.ping_interval:
            environment.pinged_at = now
            environment.link.ping()
        if now - environment.invoked_at >= options.function_timeout - options.drain_margin:
            self._drain(environment)

    @staticmethod
    def _has_no_channel(environment: Environment, now: float) -> bool:
        """Whether an environment that should serve has had no channel for a while: it is of no use to anybody."""
        if environment.channels or environment.state is not State.SERVING:
            environment.channelless_since = None
            return False
        since = environment.channelless_since = environment.channelless_since or now
        return now - since > _CHANNELLESS_S

    def can_serve(self) -> bool:
        """Whether a request that came now would be served, as far as can be told."""
        stalled = min(_STALLED_S, self.dispatcher.limits.queue_timeout / 2)
        if self.dispatcher.longest_wait() > stalled and not self.count(State.INVOKED):
            return False
        return self.breaker.failures == 0 or any(
            environment.state is State.SERVING and environment.channels for environment in self.environments.values()
        )

    def _expiring(self, environment: Environment, now: float) -> bool:
        """Whether its replacement is due: a cold start, and a little more, before it is drained."""
        lead = self.options.drain_margin + 2.0 * self.cold_start_s + 1.0
        return now - environment.invoked_at >= self.options.function_timeout - lead

    def _never_opened(self, environment: Environment) -> None:
        self.results["never_opened"] += 1
        self.breaker.failed()
        self._forget(environment)

    # -- in and out --

    def _invoke(self, wanted: int, now: float) -> None:
        if self._throttled:  # feel for room with one at a time until one has opened
            wanted = 0 if self.count(State.INVOKED) else 1
        for _ in range(wanted):
            if now < self._throttled_until or not self.budget.available or not self.breaker.allows():
                return
            self.budget.take()
            self._invoke_one(now)

    def _invoke_one(self, now: float) -> None:
        options = self.options
        environment_id = f"{self.name}.{secrets.token_hex(8)}"
        secret = secrets.token_urlsafe(32)
        digest = hashlib.sha256(secret.encode()).digest()
        environment = self.environments[environment_id] = Environment(environment_id, digest, now)
        self.invoked += 1
        order = InvocationRequest(
            environment_id=environment_id,
            secret=secret,
            address=options.address,
            fingerprint=options.fingerprint,
            channels=options.channels,
            lifetime_s=options.function_timeout,
        )
        self._invoker.invoke(order, lambda result: self._ended(environment, result))

    def _ended(self, environment: Environment, result: Result) -> None:
        self.results[result.ending.value] += 1
        environment.invocation_ended = True
        served = result.summary.get("served", 0)
        self.served += served if isinstance(served, int) else 0
        if result.ending is Ending.THROTTLED:
            self._throttled_until = self._clock() + self.options.throttle_pause
            self._throttled = True
            self.breaker.undecided()
        elif result.ending is not Ending.COMPLETED or environment.state is State.INVOKED:
            self.breaker.failed()
            _log.warning(
                "environment %s ended %s: %s",
                environment.id,
                f"as {result.ending.value} while {environment.state.value}",
                result.detail or result.summary,
            )
            if result.ending is Ending.UNLOADABLE and not self._has_opened and self.on_unloadable is not None:
                self.on_unloadable()
        if environment.link is not None and environment.state is not State.GONE:
            environment.link.abort()
        self._forget(environment)

    def _retire(self, serving: list[Environment], surplus: int) -> None:
        """Let the surplus go, those first that would have to be replaced first."""
        for environment in sorted(serving, key=lambda m: m.invoked_at)[: max(surplus, 0)]:
            self._drain(environment)

    def _drain(self, environment: Environment) -> None:
        if environment.state is not State.SERVING:
            return
        environment.state = State.DRAINING
        self.dispatcher.drain(environment)
        if environment.link is not None:
            environment.link.goaway()

    def _forget(self, environment: Environment) -> None:
        environment.state = State.GONE
        self.environments.pop(environment.id, None)
        if environment.channels:  # its connection is about to end: nothing must be sent on it any more
            self.dispatcher.environment_lost(environment)

    def close(self) -> None:
        """Invoke no more, and let every environment go when it has finished."""
        self._closing = True
        for environment in list(self.environments.values()):
            if environment.state is State.INVOKED:
                self._forget(environment)
            else:
                self._drain(environment)

    def abort(self) -> None:
        """Close every connection now."""
        for environment in list(self.environments.values()):
            if environment.link is not None:
                environment.link.abort()
