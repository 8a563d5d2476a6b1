"""The reverse proxy that many would write first: uvicorn in front, httpx behind."""

import os
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import httpx

_UPSTREAM = os.environ.get("BENCH_UPSTREAM", "")
_client = httpx.AsyncClient(limits=httpx.Limits(max_connections=64, max_keepalive_connections=64))

Message = MutableMapping[str, Any]


async def app(
    scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
) -> None:
    """Pass a GET on and stream the answer back."""
    if scope["type"] != "http":
        return
    await receive()
    async with _client.stream("GET", _UPSTREAM + scope["path"], headers=scope["headers"]) as response:
        fields = [(name, value) for name, value in response.headers.raw if name.lower() != b"connection"]
        await send({"type": "http.response.start", "status": response.status_code, "headers": fields})
        async for data in response.aiter_raw():
            await send({"type": "http.response.body", "body": data, "more_body": True})
        await send({"type": "http.response.body"})
