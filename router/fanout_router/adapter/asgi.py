"""ASGI apps in-process (specification 3.0: HTTP, lifespan, and WebSocket where wsproto is there)."""

import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from functools import partial
from typing import Any
from urllib.parse import unquote_to_bytes

from fanout_router.adapter.call import Application, Call, ClientDisconnectedError, log_failure
from fanout_router.errors import AdapterError

_log = logging.getLogger(__name__)

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
AsgiCallable = Callable[
    [Scope, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]
]

_UPGRADE = b"\r\nupgrade: websocket\r\n"
_LARGEST_PART = 65_536
_PORT_DIGITS = 5
_SAFE = frozenset({b"GET", b"HEAD", b"OPTIONS"})
# An eager task runs at once up to its first wait: most small requests never need the event loop.
_TASK_OPTIONS: dict[str, Any] = {"eager_start": True} if sys.version_info >= (3, 12) else {}


_STOP_S = 1.0
"""For a task to end that was cancelled."""


class AsgiApplication(Application):
    """Serves calls with an ASGI app."""

    def __init__(self, app: AsgiCallable) -> None:
        self._app = app
        self._tasks: set[asyncio.Task[None]] = set()
        self._lifespan: _Lifespan | None = None
        self._state: dict[str, Any] = {}

    async def startup(self) -> None:
        """Run the app's startup, if it has one.

        :raises AdapterError: the startup failed.
        """
        self._lifespan = _Lifespan(self._app, self._state)
        await self._lifespan.startup()

    async def shutdown(self) -> None:
        """Run the app's shutdown."""
        if self._lifespan is not None:
            await self._lifespan.shutdown()

    def handle(self, call: Call) -> None:
        """See :class:`fanout_router.adapter.call.Application`."""
        if not call.ended and _UPGRADE in call.raw:
            self._keep(asyncio.get_running_loop().create_task(self._run_websocket(call)), call)
            return
        exchange = _Exchange(call)
        task = asyncio.Task(self._run(call, exchange), loop=asyncio.get_running_loop(), **_TASK_OPTIONS)
        if task.done():
            call.done()
            return
        self._keep(task, call)
        call.on_abandon = task.cancel
        if call.method in _SAFE and not call.cancelled:
            _cancel_with(call, task)

    def _keep(self, task: asyncio.Task[None], call: Call) -> None:
        self._tasks.add(task)
        task.add_done_callback(partial(self._over, call))

    def _over(self, call: Call, task: asyncio.Task[None]) -> None:
        """A task has ended. It may never have begun, so that nothing in it may be relied on to say so."""
        self._tasks.discard(task)
        call.done()

    async def settle(self, patience_s: float) -> int:
        """See :class:`fanout_router.adapter.call.Application`."""
        if not self._tasks:
            return 0
        _, late = await asyncio.wait(self._tasks, timeout=max(patience_s, 0.0))
        for task in late:
            task.cancel()
        if late:
            _, late = await asyncio.wait(late, timeout=_STOP_S)
        return len(late)

    async def _run_websocket(self, call: Call) -> None:
        try:
            from fanout_router.adapter.websocket import WebSocket  # wsproto is an extra, and few apps need it
        except ImportError:
            _log.error("a WebSocket was asked for, and the package wsproto is not there: install the extra websocket")
            call.start(501, [(b"content-length", b"0")])
            call.send(b"", True)
            return
        await WebSocket(call).run(self._app, _scope(call, self._state))

    async def _run(self, call: Call, exchange: "_Exchange") -> None:
        try:
            await self._app(_scope(call, self._state), exchange.receive, exchange.send)
        except (asyncio.CancelledError, GeneratorExit):
            call.fail()
            raise
        except BaseException as error:  # noqa: BLE001 - SystemExit too: whatever an app raises ends its own call alone
            log_failure(error, departed=call.cancelled)
            call.fail()


def _cancel_with(call: Call, task: asyncio.Task[None]) -> None:
    """A safe request whose client has left is stopped; others see the disconnect and may finish what they
    do.
    """
    before = call.on_cancel

    def cancel() -> None:
        if before is not None:
            before()
        task.cancel()

    call.on_cancel = cancel


def _scope(call: Call, state: dict[str, Any]) -> Scope:
    path, _, query = call.target.partition(b"?")
    raw = unquote_to_bytes(path) if b"%" in path else path
    scheme, client, server = "http", None, None
    fields = call.fields
    for name, value in fields:
        if name == b"x-forwarded-proto" and value in (b"http", b"https"):
            scheme = value.decode()
        elif name == b"x-forwarded-for":
            client = (value.split(b",", 1)[0].strip().decode("latin-1"), 0)
        elif name == b"host":
            host, _, port = value.decode("latin-1").rpartition(":")
            server = (
                (host, int(port))
                if host and port.isdigit() and len(port) <= _PORT_DIGITS
                else (value.decode("latin-1"), None)
            )
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": call.method.decode("ascii"),
        "scheme": scheme,
        "path": raw.decode("utf-8", "replace"),
        "raw_path": path,
        "query_string": query,
        "root_path": "",
        "headers": fields,
        "client": client,
        "server": server,
        "state": state.copy(),
        "extensions": {"http.response.trailers": {}} if call.wants_trailers else {},
    }


