"""Which web function serves a request: by host and by the longest path prefix."""

from dataclasses import dataclass, field

from fanout_router.dispatcher import Dispatcher
from fanout_router.http.counts import RouteCounts


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
