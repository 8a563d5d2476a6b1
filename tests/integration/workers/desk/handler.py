"""A WSGI app behind an HTTP API."""

from collections.abc import Callable, Iterable
from typing import Any

from fanout_router.adapter import serve


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Say what was asked."""
    asked = f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}?{environ['QUERY_STRING']} "
    start_response("201 Created", [("Content-Type", "text/plain"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")])
    return [asked.encode(), environ["wsgi.input"].read()]


handler = serve(app)
