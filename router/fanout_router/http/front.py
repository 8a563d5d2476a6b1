"""What all client connections share: routes, limits, counts, the coarse clock, and the sweep of their deadlines."""

import asyncio
import ipaddress
import secrets
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from fanout_router.dispatcher import Dispatcher

if TYPE_CHECKING:
    from fanout_router.http.request import ClientRequest

__all__ = []


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontLimits:
    """Bounds of one client connection, and of all of them."""

    connections: int = 10_000
    url: int = 8_192
    """Request target; above it 414."""
    head: int = 65_536
    """Request line and fields together; above it 431. As large as the largest message head."""
    fields: int = 200
    """Number of request fields; above it 431."""
    body: int | None = None
    """Request body; above it 413. None: unlimited, since bodies stream."""
    pipelined: int = 16
    """Requests of one connection held at a time; above it reading pauses."""
    buffered: int = 65_536
    """Body held for a request that waits for a channel; above it reading pauses."""
    head_timeout: float = 10.0
    """From the first byte of a request to the end of its head; then 408."""
    body_timeout: float = 30.0
    """Between two parts of a request's body; then 408."""
    idle_timeout: float = 75.0
    """Between two requests of a connection, which is then closed."""
    write_timeout: float = 60.0
    """For a client to take what fills its connection's buffer; then the connection is aborted."""
    linger_timeout: float = 2.0
    """For a client to stop sending after a response that came before its request had ended."""


BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds in seconds of the duration histogram; a last, unbounded one follows."""


class RouteCounts:
    """What has happened on one route; plain numbers, because they are touched once per request."""

    __slots__ = ("durations", "received", "seconds", "sent", "statuses")

    def __init__(self) -> None:
        self.statuses: Counter[int] = Counter()
        self.durations = [0] * (len(BUCKETS) + 1)
        self.seconds = 0.0
        self.received = 0
        self.sent = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One web function. An empty ``host`` matches every host; ``prefix`` matches whole path segments."""

    name: str
    dispatcher: Dispatcher
    host: str = ""
    prefix: str = "/"
    counts: RouteCounts = field(default_factory=RouteCounts, compare=False)


class RouteTable:
    """All routes; a route with a host goes before one without, a longer prefix before a shorter."""

    def __init__(self, routes: list[Route]) -> None:
        self.routes = sorted(routes, key=lambda route: (not route.host, -len(route.prefix)))
        first = self.routes[0] if self.routes else None
        catches_all = first is not None and not first.host and first.prefix == "/"
        self.only: Route | None = first if len(self.routes) == 1 and catches_all else None
        """The one route that takes everything, when there is but one: nothing need be looked up."""

    def find(self, host: bytes, target: bytes) -> Route | None:
        """The route for a Host field and a request target; None when no route matches."""
        name = host.rsplit(b":", 1)[0] if not host.endswith(b"]") else host
        wanted = name.decode("latin-1").lower()
        path = target.split(b"?", 1)[0].decode("latin-1")
        for route in self.routes:
            if (not route.host or route.host == wanted) and _within(path, route.prefix):
                return route
        return None


def _within(path: str, prefix: str) -> bool:
    return path.startswith(prefix) and (prefix.endswith("/") or len(path) == len(prefix) or path[len(prefix)] == "/")


class ClientConnection(Protocol):
    """A client connection of either version of HTTP. ``deadline`` is when it expires, by the front's clock."""

    deadline: float
    transport: asyncio.Transport

    def expire(self) -> None:
        """The deadline has passed."""

    def drain(self) -> None:
        """Take no more requests; close when those under way are answered."""


class Front:
    """The shared state of the client side."""

    def __init__(
        self,
        routes: RouteTable,
        clock: Callable[[], float],
        limits: FrontLimits | None = None,
        trusted_proxies: Iterable[str] = (),
    ) -> None:
        self.routes = routes
        self.clock = clock
        self.limits = limits or FrontLimits()
        self.now = clock()
        """Coarse time for the deadlines of connections, as of the last sweep."""
        self.connections: set[ClientConnection] = set()
        self.counts = {route.name: route.counts for route in routes.routes}
        self.refused: dict[int, int] = {}
        """Answers to what never became a request, by status."""
        self.draining = False
        self.on_finished: Callable[[ClientRequest, float], object] | None = None
        """Called with each finished request and its duration in seconds: the access log."""
        self.request_ids = 0
        self.id_prefix = secrets.token_hex(6).encode() + b"-"
        self._trusted = [ipaddress.ip_network(network) for network in trusted_proxies]

    def trusts(self, peer: str) -> bool:
        """Whether a peer's word on where a request came from is believed."""
        if not self._trusted:
            return False
        try:
            address = ipaddress.ip_address(peer)
        except ValueError:
            return False
        return any(address in network for network in self._trusted)

    def observe(self, request: "ClientRequest") -> None:
        """Count a finished request."""
        seconds = self.clock() - request.arrived
        counts = request.route.counts
        counts.statuses[request.status] += 1
        counts.durations[bisect_left(BUCKETS, seconds)] += 1
        counts.seconds += seconds
        counts.sent += request.sent
        counts.received += request.upload_size
        if self.on_finished is not None:
            self.on_finished(request, seconds)

    def count_refused(self, status: int) -> None:
        """Count an answer to what never became a request."""
        self.refused[status] = self.refused.get(status, 0) + 1

    def sweep(self) -> None:
        """Expire connections; call a few times a second."""
        now = self.now = self.clock()
        for protocol in [p for p in self.connections if p.deadline <= now]:
            protocol.expire()

    def drain(self) -> None:
        """Close connections as they become idle, and take no request beyond those under way."""
        self.draining = True
        for protocol in list(self.connections):
            protocol.drain()
