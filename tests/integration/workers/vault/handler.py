"""An app that is never reached: its HTTP API asks for tokens that nobody can make."""

from collections.abc import Callable, Iterable
from typing import Any

from fanout_router.adapter import serve


def app(_: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer, where nothing should come."""
    start_response("200 OK", [])
    return [b"reached"]


handler = serve(app)
