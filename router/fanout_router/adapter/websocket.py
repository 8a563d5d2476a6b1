"""WebSocket for ASGI apps in-process: the tunnel that the router makes of an Upgrade becomes messages.

The frames are ``wsproto``'s (the extra ``websocket``), and so is compression (RFC 7692), for clients that offer it.
What they send is inflated a little at a time: else a few bytes of a client would become any number of ours before a
limit could be looked at.
"""

import asyncio
import base64
import binascii
import logging
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

from wsproto import ConnectionType
from wsproto.connection import Connection
from wsproto.events import BytesMessage, CloseConnection, Event, Ping, TextMessage
from wsproto.extensions import PerMessageDeflate
from wsproto.handshake import server_extensions_handshake
from wsproto.utilities import LocalProtocolError, generate_accept_token

from fanout_router.adapter.call import Call, ClientDisconnectedError, log_failure

__all__ = ["WebSocket", "WebSocketLimits"]

_log = logging.getLogger(__name__)
_INFLATED_AT_ONCE = 512
"""Bytes of compressed data: deflate makes 1,032 of one at most."""
_NORMAL, _GOING_AWAY, _ABNORMAL, _TOO_LARGE, _INTERNAL = 1000, 1001, 1006, 1009, 1011

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
App = Callable[[Scope, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class WebSocketLimits:
    """Bounds of one WebSocket; times in seconds."""

    message: int = 1 << 20
    """Bytes of one message; above it the close code is 1009."""
    queue: int = 16
    """Messages that wait for the app; above it the client is held back."""
    ping_every: float = 30.0
    """Without a sign of life from one ping to the next, the client counts as gone."""
    close_timeout: float = 5.0
    """For the client to answer a close."""


class WebSocket:
    """``receive`` and ``send`` of one call that is a WebSocket."""

    def __init__(self, call: Call, limits: WebSocketLimits | None = None) -> None:
        self._call = call
        self._limits = limits or WebSocketLimits()
        self._loop = asyncio.get_running_loop()
        self._deflate = PerMessageDeflate()
        self._link = Connection(ConnectionType.SERVER)
        self._fields = call.fields
        self._inbox: deque[Message] = deque([{"type": "websocket.connect"}])
        self._partial: list[str | bytes] = []
        self._partial_size = 0
        self._accepted = self._denying = self._feeding = False
        self._gone: Message | None = None
        """The disconnect, once there is one."""
        self._heard = True
        self._wake = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._timer: asyncio.TimerHandle | None = None
        """For the next ping, and for an app that does not see that its client has left."""
        self._task: asyncio.Task[None] | None = None

    async def run(self, app: App, scope: Scope) -> None:
        """Serve the call with an app, until both sides are through."""
        if self._call.cancelled or not self._handshake_is_valid():
            return
        self._task = asyncio.current_task()
        scope["type"] = "websocket"
        scope["scheme"] = "wss" if scope["scheme"] == "https" else "ws"
        scope["subprotocols"] = self._subprotocols()
        scope["extensions"] = {"websocket.http.response": {}}
        scope.pop("method", None)
        self._call.on_body, self._call.on_cancel, self._call.on_drained = self._feed, self._lost, self._room.set
        try:
            await app(scope, self.receive, self.send)
        except (asyncio.CancelledError, GeneratorExit):
            self._close(_GOING_AWAY, "")
            self._end()
            raise
        except BaseException as error:  # noqa: BLE001 - SystemExit too: whatever an app raises ends its own call alone
            log_failure(error, departed=self._gone is not None)
            await self._finish(_INTERNAL)
        else:
            await self._finish(_NORMAL)

    def _subprotocols(self) -> list[str]:
        offered = [value for name, value in self._fields if name == b"sec-websocket-protocol"]
        return [token.strip() for token in b",".join(offered).decode("latin-1").split(",") if token.strip()]

    def _handshake_is_valid(self) -> bool:
        """Answer a handshake that is none (RFC 6455 section 4.2)."""
        fields = dict(self._fields)
        if fields.get(b"sec-websocket-version") != b"13":
            self._refuse(426, [(b"sec-websocket-version", b"13")])
            return False
        try:
            valid = len(base64.b64decode(fields.get(b"sec-websocket-key", b""), validate=True)) == 16
        except binascii.Error:
            valid = False
        if not valid:
            self._refuse(400, [])
        return valid

    def _refuse(self, status: int, fields: list[tuple[bytes, bytes]]) -> None:
        self._call.start(status, [*fields, (b"content-length", b"0")])
        self._call.send(b"", True)

    # -- from the client --

    async def receive(self) -> Message:
        """The next message, as ASGI has it."""
        while not self._inbox:
            if self._gone is not None:
                await asyncio.sleep(0)  # an app that asks again and again must not keep the loop from all others
                return self._gone
            self._wake.clear()
            await self._wake.wait()
        message = self._inbox.popleft()
        self._feed()
        return message

    def _feed(self) -> None:
        """Take what has come, unless the app lags behind: then the router holds the client back."""
        if self._feeding or not self._accepted:
            return
        call = self._call
        self._feeding = True  # taking some may let more come at once
        while call.body and len(self._inbox) < self._limits.queue and self._gone is None:
            self._take(call.take())
        self._feeding = False
        if call.ended and not call.body:
            self._lost()

    def _take(self, data: bytes) -> None:
        self._heard = True
        step = _INFLATED_AT_ONCE if self._deflate.enabled() else max(len(data), 1)
        for at in range(0, len(data), step):
            self._link.receive_data(data[at : at + step])
            for event in self._link.events():
                self._on_event(event)
                if self._gone is not None:
                    return

    def _on_event(self, event: Event) -> None:
        if isinstance(event, TextMessage | BytesMessage):
            self._on_part(event)
        elif isinstance(event, Ping):
            self._write(event.response())
        elif isinstance(event, CloseConnection):
            self._write(event.response())
            self._disconnected(int(event.code), event.reason or "")

    def _on_part(self, event: TextMessage | BytesMessage) -> None:
        self._partial.append(event.data if isinstance(event.data, str) else bytes(event.data))
        self._partial_size += len(event.data)
        if self._partial_size > self._limits.message:
            self._write(CloseConnection(_TOO_LARGE, f"at most {self._limits.message} bytes"))
            self._disconnected(_TOO_LARGE, "message too large")
        elif event.message_finished:
            text = isinstance(event, TextMessage)
            parts, self._partial, self._partial_size = self._partial, [], 0
            whole = "".join(parts) if text else b"".join(parts)  # type: ignore[arg-type]
            self._inbox.append({"type": "websocket.receive", "text" if text else "bytes": whole})
            self._wake.set()

    def _lost(self) -> None:
        """The client has left without a close."""
        self._disconnected(_ABNORMAL, "")

    def _disconnected(self, code: int, reason: str) -> None:
        if self._gone is not None:
            return
        self._gone = {"type": "websocket.disconnect", "code": code, "reason": reason}
        self._wake.set()
        self._room.set()
        if self._call.cancelled:
            self._call.done()
            if self._task is not None:  # an app that waits for something else does not see that its client has left
                self._time(self._limits.close_timeout, self._task.cancel)
        elif self._accepted:
            self._call.send(b"", True)

    # -- from the app --

    async def send(self, message: Message) -> None:
        """Take a message of the app.

        :raises RuntimeError: ASGI does not allow it here.
        :raises ClientDisconnectedError: the client has left.
        """
        kind = message["type"]
        if self._gone is not None and kind != "websocket.close":
            raise ClientDisconnectedError("the client has left")
        if kind == "websocket.accept" and not self._accepted:
            self._accept(message)
        elif kind == "websocket.send" and self._accepted:
            text = message.get("text")
            await self._write_and_wait(TextMessage(text) if text is not None else BytesMessage(message["bytes"]))
        elif kind == "websocket.close":
            self._close(message.get("code", _NORMAL), message.get("reason") or "")
        elif kind == "websocket.http.response.start" and not self._accepted:
            self._denying = True
            self._call.start(message["status"], message.get("headers", ()))
        elif kind == "websocket.http.response.body" and self._denying:
            self._call.send(bytes(message.get("body", b"")), not message.get("more_body", False))
        else:
            raise RuntimeError(f"unexpected ASGI message {kind!r}")

    def _accept(self, message: Message) -> None:
        key = dict(self._fields)[b"sec-websocket-key"]
        fields = [(b"sec-websocket-accept", generate_accept_token(key)), *message.get("headers", ())]
        extensions = self._agree_on_extensions()
        if extensions is not None:
            fields.append((b"sec-websocket-extensions", extensions))
            self._link = Connection(ConnectionType.SERVER, extensions=[self._deflate])
        if message.get("subprotocol"):
            fields.append((b"sec-websocket-protocol", message["subprotocol"].encode("latin-1")))
        self._call.start(101, fields)
        self._call.send(b"", False)
        self._accepted = True
        self._time(self._limits.ping_every, self._ping)
        self._feed()

    def _agree_on_extensions(self) -> bytes | None:
        """Take the client's first offer of compression; what the field then says."""
        offered = [value for name, value in self._fields if name == b"sec-websocket-extensions"]
        offers = [offer.strip() for offer in b",".join(offered).decode("latin-1").split(",")]
        named = [offer for offer in offers if offer.split(";")[0].strip() == PerMessageDeflate.name]
        try:
            return server_extensions_handshake(named[:1], [self._deflate])
        except ValueError:  # parameters that are none
            return None

    def _ping(self) -> None:
        if not self._heard:
            self._lost()
            return
        self._heard = False
        self._write(Ping())
        self._time(self._limits.ping_every, self._ping)

    def _time(self, seconds: float, act: Callable[[], object]) -> None:
        """Do something later, in place of what was to be done."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(seconds, act)

    def _close(self, code: int, reason: str) -> None:
        if self._accepted:
            self._write(CloseConnection(code, reason))
        elif not self._call.answered:
            self._refuse(403, [])

    async def _write_and_wait(self, event: Event) -> None:
        if not self._write(event):
            self._room.clear()
        await self._room.wait()
        if self._gone is not None:
            raise ClientDisconnectedError("the client has left")

    def _write(self, event: Event) -> bool:
        """Send an event; what comes after a close goes nowhere."""
        try:
            data = self._link.send(event)
        except LocalProtocolError:
            return True
        return self._call.send(data, False)

    async def _finish(self, code: int) -> None:
        """The app is through: close, and give the client time to answer."""
        if self._accepted and self._gone is None:
            self._close(code, "")
            try:
                await asyncio.wait_for(self._client_closes(), self._limits.close_timeout)
            except TimeoutError:
                _log.info("a WebSocket client did not answer the close")
        self._end()

    def _end(self) -> None:
        """End the tunnel, and what holds it."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._task = None
        if self._accepted:
            self._call.send(b"", True)

    async def _client_closes(self) -> None:
        """Drop what comes until the client's own close."""
        while self._gone is None and not self._call.cancelled:
            await self.receive()
