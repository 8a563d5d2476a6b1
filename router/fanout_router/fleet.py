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
from enum import Enum
from typing import Protocol

from fanout_router.budget import CircuitBreaker, TokenBucket
from fanout_router.channel import Environment
from fanout_router.dispatcher import Dispatcher
from fanout_router.errors import AdmissionError
from fanout_router.invokers.base import Ending, InvocationRequest, Invoker, Result
from fanout_router.scaler import Load, Scaler

_log = logging.getLogger(__name__)


class State(Enum):
    """Where an environment is in its life."""

    INVOKED = "invoked"
    SERVING = "serving"
    DRAINING = "draining"
    GONE = "gone"


class Link(Protocol):
    """An environment's connection, as far as the fleet needs it."""

    def ping(self) -> None:
        """Ask for a sign of life."""

    def goaway(self) -> None:
        """Say that no more requests come."""

    def abort(self) -> None:
        """Close at once."""


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


@dataclass(slots=True, eq=False)
class Member:
    """An environment and what the fleet knows of it."""

    environment: Environment
    digest: bytes
    invoked_at: float
    state: State = State.INVOKED
    link: Link | None = None
    last_seen: float = 0.0
    pinged_at: float = 0.0
    invocation_ended: bool = False


class Fleet:
    """All environments of one function. Call :meth:`tick` several times a second, and when a request
    waits.
    """

    def __init__(
        self,
        name: str,
        dispatcher: Dispatcher,
        scaler: Scaler,
        invoker: Invoker,
        clock: Callable[[], float],
        options: FleetOptions | None = None,
        rng: random.Random | None = None,
    ) -> None:
        self.name = name
        self.dispatcher = dispatcher
        self.options = options or FleetOptions()
        self.members: dict[str, Member] = {}
        self.results: Counter[str] = Counter()
        """Ended invocations by result, with ``never_opened`` for those whose environment did not come in
        time.
        """
        self.invoked = 0
        self.served = 0
        """Requests, as the environments' own summaries say."""
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
        self._closing = False

    def count(self, state: State) -> int:
        """Environments in a state."""
        return sum(member.state is state for member in self.members.values())

    # -- the control port tells --

    def admit(self, environment_id: str, secret: bytes, link: Link) -> Environment:
        """See :class:`fanout_router.control.Gate`."""
        member = self.members.get(environment_id)
        digest = hashlib.sha256(secret).digest()
        expected = member.digest if member is not None else bytes(32)
        if not hmac.compare_digest(digest, expected) or member is None:
            raise AdmissionError("unknown environment or wrong secret")
        if member.link is not None and member.link is not link:
            raise AdmissionError("this environment is connected already")
        if member.state in (State.DRAINING, State.GONE):
            raise AdmissionError("this environment is wanted no longer")
        if len(member.environment.channels) >= self.options.channels:
            raise AdmissionError("this environment has all its channels")
        if member.state is State.INVOKED:
            self._opened(member, link)
        return member.environment

    def _opened(self, member: Member, link: Link) -> None:
        now = self._clock()
        member.state = State.SERVING
        member.link = link
        member.last_seen = member.pinged_at = now
        self.cold_start_s += 0.3 * (now - member.invoked_at - self.cold_start_s)
        self.breaker.succeeded()
        self._throttled = False

    def alive(self, environment: Environment) -> None:
        """The environment answered a ping."""
        member = self.members.get(environment.id)
        if member is not None:
            member.last_seen = self._clock()

    def connection_draining(self, environment: Environment) -> None:
        """The environment takes no more requests, of its own will."""
        member = self.members.get(environment.id)
        if member is not None:
            self._drain(member)

    def connection_lost(self, environment: Environment) -> None:
        """The environment's connection is gone; so is the environment for us."""
        member = self.members.get(environment.id)
        if member is not None:
            self._forget(member)

    # -- time --

    def tick(self) -> None:
        """Do what is due: watch, replace, scale."""
        now = self._clock()
        for member in list(self.members.values()):
            self._watch(member, now)
        if self._closing:
            return
        serving = [m for m in self.members.values() if m.state is State.SERVING and not self._expiring(m, now)]
        starting = self.count(State.INVOKED)
        self.desired = self._scaler.desired(self._load(now, len(serving), starting))
        missing = self.desired - len(serving) - starting
        if missing > 0:
            self._invoke(missing, now)
        elif missing < 0 and not self.dispatcher.waiting:
            self._retire(serving, -missing - starting)

    def _load(self, now: float, serving: int, starting: int) -> Load:
        counts = self.dispatcher.counts
        return Load(
            now=now,
            waiting=self.dispatcher.waiting,
            busy=self.dispatcher.busy,
            serving=serving,
            starting=starting,
            channels=self.options.channels,
            submitted=counts.submitted,
            service_s=counts.service_seconds / counts.finished if counts.finished else 0.0,
            cold_start_s=self.cold_start_s,
        )

    def _watch(self, member: Member, now: float) -> None:
        options = self.options
        if member.state is State.INVOKED:
            if now - member.invoked_at > options.open_timeout:
                self._never_opened(member)
            return
        if member.link is None:
            return
        if now - member.last_seen > options.ping_timeout:
            member.link.abort()
            self._forget(member)
        elif now - member.pinged_at >= options.ping_interval:
            member.pinged_at = now
            member.link.ping()
        if now - member.invoked_at >= options.function_timeout - options.drain_margin:
            self._drain(member)

    def _expiring(self, member: Member, now: float) -> bool:
        """Whether its replacement is due: a cold start, and a little more, before it is drained."""
        lead = self.options.drain_margin + 2.0 * self.cold_start_s + 1.0
        return now - member.invoked_at >= self.options.function_timeout - lead

    def _never_opened(self, member: Member) -> None:
        self.results["never_opened"] += 1
        self.breaker.failed()
        self._forget(member)

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
        member = self.members[environment_id] = Member(Environment(environment_id), digest, now)
        self.invoked += 1
        order = InvocationRequest(
            environment_id=environment_id,
            secret=secret,
            address=options.address,
            fingerprint=options.fingerprint,
            channels=options.channels,
            lifetime_s=options.function_timeout,
        )
        self._invoker.invoke(order, lambda result: self._ended(member, result))

    def _ended(self, member: Member, result: Result) -> None:
        self.results[result.ending.value] += 1
        member.invocation_ended = True
        served = result.summary.get("served", 0)
        self.served += served if isinstance(served, int) else 0
        if result.ending is Ending.THROTTLED:
            self._throttled_until = self._clock() + self.options.throttle_pause
            self._throttled = True
            self.breaker.undecided()
        elif result.ending is not Ending.COMPLETED or member.state is State.INVOKED:
            self.breaker.failed()
            _log.warning(
                "environment %s ended %s: %s",
                member.environment.id,
                f"as {result.ending.value} while {member.state.value}",
                result.detail or result.summary,
            )
        if member.link is not None and member.state is not State.GONE:
            member.link.abort()
        self._forget(member)

    def _retire(self, serving: list[Member], surplus: int) -> None:
        """Let the surplus go, those first that would have to be replaced first."""
        for member in sorted(serving, key=lambda m: m.invoked_at)[: max(surplus, 0)]:
            self._drain(member)

    def _drain(self, member: Member) -> None:
        if member.state is not State.SERVING:
            return
        member.state = State.DRAINING
        self.dispatcher.drain(member.environment)
        if member.link is not None:
            member.link.goaway()

    def _forget(self, member: Member) -> None:
        member.state = State.GONE
        self.members.pop(member.environment.id, None)

    def close(self) -> None:
        """Invoke no more, and let every environment go when it has finished."""
        self._closing = True
        for member in list(self.members.values()):
            if member.state is State.INVOKED:
                self._forget(member)
            else:
                self._drain(member)

    def abort(self) -> None:
        """Close every connection now."""
        for member in list(self.members.values()):
            if member.link is not None:
                member.link.abort()


