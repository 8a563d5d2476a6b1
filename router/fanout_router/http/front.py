"""What all client connections share: routes, limits, counts, the coarse clock, and the sweep of their
deadlines.
"""

import asyncio
import ipaddress
import secrets
from bisect import bisect_left
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Protocol

from fanout_router.http.counts import BUCKETS
from fanout_router.http.known import RequestLines
from fanout_router.http.limits import FrontLimits
from fanout_router.http.routes import RouteTable

if TYPE_CHECKING:
    from fanout_router.http.client_request import ClientRequest


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
        self.lines = RequestLines(self.limits.url)
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
