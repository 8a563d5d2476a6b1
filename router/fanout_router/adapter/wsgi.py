"""WSGI apps in-process (PEP 3333), each call in a thread of its own.

The request's body is gathered first (on disk above 1 MiB), because a WSGI app reads it blocking and from a
file; the response streams, and the thread waits when the client reads slowly.
"""

import asyncio
import logging
import os
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import IO, Any
from urllib.parse import unquote_to_bytes

from fanout_router.adapter.call import Application, Call, Fields

_log = logging.getLogger(__name__)
_MEMORY = 1 << 20
_LARGEST_PART = 65_536

Environ = dict[str, Any]
WsgiCallable = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]


class WsgiApplication(Application):
    """Serves calls with a WSGI app."""

    def __init__(self, app: WsgiCallable, threads: int = 1_000) -> None:
        """``threads`` is a limit that is not to be met: an environment's channels say how many calls there are."""
        self._app = app
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="wsgi")
        self._running: set[asyncio.Future[None]] = set()

    async def shutdown(self) -> None:
        """Let the threads go."""
        self._threads.shutdown(wait=False)

    async def settle(self, patience_s: float) -> int:
        """See :class:`fanout_router.adapter.call.Application`. A thread cannot be stopped."""
        if not self._running:
            return 0
        _, late = await asyncio.wait(self._running, timeout=max(patience_s, 0.0))
        return len(late)

    def handle(self, call: Call) -> None:
        """See :class:`fanout_router.adapter.call.Application`."""
        body: IO[bytes] = tempfile.SpooledTemporaryFile(_MEMORY)  # noqa: SIM115 - closed when the call is over
        loop = asyncio.get_running_loop()

        def gather() -> None:
            if call.body:
                body.write(call.take())
            if call.ended and call.on_body is not None:
                call.on_body = None
                body.seek(0)
                call.on_cancel = None
                run = loop.run_in_executor(self._threads, _Responder(call, loop).run, self._app, body)
                self._running.add(run)
                run.add_done_callback(self._running.discard)

        def leave() -> None:
            call.on_body = None
            body.close()
            call.done()

        call.on_body, call.on_cancel = gather, leave
        gather()


class _Responder:
    """Runs the app in a thread and hands what it says to the event loop."""

    def __init__(self, call: Call, loop: asyncio.AbstractEventLoop) -> None:
        self._call = call
        self._loop = loop
        self._room = threading.Event()
        self._room.set()
        self._started: tuple[int, Fields] | None = None
        self._begun = False

    def run(self, app: WsgiCallable, body: IO[bytes]) -> None:
        self._call.on_cancel = self._room.set
        self._call.on_drained = self._room.set
        try:
            if not self._call.cancelled:
                self._answer(app, body)
        except BaseException:  # noqa: BLE001 - SystemExit too: whatever an app raises ends its own call alone
            _log.exception("the app raised an exception")
            self._say(self._call.fail)
        finally:
            body.close()
            self._say(self._call.done)

    def _answer(self, app: WsgiCallable, body: IO[bytes]) -> None:
        result = app(environ(self._call, body), self.start_response)
        try:
            for data in result:
                self.write(data)
                if self._call.cancelled or self._call.finished:
                    break
            self._say(self._end)
        finally:
            close = getattr(result, "close", None)
            if close is not None:
                close()

    def start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: Any = None
    ) -> Callable[[bytes], None]:
        if exc_info is not None and self._begun:
            raise exc_info[1].with_traceback(exc_info[2])
        fields = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        self._started = int(status.split(" ", 1)[0]), fields
        return self.write

    def write(self, data: bytes) -> None:
        if self._started is None:
            raise RuntimeError("the app sent a body before it called start_response")
        if not isinstance(data, bytes | bytearray | memoryview):
            raise TypeError(f"the app sent {type(data).__name__} as its body: only bytes can be sent")
        for start in range(0, len(data), _LARGEST_PART):
            if self._call.cancelled or self._call.finished:
                return
            self._room.clear()
            self._say(self._send, data[start : start + _LARGEST_PART], False)
            self._room.wait()

    def _end(self) -> None:
        self._send(b"", True)

    def _say(self, act: Callable[..., Any], *arguments: Any) -> None:
        self._loop.call_soon_threadsafe(act, *arguments)

    def _send(self, data: bytes, end: bool) -> None:
        """On the event loop."""
        try:
            if not self._begun and self._started is not None:
                self._begun = True
                self._call.start(*self._started)
            if self._started is None:
                self._call.fail()
            elif self._call.send(data, end) or self._call.cancelled:
                self._room.set()
        except (TypeError, ValueError):  # on the loop nobody else would wake the app's thread
            _log.exception("the app sent an invalid response")
            self._call.fail()
            self._room.set()


def environ(call: Call, body: IO[bytes]) -> Environ:
    """The WSGI environment of a call. Names with an underscore are dropped: they could pose as others'
    names. The body is all there, so that its length is known, also where the client did not say it.
    """
    length = body.seek(0, os.SEEK_END)
    body.seek(0)
    path, _, query = call.target.partition(b"?")
    found: Environ = {
        "REQUEST_METHOD": call.method.decode("ascii"),
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "QUERY_STRING": query.decode("latin-1"),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": body,
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for raw_name, raw_value in call.fields:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        if "_" in name:
            continue
        if name == "content-type":
            found["CONTENT_TYPE"] = value
            continue
        if name == "content-length":
            continue
        key = "HTTP_" + name.upper().replace("-", "_")
        found[key] = f"{found[key]},{value}" if key in found else value
    if length:
        found["CONTENT_LENGTH"] = str(length)
    if found.get("HTTP_X_FORWARDED_PROTO") == "https":
        found["wsgi.url_scheme"] = "https"
    found["REMOTE_ADDR"] = found.get("HTTP_X_FORWARDED_FOR", "").split(",")[0].strip()
    host, _, port = found.get("HTTP_HOST", "").rpartition(":")
    if host and port.isdigit():
        found["SERVER_NAME"], found["SERVER_PORT"] = host, port
    return found
