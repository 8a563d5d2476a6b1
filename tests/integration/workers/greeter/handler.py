"""An ASGI app behind a function URL."""

import sys
from typing import Any

from fanout_router.adapter import serve


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Say what was asked, in two parts."""
    if scope["type"] != "http":
        raise RuntimeError("no lifespan")
    body = (await receive())["body"]
    fields = [(b"content-type", b"text/plain"), (b"set-cookie", b"a=1"), (b"set-cookie", b"b=2")]
    streamed = b"fanout_router.adapter.streaming" in " ".join(sys.orig_argv).encode()
    fields.append((b"x-streamed", str(streamed).encode()))
    await send({"type": "http.response.start", "status": 201, "headers": fields})
    asked = f"{scope['method']} {scope['path']}?{scope['query_string'].decode()} ".encode()
    await send({"type": "http.response.body", "body": asked, "more_body": True})
    await send({"type": "http.response.body", "body": body})


handler = serve(app)
