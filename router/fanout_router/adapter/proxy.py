"""Any web server as the app: its program is started in the environment, and calls are passed to its local port.

For apps in other languages, or with a server of their own. Connections are kept and used again; bodies stream both
ways; an Upgrade (WebSocket) becomes a tunnel.
"""

import asyncio
import logging
import select
from typing import cast

import httptools

from fanout_router.adapter.call import Application, Call
from fanout_router.adapter.child import Child
from fanout_router.errors import AdapterError
from fanout_router.exchange import IDEMPOTENT

_HOP_BY_HOP = frozenset({b"connection", b"keep-alive", b"proxy-connection", b"te", b"trailer", b"transfer-encoding"})
_KEPT = 64
KEPT_S = 4.0
"""Seconds after which an idle connection is not used again: Node.js closes them after 5."""
_PASSED_ON = (102, 103)
"""Interim answers for the client: Processing and Early Hints. 100 is the router's own to say."""
_log = logging.getLogger(__name__)


class ProxyApplication(Application):
    """Serves calls from ``127.0.0.1:port``. ``command`` starts the server; empty when something else does."""

    def __init__(self, port: int, command: str = "", *, health_path: str = "/", health_timeout_s: float = 9.0) -> None:
        self._port = port
        self._command = command
        self._health_path = health_path
        self._health_timeout_s = health_timeout_s
        self._server: Child | None = None
        self._free: list[_Upstream] = []
        self._open: set[_Upstream] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def startup(self) -> None:
        """Start the server and wait until it answers its health path with a status below 500. One that was started
        before, and took no connection any more, is ended first.

        :raises AdapterError: it ended, or did not answer in time.
        """
        await self._end_server()
        if self._command:
            self._server = await Child.start(self._command)
        loop = asyncio.get_running_loop()
        until = loop.time() + self._health_timeout_s
        while not await self._healthy(until - loop.time()):
            if self._server is not None and self._server.returncode is not None:
                raise AdapterError(f"{self._command!r} ended with code {self._server.returncode} before it answered")
            if loop.time() >= until:
                raise AdapterError(
                    f"nothing healthy at 127.0.0.1:{self._port}{self._health_path} within {self._health_timeout_s:g} s"
                )
            await asyncio.sleep(0.05)
        self.ended = False
        if self._server is not None:
            self._keep(asyncio.get_running_loop().create_task(self._watch(self._server)))

    async def _watch(self, server: Child) -> None:
        code = await server.wait()
        if server is self._server:
            self._server_gone(f"{self._command!r} ended with code {code}")

    def _server_gone(self, what: str) -> None:
        """Serve nothing until it is started again: the next invocation does so, the present one ends."""
        if not self.ended:
            self.ended = True
            _log.error("the app's server is gone: %s", what)
            if self.on_ended is not None:
                self.on_ended()

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _healthy(self, patience_s: float) -> bool:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        except OSError:
            return False
        try:
            writer.write(f"GET {self._health_path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n".encode())
            line = await asyncio.wait_for(reader.readline(), max(patience_s, 0.1))
            return line.startswith(b"HTTP/1.") and line[9:10] in (b"2", b"3", b"4")
        except (OSError, TimeoutError):
            return False
        finally:
            writer.close()

    async def shutdown(self) -> None:
        """Close the connections and end the server."""
        for upstream in list(self._open):
            upstream.transport.abort()
        await self._end_server()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _end_server(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            await server.end()

    async def settle(self, patience_s: float) -> int:  # noqa: ARG002
        """See :class:`fanout_router.adapter.call.Application`. The server may be frozen from here on, and has no use
        for its idle connections afterwards.
        """
        for upstream in self._free:
            upstream.transport.close()
        self._free.clear()
        return 0

    def handle(self, call: Call) -> None:
        """See :class:`fanout_router.adapter.call.Application`."""
        if self.ended:
            call.refuse()
            return
        while self._free:
            upstream = self._free.pop()
            if upstream.is_fresh():
                upstream.start(call, reused=True)
                return
            upstream.transport.close()
        self.connect(call)

    def connect(self, call: Call) -> None:
        """Pass a call on by a new connection."""
        self._keep(asyncio.get_running_loop().create_task(self._connect(call)))

    async def _connect(self, call: Call) -> None:
        loop = asyncio.get_running_loop()
        try:
            _, upstream = await loop.create_connection(lambda: _Upstream(self), "127.0.0.1", self._port)
        except OSError as error:
            call.refuse()
            call.done()
            self._server_gone(str(error))
            return
        self._open.add(upstream)
        upstream.start(call)

    def release(self, upstream: "_Upstream") -> None:
        """A connection has finished its call and may be used again."""
        if len(self._free) < _KEPT:
            upstream.idle_since = asyncio.get_running_loop().time()
            self._free.append(upstream)
        else:
            upstream.transport.close()

    def forget(self, upstream: "_Upstream") -> None:
        """A connection is gone."""
        self._open.discard(upstream)
        if upstream in self._free:
            self._free.remove(upstream)


class _Upstream(asyncio.Protocol):
    """One connection to the server, serving one call at a time."""

    transport: asyncio.Transport

    def __init__(self, app: ProxyApplication) -> None:
        self.idle_since = 0.0
        self._app = app
        self._call: Call | None = None
        self._lines: list[bytes] = []
        self._reason = b""
        self._chunked = self._tunnel = self._keep = self._repeatable = False
        self._taking = False
        self._held = False
        """The server reads slower than the client sends."""
        self._uploaded = False
        """The end of the request has been passed on."""
        self._framed = False
        """The response says itself where it ends."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def is_fresh(self) -> bool:
        """Whether an idle connection may serve another call: not closed, nor about to be, as far as can be seen."""
        if self.transport.is_closing() or asyncio.get_running_loop().time() - self.idle_since > KEPT_S:
            return False
        poll = select.poll()
        poll.register(self.transport.get_extra_info("socket").fileno(), select.POLLIN)
        return not poll.poll(0)  # what can be read on an idle connection is its end

    def start(self, call: Call, reused: bool = False) -> None:
        """Pass a call on. A ``reused`` connection may just be closed from the other end, which is told apart from a
        failure by no answer at all: what may be repeated is then sent once more, by a new connection (RFC 9112
        section 9.3.1).
        """
        if call.cancelled:
            self._app.release(self)
            call.done()
            return
        self._call = call
        self._parser = httptools.HttpResponseParser(self)
        self._lines = []
        self._reason = b""
        self._framed = self._uploaded = False
        self._tunnel = b"\r\nupgrade: websocket" in call.raw
        bodyless = call.ended and not call.body
        self._repeatable = reused and bodyless and not self._tunnel and call.method in IDEMPOTENT
        unframed = b"\r\ncontent-length: " not in call.raw and not self._tunnel
        self._chunked = unframed and (bool(call.body) or not call.ended)
        head = call.raw[:-2] + b"transfer-encoding: chunked\r\n\r\n" if self._chunked else call.raw
        self.transport.write(head)
        call.on_body, call.on_cancel, call.on_drained = self._upload, self._cancelled, self.transport.resume_reading
        if call.body or call.ended:
            self._upload()

    def _upload(self) -> None:
        call = self._call
        if call is None or self._taking or self._held or self._uploaded:
            return
        self._taking = True  # taking some may let more come at once
        while call.body and not self._held:
            data = call.take()
            self.transport.write(b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data)
        self._taking = False
        if call.ended and not call.body:
            self._uploaded = True
            if self._chunked:
                self.transport.write(b"0\r\n%b\r\n" % call.trailers)

    def pause_writing(self) -> None:
        """What is not taken holds the router back, and the router its client."""
        self._held = True

    def resume_writing(self) -> None:
        self._held = False
        self._upload()

    def _cancelled(self) -> None:
        call, self._call = self._call, None
        self.transport.abort()
        if call is not None:
            call.done()

    # -- the server's response --

    def data_received(self, data: bytes) -> None:
        call = self._call
        if call is None:
            self.transport.close()
            return
        if self._tunnel and call.answered:
            self._pass(data)
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            rest = data[upgrade.args[0] :]
            if self._tunnel and rest:
                self._pass(rest)
        except httptools.HttpParserError:
            self._broken()

    def on_message_begin(self) -> None:
        self._lines = []
        self._reason = b""

    def on_status(self, status: bytes) -> None:
        self._reason += status

    def on_header(self, name: bytes, value: bytes) -> None:
        name = name.lower()
        self._framed = self._framed or name in (b"content-length", b"transfer-encoding")
        if name not in _HOP_BY_HOP and name != b"upgrade":
            self._lines.append(b"%b: %b\r\n" % (name, value))

    def on_headers_complete(self) -> None:
        call = self._call
        status = self._parser.get_status_code()
        if call is None or (status < 200 and status != 101):
            if call is not None and status in _PASSED_ON:
                call.interim(self._head(status))
            return
        self._keep = self._parser.should_keep_alive() and call.method != b"HEAD"
        self._tunnel = self._tunnel and status == 101
        call.begin(self._head(status))
        self._lines = []  # what follows are trailers
        if call.method == b"HEAD":
            self._finish()
        elif self._tunnel or status == 200:
            call.send(b"", False)

    def _head(self, status: int) -> bytes:
        return b"HTTP/1.1 %d %b\r\n%b\r\n" % (status, self._reason, b"".join(self._lines))

    def on_body(self, data: bytes) -> None:
        self._pass(data)

    def on_message_complete(self) -> None:
        if self._call is not None and self._call.answered and not self._tunnel:
            self._finish()

    def _pass(self, data: bytes) -> None:
        if self._call is not None and not self._call.send(data, False):
            self.transport.pause_reading()

    def _finish(self) -> None:
        call, self._call = self._call, None
        if call is not None:
            complete = self._uploaded
            call.end_with(b"".join(self._lines))
            self.transport.resume_reading()  # its last part may have had to wait, and nobody tells an ended call
            if self._keep and complete:
                self._app.release(self)
            else:
                self.transport.close()

    def _broken(self) -> None:
        call, self._call = self._call, None
        self.transport.abort()
        if call is not None:
            call.fail()

    def connection_lost(self, exc: Exception | None) -> None:
        self._app.forget(self)
        call, self._call = self._call, None
        if call is None:
            return
        if self._repeatable and not call.answered and not self._reason:
            self._app.connect(call)
        elif call.answered and (self._tunnel or not self._framed) and exc is None:
            call.send(b"", True)
        else:
            call.fail()
