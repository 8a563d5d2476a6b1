"""What all client connections share: routes, limits, counts, the coarse clock, and the sweep of their deadlines."""

import asyncio
import re
import secrets
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Final, Protocol

from fanout_router.dispatcher import Dispatcher
from fanout_router.http.forwarded import TrustedProxies

if TYPE_CHECKING:
    from fanout_router.http.request import ClientRequest
    from fanout_router.logs import AccessLog

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


BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds in seconds of the duration histogram; a last, unbounded one follows."""


class RouteCounts:
    """What has happened on one route; plain numbers, because they are touched once per request."""

    __slots__ = ("cut", "durations", "received", "seconds", "sent", "statuses")

    def __init__(self) -> None:
        self.statuses: Counter[int] = Counter()
        self.durations = [0] * (len(BUCKETS) + 1)
        self.seconds = 0.0
        self.received = 0
        self.sent = 0
        self.cut = 0
        """Responses that were begun and could not be finished."""


class Outcome(Enum):
    """What became of a request."""

    ANSWERED = "answered"
    """By the app, or by the router in its stead."""
    CUT = "cut"
    """Begun, and broken off."""
    DEPARTED = "departed"
    """The client left before its end."""


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
        path = _as_routed(target.split(b"?", 1)[0])
        for route in self.routes:
            if (not route.host or route.host == wanted) and _within(path, route.prefix):
                return route
        return None


_UNUSUAL = re.compile(rb"%|//|/\.")
_ESCAPED = re.compile(rb"%([0-9A-Fa-f]{2})")
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


def _as_routed(path: bytes) -> str:
    """A path as prefixes are compared with it: without needless escapes, empty segments and dot segments.

    The app gets the target as it came. An escaped slash stays what it is: a character within a segment.
    """
    if not _UNUSUAL.search(path):
        return path.decode("latin-1")
    plain = _ESCAPED.sub(_unescaped, path).decode("latin-1")
    kept: list[str] = []
    for segment in plain.split("/"):
        if segment == "..":
            del kept[-1:]
        elif segment not in ("", "."):
            kept.append(segment)
    behind = "/" if kept and plain.endswith(("/", "/.", "/..")) else ""
    return "/" + "/".join(kept) + behind


def _unescaped(found: re.Match[bytes]) -> bytes:
    octet = int(found[1], 16)
    return bytes([octet]) if octet in _UNRESERVED else found[0].upper()


def _within(path: str, prefix: str) -> bool:
    return path.startswith(prefix) and (prefix.endswith("/") or len(path) == len(prefix) or path[len(prefix)] == "/")


class ClientConnection(Protocol):
    """A client connection of either version of HTTP. ``deadline`` is when it expires, by the front's clock."""

    deadline: float
    transport: asyncio.Transport
    front: "Front"
    peer: str
    """The address of the connection's other end."""

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
        self.access_log: AccessLog | None = None
        self.request_ids = 0
        self.id_prefix = secrets.token_hex(6).encode() + b"-"
        self.proxies = TrustedProxies(trusted_proxies)

    def observe(self, request: "ClientRequest", outcome: Outcome = Outcome.ANSWERED) -> None:
        """Count a request that is over. One whose client left has no status that anybody saw."""
        seconds = self.clock() - request.arrived
        counts = request.route.counts
        if self.access_log is not None:
            self.access_log.finished(request, seconds, outcome)
        if outcome is not Outcome.ANSWERED:
            if outcome is Outcome.DEPARTED:
                return
            counts.cut += 1
        counts.statuses[request.status] += 1
        counts.durations[bisect_left(BUCKETS, seconds)] += 1
        counts.seconds += seconds
        counts.sent += request.sent
        counts.received += request.upload_size

    def count_refused(self, status: int, client: str, method: bytes = b"", target: bytes = b"") -> None:
        """Count an answer to what never became a request, or not a whole one."""
        self.refused[status] = self.refused.get(status, 0) + 1
        if self.access_log is not None:
            self.access_log.refused(status, client, method, target)

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
