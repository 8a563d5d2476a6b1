"""Apps that test_streaming.py has served in a process of its own."""

import os
from pathlib import Path

from fanout_router.adapter import serve
from fanout_router.adapter.call import Application, Call
from tests.unit.fanout_router.adapter.support import Message, Receive, Send


async def app(scope: Message, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        raise RuntimeError("no lifespan")
    path = scope["path"]
    if path == "/raises":
        raise ValueError("before anything was sent")
    fields = [(b"content-type", b"text/plain"), (b"set-cookie", b"a=1"), (b"set-cookie", b"b=2")]
    await send({"type": "http.response.start", "status": 201, "headers": fields})
    if path == "/nothing":
        raise ValueError("before its body")
    if path == "/large":
        for number in range(256):
            await send({"type": "http.response.body", "body": bytes([number]) * 100_000, "more_body": True})
    await send({"type": "http.response.body", "body": b"first", "more_body": True})
    if path == "/amid":
        raise ValueError("amid the answer")
    if path == "/endless":
        while True:
            await send({"type": "http.response.body", "body": bytes(65_536), "more_body": True})
    if path == "/gated":  # a FIFO: opened once the test has the first part
        Path(os.environ["GATE"]).read_bytes()
    body = (await receive())["body"]
    await send({"type": "http.response.body", "body": b"second " + body})


class Hinting(Application):
    """Sends an interim answer before the final one, as a server behind a proxy may."""

    def handle(self, call: Call) -> None:
        call.interim(b"HTTP/1.1 103 Early Hints\r\nlink: </a.css>\r\n\r\n")
        call.start(200, [(b"content-type", b"text/plain")])
        call.send(b"whole", True)


handler = serve(app)
hinting = serve(Hinting())
own = handler.__call__
"""Not what ``serve`` returned."""
