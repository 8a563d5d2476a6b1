"""What is served in the benchmarks: prepared bodies, as an adapter application, as ASGI, and through a proxy.

``ROUTER_BENCH_CORE`` pins the process that imports this, so that environments do not share the router's core.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from fanout_router.adapter.call import Application, Call

SIZES = {"200B": 200, "10KB": 10_240, "1MB": 1_048_576}
_BODIES = {f"/{name}".encode(): b"x" * size for name, size in SIZES.items()}
_FIELDS = [(b"content-type", b"application/octet-stream")]

Message = MutableMapping[str, Any]

if "ROUTER_BENCH_CORE" in os.environ:
    os.sched_setaffinity(0, {int(os.environ["ROUTER_BENCH_CORE"])})


class Prepared(Application):
    """Answers at once and as cheaply as an environment can, so that the router is what is measured."""

    def handle(self, call: Call) -> None:
        """Send the prepared body of the target, whatever its query, once the request is whole."""
        if not call.ended:
            call.on_body = lambda: self.handle(call) if call.ended else None
            call.on_cancel = call.done
            return
        body = _BODIES[call.target.partition(b"?")[0]]
        head = b"HTTP/1.1 200 OK\r\ncontent-type: application/octet-stream\r\ncontent-length: %d\r\n\r\n" % len(body)
        call.begin(head)
        if len(body) <= _PART:
            call.send(body, True)
        else:
            _Parts(call, body).send()


class _Parts:
    """Sends a large body part by part, as the router takes them."""

    def __init__(self, call: Call, body: bytes) -> None:
        self._call = call
        self._body = body
        self._sent = 0
        call.on_drained = self.send
        call.on_cancel = call.done

    def send(self) -> None:
        """Send until the router takes no more for now."""
        body, size = self._body, len(self._body)
        while self._sent < size:
            start, self._sent = self._sent, self._sent + _PART
            if not self._call.send(body[start : start + _PART], self._sent >= size):
                return


_PART = 65_536
prepared = Prepared()


async def asgi(
    scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
) -> None:
    """A plain ASGI app: reads the request, sends the prepared body; /sleep takes 100 ms."""
    if scope["type"] != "http":
        return
    await receive()
    if scope["path"] == "/sleep":
        await asyncio.sleep(0.1)
    body = _BODIES.get(scope["raw_path"], b"slept")
    fields = [*_FIELDS, (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": fields})
    await send({"type": "http.response.body", "body": body})
