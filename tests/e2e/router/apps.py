"""Apps for the router's tests: plain ASGI and WSGI, no framework, every behaviour on a path of its own."""

import asyncio
import hashlib
import os
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


async def asgi(scope: Message, receive: Receive, send: Send) -> None:
    """/ says hello; /echo, /hash, /size/N, /slow/S, /stream, /crash, /crash-late, /die, /fields do what they say.
    /events/NAME sends an event, and one more when another request asks for /tell/NAME; /listeners counts who waits.
    """
    if scope["type"] == "lifespan":
        await _lifespan(receive, send)
        return
    if scope["type"] == "websocket":
        await websocket(scope, receive, send)
        return
    _, _, rest = scope["path"].partition("/")
    name, _, argument = rest.partition("/")
    await {
        "": hello, "echo": echo, "hash": digest, "size": size, "slow": slow, "stream": stream, "crash": crash,
        "crash-late": crash_late, "die": die, "fields": fields, "pid": pid,
        "events": events, "tell": tell, "listeners": listeners,
    }.get(name, missing)(scope, receive, send, argument)  # fmt: skip


async def websocket(scope: Message, receive: Receive, send: Send) -> None:
    """Echoes messages; "close 4321" closes with that code; "crash" crashes. /no is declined."""
    await receive()
    if scope["path"] == "/no":
        await send({"type": "websocket.close"})
        return
    await send({"type": "websocket.accept", "subprotocol": (scope["subprotocols"] or [None])[0]})
    while (message := await receive())["type"] == "websocket.receive":
        text = message.get("text") or ""
        if text.startswith("close "):
            await send({"type": "websocket.close", "code": int(text.split()[1]), "reason": "as you like"})
            return
        if text == "crash":
            raise RuntimeError("crash")
        await send({**message, "type": "websocket.send"})


async def _lifespan(receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})


async def answer(send: Send, body: bytes, status: int = 200) -> None:
    length = (b"content-length", b"%d" % len(body))
    await send({"type": "http.response.start", "status": status, "headers": [length]})
    await send({"type": "http.response.body", "body": body})


async def hello(_scope: Message, _receive: Receive, send: Send, _argument: str) -> None:
    await answer(send, b"hello")


async def missing(_scope: Message, _receive: Receive, send: Send, _argument: str) -> None:
    await answer(send, b"no", 404)


async def pid(_scope: Message, _receive: Receive, send: Send, _argument: str) -> None:
    await answer(send, b"%d" % os.getpid())


async def echo(_scope: Message, receive: Receive, send: Send, _argument: str) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        more = message["more_body"]
        await send({"type": "http.response.body", "body": message["body"], "more_body": more})


async def digest(_scope: Message, receive: Receive, send: Send, _argument: str) -> None:
    found, more = hashlib.sha256(), True
    while more:
        message = await receive()
        found.update(message["body"])
        more = message["more_body"]
    await answer(send, found.hexdigest().encode())


async def size(_scope: Message, _receive: Receive, send: Send, argument: str) -> None:
    await answer(send, b"x" * int(argument))


async def slow(_scope: Message, _receive: Receive, send: Send, argument: str) -> None:
    await asyncio.sleep(float(argument))
    await answer(send, b"slept")


async def stream(_scope: Message, _receive: Receive, send: Send, argument: str) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for number in range(int(argument)):
        await send({"type": "http.response.body", "body": b"%d\n" % number, "more_body": True})
        await asyncio.sleep(0.001)
    await send({"type": "http.response.body"})


async def crash(_scope: Message, _receive: Receive, _send: Send, _argument: str) -> None:
    raise RuntimeError("crash")


async def crash_late(_scope: Message, _receive: Receive, send: Send, _argument: str) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"begun", "more_body": True})
    raise RuntimeError("crash")


async def die(_scope: Message, _receive: Receive, _send: Send, _argument: str) -> None:
    os._exit(9)


async def fields(scope: Message, _receive: Receive, send: Send, _argument: str) -> None:
    await answer(send, b"\n".join(b"%b: %b" % pair for pair in scope["headers"]))


_told: dict[str, asyncio.Event] = {}


async def events(_scope: Message, _receive: Receive, send: Send, argument: str) -> None:
    kind = (b"content-type", b"text/event-stream")
    told = _told[argument] = asyncio.Event()
    try:
        await send({"type": "http.response.start", "status": 200, "headers": [kind]})
        await send({"type": "http.response.body", "body": b"data: waiting\n\n", "more_body": True})
        await told.wait()
        await send({"type": "http.response.body", "body": b"data: told\n\n"})
    finally:
        del _told[argument]


async def tell(_scope: Message, _receive: Receive, send: Send, argument: str) -> None:
    _told[argument].set()
    await answer(send, b"told")


async def listeners(_scope: Message, _receive: Receive, send: Send, _argument: str) -> None:
    await answer(send, b"%d" % len(_told))


async def printing(_scope: Message, _receive: Receive, send: Send) -> None:
    """Prints a megabyte, as somebody's debugging does."""
    if _scope["type"] == "lifespan":
        raise RuntimeError("no lifespan")
    print("printed " + "x" * 1_000_000)
    await answer(send, b"done")


def wsgi(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Says what it was asked."""
    body = environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']} {environ['QUERY_STRING']} ".encode(), body]
