"""What somebody whom the shop does not know may cost it. It has no login: whoever reaches it may order.

A request that changes something comes from the shop's own pages or from no browser at all. A stream of progress, which
holds one of the few requests that an environment serves at once, is for orders that a worker knows, and one client has
a few of them only.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from services.storefront.problems import Problem

__all__ = ["Watched", "Watchers", "refuse_foreign"]

MAX_STREAMS = 4
"""Of one client, in one environment: a few tabs of a browser, over HTTP/1.1, which opens six connections at most."""

_OWN = frozenset({"same-origin", "none"})
"""Of Sec-Fetch-Site: "none" is typed in by the user (https://www.w3.org/TR/fetch-metadata/)."""


def refuse_foreign(request: Request) -> None:
    """Before anything is changed. Clients that are no browsers send neither field, and have no one's cookies to abuse.

    :raises Problem: 403, a page of another origin has sent the request.
    """
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    foreign = origin is not None and urlsplit(origin).netloc.lower() != request.headers.get("host", "").lower()
    if foreign or (site is not None and site not in _OWN):
        raise Problem(HTTPStatus.FORBIDDEN, "a page of another site may not send this")


@dataclass
class Watchers:
    """The streams that are open, by client."""

    open: Counter[str] = field(default_factory=Counter)

    def enter(self, client: str) -> None:
        """
        :raises Problem: 429, the client has enough of them.
        """
        if self.open[client] >= MAX_STREAMS:
            raise Problem(HTTPStatus.TOO_MANY_REQUESTS, f"{MAX_STREAMS} streams are open already; end one first")
        self.open[client] += 1

    def leave(self, client: str) -> None:
        """Its stream has ended, whichever way."""
        self.open[client] -= 1
        if not self.open[client]:
            del self.open[client]


class Watched(StreamingResponse):
    """A stream that is counted while it is open."""

    watchers: Watchers
    client: str

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it, and count it out at its end."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self.watchers.leave(self.client)