class _Exchange:
    """``receive`` and ``send`` of one call."""

    __slots__ = ("_call", "_listening", "_sending", "_told_end", "_trailers")

    def __init__(self, call: Call) -> None:
        self._call = call
        self._told_end = False
        self._trailers: list[bytes] | None = None
        """What comes behind the body, when the app has said that something does."""
        self._listening: list[asyncio.Future[None]] = []
        """Of tasks that wait for the request to go on; many apps listen for the disconnect while they send."""
        self._sending: list[asyncio.Future[None]] = []
        """Of tasks that wait for the response to go on."""
        call.on_cancel = self._wake_all

    def _wake_all(self) -> None:
        _wake(self._listening)
        _wake(self._sending)

    async def receive(self) -> Message:
        call = self._call
        call.on_body = partial(_wake, self._listening)
        while not (call.cancelled or call.finished or call.body or (call.ended and not self._told_end)):
            await _wait(self._listening)
        if call.cancelled or call.finished:
            await asyncio.sleep(0)  # an app that asks again and again must not keep the loop from all others
            return {"type": "http.disconnect"}
        data = call.take() if call.body else b""
        self._told_end = call.ended and not call.body  # taking it may have let more come
        return {"type": "http.request", "body": data, "more_body": not self._told_end}

    async def send(self, message: Message) -> None:
        call = self._call
        kind = message["type"]
        if call.cancelled:
            raise ClientDisconnectedError("the client has left")
        if call.finished:
            raise RuntimeError(f"{kind} after the response was complete")
        if kind == "http.response.start":
            if call.answered:
                raise RuntimeError("a second http.response.start")
            call.start(message["status"], message.get("headers", ()))
            self._trailers = [] if message.get("trailers") else None
        elif kind == "http.response.body":
            if not call.answered:
                raise RuntimeError("http.response.body before http.response.start")
            data = message.get("body", b"")
            end = not message.get("more_body", False) and self._trailers is None
            await self._send_body(data if type(data) is bytes else bytes(data), end)
        elif kind == "http.response.trailers" and self._trailers is not None:
            self._trailers += (b"%b: %b\r\n" % (name, value) for name, value in message.get("headers", ()))
            if not message.get("more_trailers", False):
                call.end_with(b"".join(self._trailers))
        else:
            raise RuntimeError(f"unexpected ASGI message {kind!r}")

    async def _send_body(self, data: bytes, end: bool) -> None:
        start = 0
        while len(data) - start > _LARGEST_PART:
            if not self._call.send(data[start : start + _LARGEST_PART], False):
                await self._drained()
            start += _LARGEST_PART
        if not self._call.send(data[start:] if start else data, end) and not end:
            await self._drained()

    async def _drained(self) -> None:
        call = self._call
        call.on_drained = partial(_wake, self._sending)
        await _wait(self._sending)
        if call.cancelled:
            raise ClientDisconnectedError("the client has left")


async def _wait(waiting: list[asyncio.Future[None]]) -> None:
    waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    waiting.append(waiter)
    try:
        await waiter
    finally:
        waiting.remove(waiter)


def _wake(waiting: list[asyncio.Future[None]]) -> None:
    for waiter in waiting:
        if not waiter.done():
            waiter.set_result(None)


class _Lifespan:
    """The lifespan protocol; an app without it is served all the same."""

    def __init__(self, app: AsgiCallable, state: dict[str, Any]) -> None:
        self._app = app
        self._state = state
        self._inbox: asyncio.Queue[Message] = asyncio.Queue()
        self._outbox: asyncio.Queue[Message] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    async def startup(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._run())
        self._inbox.put_nowait({"type": "lifespan.startup"})
        answer = await self._outbox.get()
        if answer["type"] == "lifespan.startup.failed":
            raise AdapterError(f"the app's startup failed: {answer.get('message', '')}")

    async def shutdown(self) -> None:
        if self._task is not None and not self._task.done():
            self._inbox.put_nowait({"type": "lifespan.shutdown"})
            await self._outbox.get()
            await self._task

    async def _run(self) -> None:
        scope: Scope = {
            "type": "lifespan",
            "asgi": {"version": "3.0", "spec_version": "2.0"},
            "state": self._state,
        }
        over = {"type": "lifespan.over"}
        try:
            await self._app(scope, self._inbox.get, self._outbox.put)
        except SystemExit as error:
            over = {"type": "lifespan.startup.failed", "message": f"it exits with {error.code}"}
        except Exception:  # noqa: BLE001 - the specification: an app may refuse lifespan with any exception
            _log.debug("the app does not support lifespan")
        finally:
            self._outbox.put_nowait(over)
