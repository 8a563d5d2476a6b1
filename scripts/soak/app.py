"""The app under soak: the end-to-end tests' app, and a POST that writes down that it was executed."""

import asyncio
import ctypes
import os
from typing import Any

from tests.e2e.router.apps import Message, Receive, Send, answer
from tests.e2e.router.apps import asgi as tested

_WORK_S = 0.1

TRIMMED_EVERY_S = 1.0
"""How often free memory goes back to the system."""

JOURNAL = "SOAK_JOURNAL"
"""The environment variable that names the file in which executions are written down."""


async def app(scope: Message, receive: Receive, send: Send) -> None:
    """/once/ID writes its ID down; everything else is the tested app's. Free memory goes back to the system as long as
    the app lives, so that what is resident is held by something: the allocator else keeps tens of MB for the next
    large body, and how many depends on which small objects happen to lie behind them.
    """
    if scope["type"] == "lifespan":
        trimming = asyncio.create_task(_trim())
        await tested(scope, receive, send)
        trimming.cancel()
        return
    path: str = scope.get("path", "")
    if not path.startswith("/once/"):
        await tested(scope, receive, send)
        return
    _write_down(path.removeprefix("/once/"))
    await asyncio.sleep(_WORK_S)  # long enough that some are killed in its midst
    await answer(send, b"once")


async def _trim() -> None:
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc has it, and no other
    while trim is not None:
        trim(0)
        await asyncio.sleep(TRIMMED_EVERY_S)


def _write_down(name: str) -> None:
    """One line by one write, which appending makes atomic among processes."""
    file: Any = os.open(os.environ[JOURNAL], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(file, name.encode() + b"\n")
    finally:
        os.close(file)
