# mypy: ignore-errors
"""Starlette with its middlewares: gzip, CORS, sessions, trusted hosts, exceptions, static files, WebSockets."""

import asyncio
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles


class Counting(BaseHTTPMiddleware):
    """The middleware that reads and wraps the stream of every response."""

    async def dispatch(self, request, call_next):
        response = await call_next(request)
        response.headers["x-path"] = request.url.path
        return response


async def count(request):
    request.session["count"] = request.session.get("count", 0) + 1
    return JSONResponse(request.session)


async def large(_request):
    return PlainTextResponse("a line that repeats\n" * 5_000)


async def events(_request):
    async def parts():
        for number in range(5):
            yield f"id: {number}\ndata: tick\n\n"
            await asyncio.sleep(0.01)

    return StreamingResponse(parts(), media_type="text/event-stream")


async def echo(request):
    return Response(await request.body(), media_type="application/octet-stream")


async def empty(_request):
    return Response(status_code=204)


async def repeated(_request):
    response = PlainTextResponse("twice")
    response.headers.append("x-twice", "1")
    response.headers.append("x-twice", "2")
    response.headers["x-latin"] = "caf\xe9"
    return response


async def chat(websocket):
    await websocket.accept(subprotocol="chat")
    async for text in websocket.iter_text():
        await websocket.send_text(text.upper())


app = Starlette(
    routes=[
        Route("/count", count),
        Route("/large", large),
        Route("/events", events),
        Route("/echo", echo, methods=["POST"]),
        Route("/empty", empty),
        Route("/repeated", repeated),
        WebSocketRoute("/chat", chat),
        Mount("/static", StaticFiles(directory=Path(__file__).parent)),
    ],
    middleware=[
        Middleware(TrustedHostMiddleware, allowed_hosts=["shop.example", "127.0.0.1"]),
        Middleware(CORSMiddleware, allow_origins=["https://other.example"], allow_methods=["PUT"]),
        Middleware(SessionMiddleware, secret_key="of no worth"),
        Middleware(GZipMiddleware, minimum_size=500),
        Middleware(Counting),
    ],
)
