"""The environment's end of a channel: requests come in one after the other, and become calls."""

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from fanout_router.adapter.call import Call
from fanout_router.errors import ChannelError
from fanout_router.messages import CANCEL, MessageReader, pack
from fanout_router.wire import Headers, Stream, frames

if TYPE_CHECKING:
    from fanout_router.adapter.session import Session

_log = logging.getLogger(__name__)
_CANCELLED = pack(CANCEL)


class AdapterChannel(MessageReader):
    """One channel. When the router resets it, another takes its place at once; a call that does not end is left
    behind.
    """

    __slots__ = ("_credit_at", "_session", "_stream", "call")

    def __init__(self, session: "Session") -> None:
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
            self._session.abandoned.discard(call)
            return
        self.call = None
        call.body.clear()
        self._session.count(call, failed)
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
        if self.call is not None:
            self._tell(self.call, self.call.on_drained)

    def stream_closed(self, code: int) -> None:  # noqa: ARG002
        """The router reset the channel, or is gone."""
        call, self.call = self.call, None
        if call is not None:
            call.body.clear()
            self._session.abandoned.add(call)
            self._cancel(call)
            self._session.count(call, False)
            if call.answered:  # else it may be at work for more than its answer
                self._tell(call, call.on_abandon)
        self._session.channel_closed(self, reopen=True)

    # -- MessageReader --

    def head_received(self, head: bytes, end: bool, alone: bool) -> None:  # noqa: ARG002
        """A request."""
        if self.call is not None:
            raise ChannelError("a request before the last one has ended")
        try:
            call = self.call = Call(self, head, end)
        except ValueError:
            raise ChannelError("a request head that is none") from None
        self._tell(call, lambda: self._session.app.handle(call))

    def body_received(self, data: bytes | memoryview, end: bool) -> None:
        """A part of a request's body."""
        call = self.call
        if call is None or call.cancelled:
            return
        if len(data):
            call.body.append(bytes(data))
        call.ended = end
        self._tell(call, call.on_body)

    def trailers_received(self, lines: bytes) -> None:
        """What comes behind a request's body, and its end."""
        if self.call is not None:
            self.call.trailers = lines
        self.body_received(b"", True)

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
            self._tell(call, call.on_cancel)

    @staticmethod
    def _tell(call: Call, what: Callable[[], object] | None) -> None:
        """Tell a call's app; whatever it raises ends that call, and neither the channel nor its neighbours."""
        if what is None:
            return
        try:
            what()
        except Exception:  # noqa: BLE001 - of any kind of app
            _log.exception("the app raised an exception")
            call.fail()
            call.done()
