"""A chat that never ends, as most would write it: Starlette, a generator, a WebSocket loop; no word on leaving."""

import asyncio
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

_EVERY_S = 0.05


async def _words() -> AsyncIterator[bytes]:
    while True:
        yield b"data: word\n\n"
        await asyncio.sleep(_EVERY_S)


async def _chat(request: Request) -> Response:
    await request.body()
    return StreamingResponse(_words(), media_type="text/event-stream")


async def _hello(_request: Request) -> Response:
    return PlainTextResponse("hello")


async def _talk(socket: WebSocket) -> None:
    await socket.accept()
    while True:
        await socket.send_text("word")
        await asyncio.sleep(_EVERY_S)


app = Starlette(
    routes=[
        Route("/chat", _chat, methods=["POST"]),
        Route("/hello", _hello),
        WebSocketRoute("/chat", _talk),
    ]
)
