"""The environment's end of a channel: requests come in one after the other, and become calls."""

from typing import Protocol

from fanout_router.adapter.call import Application, Call
from fanout_router.errors import ChannelError
from fanout_router.messages import CANCEL, MessageReader, pack
from fanout_router.wire import ClientConnection, Headers, Stream, frames

_CANCELLED = pack(CANCEL)


class ChannelOwner(Protocol):
    """Who opens a channel's stream and is told what becomes of the channel: the session."""

    app: Application
    wire: ClientConnection

    def open_stream(self, channel: "AdapterChannel") -> Stream:
        """Open a channel."""

    def channel_closed(self, channel: "AdapterChannel", *, reopen: bool) -> None:
        """The channel is closed; with ``reopen`` another one may take its place."""

    def refused(self, status: str) -> None:
        """The router did not admit the channel."""

    def count(self, call: Call, failed: bool) -> None:
        """A call is over."""


class AdapterChannel(MessageReader):
    """One channel. When the router resets it, it is opened anew as soon as its call has ended."""

    __slots__ = ("_credit_at", "_session", "_stream", "call")

    def __init__(self, session: ChannelOwner) -> None:
        super().__init__()
        self._session = session
        self.call: Call | None = None
        self._stream: Stream = session.open_stream(self)
        self._credit_at = session.wire.limits.stream_window >> 1

    # -- for calls --

    def write(self, data: bytes, prefix: bytes = b"") -> bool:
        """Send messages; False when some of them have to wait."""
        return self._stream.closed or self._stream.send(data, prefix=prefix)

    def credit(self) -> None:
        """The app has taken all body that had come."""
        if self._stream.unacknowledged > self._credit_at:
            self._stream.credit()

    def call_finished(self, call: Call, failed: bool = False) -> None:
        """A call is over: answered, failed, or cancelled and its app has ended."""
        if self.call is not call:
            return
        self.call = None
        call.body.clear()
        self._session.count(call, failed)
        if self._stream.closed:
            self._session.channel_closed(self, reopen=True)
            return
        if call.cancelled:
            self._stream.send(_CANCELLED)
        self.credit()

    # -- StreamHandler --

    def headers_received(self, headers: Headers, end: bool) -> None:
        """The router has admitted the channel, or not."""
        status = dict(headers).get(b":status", b"")
        if status != b"200" or end:
            self._session.refused(status.decode("latin-1"))

    def data_received(self, data: bytes | memoryview, end: bool) -> None:
        """Bytes of the router."""
        try:
            self.feed(data)
        except ChannelError:
            self._stream.reset(frames.PROTOCOL_ERROR)
            self.stream_closed(frames.PROTOCOL_ERROR)
            return
        if end:  # the router wants no more of this channel
            self._stream.send(b"", end=True)
            self._session.channel_closed(self, reopen=False)
        elif self.call is None:
            self.credit()

    def stream_drained(self) -> None:
        """The router has taken all that was sent."""
        if self.call is not None and self.call.on_drained is not None:
            self.call.on_drained()

    def stream_closed(self, code: int) -> None:  # noqa: ARG002
        """The router reset the channel, or is gone."""
        if self.call is None:
            self._session.channel_closed(self, reopen=True)
        else:
            self._cancel(self.call)

    # -- MessageReader --

    def head_received(self, head: bytes, end: bool, alone: bool) -> None:  # noqa: ARG002
        """A request."""
        if self.call is not None:
            raise ChannelError("a request before the last one has ended")
        try:
            call = self.call = Call(self, head, end)
        except ValueError:
            raise ChannelError("a request head that is none") from None
        self._session.app.handle(call)

    def body_received(self, data: bytes | memoryview, end: bool) -> None:
        """A part of a request's body."""
        call = self.call
        if call is None or call.cancelled:
            return
        if len(data):
            call.body.append(bytes(data))
        call.ended = end
        if call.on_body is not None:
            call.on_body()

    def signal_received(self, signal: int) -> None:
        """The router wants no more of the present request; with none, it has crossed our last answer."""
        if signal != CANCEL:
            raise ChannelError("a signal that routers do not send")
        if self.call is None:
            self._stream.send(_CANCELLED)
        else:
            self._cancel(self.call)

    def _cancel(self, call: Call) -> None:
        if not call.cancelled:
            call.cancelled = True
            if call.on_cancel is not None:
                call.on_cancel()