class FleetGate:
    """Finds the fleet of an environment that knocks; see :class:`fanout_router.control.Gate`."""

    def __init__(self, fleets: list[Fleet]) -> None:
        self.update(fleets)

    def update(self, fleets: list[Fleet]) -> None:
        """Say which fleets there are."""
        self._fleets = {fleet.name: fleet for fleet in fleets}

    def _fleet(self, environment_id: str) -> Fleet | None:
        return self._fleets.get(environment_id.rpartition(".")[0])

    def admit(self, environment_id: str, secret: bytes, connection: Link) -> Environment:
        """Admit an environment, or raise :class:`AdmissionError`."""
        fleet = self._fleet(environment_id)
        if fleet is None:
            raise AdmissionError("unknown environment or wrong secret")
        return fleet.admit(environment_id, secret, connection)

    def dispatcher_of(self, environment: Environment) -> Dispatcher:
        """Who gives this environment its requests."""
        return self._fleets[environment.id.rpartition(".")[0]].dispatcher

    def connection_lost(self, environment: Environment) -> None:
        """The environment's connection is gone."""
        self._fleets[environment.id.rpartition(".")[0]].connection_lost(environment)

    def connection_draining(self, environment: Environment) -> None:
        """The environment takes no more requests."""
        self._fleets[environment.id.rpartition(".")[0]].connection_draining(environment)

    def alive(self, environment: Environment) -> None:
        """The environment answered a ping."""
        self._fleets[environment.id.rpartition(".")[0]].alive(environment)
