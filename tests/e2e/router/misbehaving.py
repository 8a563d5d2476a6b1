"""An ASGI app that does by its path whatever an app may do wrong."""

import asyncio
import contextlib
import os
import sys
import time

from tests.e2e.router.apps import Message, Receive, Send, answer

_LEAKED: set[asyncio.Task[None]] = set()


async def _stream(receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    while True:
        await send({"type": "http.response.body", "body": b"part " * 100, "more_body": True})
        await asyncio.sleep(0.005)


async def _hang(receive: Receive, send: Send) -> None:
    await asyncio.Event().wait()


async def _deaf(receive: Receive, send: Send) -> None:
    """Ignores its cancellation for longer than the router waits."""
    until = time.monotonic() + 8
    while time.monotonic() < until:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(until - time.monotonic())


async def _raise(receive: Receive, send: Send) -> None:
    raise ValueError("trouble")


async def _raise_amid(receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"part", "more_body": True})
    raise ValueError("trouble")


async def _exit(receive: Receive, send: Send) -> None:
    sys.exit(3)


async def _task_exits(receive: Receive, send: Send) -> None:
    asyncio.get_running_loop().call_soon(sys.exit, 3)
    await asyncio.sleep(0)
    await answer(send, b"outlived")


async def _leak(receive: Receive, send: Send) -> None:
    task = asyncio.get_running_loop().create_task(asyncio.sleep(60))
    _LEAKED.add(task)
    await answer(send, b"leaked")


async def _never(receive: Receive, send: Send) -> None:
    """Ends without a word."""


async def _block(receive: Receive, send: Send) -> None:
    time.sleep(0.05)  # what no async app should do, and many do
    await answer(send, b"blocked")


async def _die(receive: Receive, send: Send) -> None:
    os._exit(9)


async def _read(receive: Receive, send: Send) -> None:
    size = 0
    while (message := await receive())["type"] == "http.request":
        size += len(message.get("body", b""))
        if not message.get("more_body"):
            await answer(send, b"%d" % size)
            return


async def _behind(receive: Receive, send: Send) -> None:
    """Goes on after its answer, as background tasks do."""
    await answer(send, b"answered")
    await asyncio.sleep(0.2)


FAULTS = {
    "stream": _stream, "hang": _hang, "deaf": _deaf, "raise": _raise, "raise_amid": _raise_amid, "exit": _exit,
    "task_exits": _task_exits, "leak": _leak, "never": _never, "block": _block, "die": _die, "read": _read,
    "behind": _behind,
}  # fmt: skip


async def _websocket(kind: str, receive: Receive, send: Send) -> None:
    await receive()
    if kind == "never":
        return
    if kind == "exit":
        sys.exit(3)
    await send({"type": "websocket.accept"})
    if kind == "raise_amid":
        raise ValueError("trouble")
    if kind in ("hang", "deaf"):
        await FAULTS[kind](receive, send)
    while kind == "stream":
        await send({"type": "websocket.send", "text": "part"})
        await asyncio.sleep(0.005)
    while (await receive())["type"] != "websocket.disconnect":
        pass


async def app(scope: Message, receive: Receive, send: Send) -> None:
    """Do what the path names; ``/`` is the one place where all is well."""
    if scope["type"] == "lifespan":
        raise RuntimeError("no lifespan")
    kind = scope["path"].strip("/")
    if scope["type"] == "websocket":
        await _websocket(kind, receive, send)
    elif kind in FAULTS:
        await FAULTS[kind](receive, send)
    else:
        await answer(send, b"well")
