"""The router's end of a channel: one long-lived stream from an environment that carries requests one at a time.

Whatever goes wrong with a request stays within its channel: a client that leaves cancels its request in-band
and the channel is used again; an app that fails says so in-band; only broken framing resets the stream, and
only this one.
"""

import logging
import re
from typing import TYPE_CHECKING, Final

from fanout_router.environment import Environment
from fanout_router.errors import ChannelError
from fanout_router.exchange import Exchange, Failure
from fanout_router.messages import BODY, CANCEL, END, HEAD, HEADER, REFUSED, TRAILERS, MessageReader, pack
from fanout_router.wire import Headers, Stream, frames

if TYPE_CHECKING:
    from fanout_router.dispatcher import Dispatcher

_log: Final = logging.getLogger(__name__)
_CANCEL: Final = pack(CANCEL)
_INTERIM: Final = re.compile(rb"HTTP/1\.1 10[23][ \r]")
"""Processing and Early Hints. Continue is said by the router itself, and Switching Protocols is final."""
_pack: Final = HEADER.pack
_unpack: Final = HEADER.unpack_from
_LAST_BODY: Final = BODY | END


class Channel(MessageReader):
    """A channel. Free when ``exchange`` is None and it is not ``cancelling``."""

    __slots__ = (
        "_credit_at",
        "_held",
        "_sent_all",
        "cancelling",
        "closed",
        "deadline",
        "environment",
        "exchange",
        "owner",
        "started",
        "stream",
    )

    def __init__(self, stream: Stream, environment: Environment, owner: "Dispatcher") -> None:
        super().__init__()
        self.stream = stream
        self.environment = environment
        self.owner = owner
        self.exchange: Exchange | None = None
        self.deadline = float("inf")
        """When the present request, or its cancellation, has taken too long."""
        self.started = 0.0
        self.cancelling = False
        self.closed = False
        self._held = False
        self._sent_all = True
        self._credit_at = stream.connection.limits.stream_window >> 1
        stream.handler = self

    # -- towards the environment --

    def start(self, exchange: Exchange, now: float, until: float) -> None:
        """Send a request; the channel must be free. ``until`` is when it has taken too long."""
        self.started = now
        self.deadline = until
        self.exchange = exchange
        exchange.channel = self
        exchange.environment = self.environment
        exchange.attempts += 1
        if exchange.buffered is not None:
            body, exchange.buffered = b"".join(exchange.buffered), None
            last = exchange.complete and not exchange.trailers
            exchange.payload += _pack(len(body), BODY | END if last else BODY) + body
        self._sent_all = complete = exchange.complete
        payload = exchange.payload
        if complete and exchange.trailers:  # they are said anew to each environment: not all take them
            payload += self._ending(exchange)
        if self.stream.send(payload):
            exchange.delivered = True
        else:
            waiting = self.stream.pending
            exchange.delivered = waiting is None or len(waiting) < len(payload)
        if not complete and self.stream.pending is None:
            exchange.upload_drained()

    def send_body(self, data: bytes, end: bool) -> bool:
        """Send more of the request's body; False asks for no more until ``upload_drained``."""
        self._sent_all = end
        exchange = self.exchange
        if exchange is not None:
            exchange.payload = b""
            if not exchange.answered:
                self.owner.request_moved(self)
        return self.stream.send(data, prefix=_pack(len(data), BODY | END if end else BODY))

    def end_body(self) -> None:
        """End the request's body, with the exchange's trailers if there are any."""
        if self.exchange is None or not self.exchange.trailers:
            self.send_body(b"", True)
        else:
            self._sent_all = True
            self.exchange.payload = b""
            self.stream.send(self._ending(self.exchange))

    def _ending(self, exchange: Exchange) -> bytes:
        if self.environment.takes_trailers:
            return pack(TRAILERS | END, exchange.trailers)
        return pack(BODY | END)

    def resume(self) -> None:
        """The client takes data again: return the credit that was withheld."""
        self._held = False
        self.stream.credit()

    def cancel(self, until: float) -> None:
        """Give the present request up, without a word to its exchange; ``until`` is when patience ends."""
        exchange, self.exchange = self.exchange, None
        if exchange is not None:
            exchange.channel = None
        if not self.closed:
            self.cancelling = True
            self.deadline = until
            self.stream.send(_CANCEL)
            self.resume()

    def close(self) -> None:
        """Close a free channel in order."""
        if not self.closed:
            self.closed = True
            self.stream.send(b"", end=True)
            self.owner.channel_gone(self)

    def reset(self, failure: Failure = Failure.ENVIRONMENT_LOST) -> None:
        """Close the channel at once; its request fails."""
        self.stream.reset(frames.CANCEL)
        self._gone(failure)

    # -- from the environment --

    def data_received(self, data: bytes | memoryview, end: bool) -> None:
        """Bytes of the stream came; nearly always they are one whole response.

        Whatever goes wrong with one of them, the other channels of the connection must not see it.
        """
        try:
            self._receive(data, end)
        except ChannelError:
            self.reset(Failure.BAD_RESPONSE)
        except Exception:  # noqa: BLE001 - of any kind of client
            _log.exception("a response of environment %s cannot be passed on", self.environment.id)
            self.reset(Failure.BAD_RESPONSE)

    def _receive(self, data: bytes | memoryview, end: bool) -> None:
        exchange = self.exchange
        size = len(data)
        if exchange is not None and size > 10 and not (end or self._buffer or exchange.answered):
            length, flags = _unpack(data)
            body_at = length + 10
            if flags == HEAD and body_at <= size:
                length, flags = _unpack(data, body_at - 5)
                if flags == _LAST_BODY and body_at + length == size:
                    self._whole(exchange, data[5 : body_at - 5], data[body_at:])
                    return
        self._piece(data, end)

    def _whole(self, exchange: Exchange, head: bytes | memoryview, body: bytes | memoryview) -> None:
        exchange.answered = True
        if not exchange.response_whole(head if type(head) is bytes else bytes(head), body):
            self._fail(Failure.BAD_RESPONSE)
        elif self.exchange is not None:
            if self._sent_all:
                self.exchange = exchange.channel = None
                self.owner.channel_free(self)
            else:
                self._finish()
        if self.stream.unacknowledged > self._credit_at and not self._held:
            self.stream.credit()

    def _piece(self, data: bytes | memoryview, end: bool) -> None:
        self.feed(data)
        if end:
            self.stream.send(b"", end=True)
            self._gone(Failure.ENVIRONMENT_LOST)
        elif self.stream.unacknowledged > self._credit_at and not self._held:
            self.stream.credit()

    def head_received(self, head: bytes, end: bool, alone: bool) -> None:
        """The head of the response."""
        exchange = self.exchange
        if exchange is None or exchange.answered:
            self._unexpected()
            return
        if _INTERIM.match(head) and not end:
            exchange.interim(head)
            return
        exchange.answered = True
        if not exchange.response_head(head, end, alone):
            self._fail(Failure.BAD_RESPONSE)
        elif end:
            if self.exchange is not None:  # else it has cancelled itself meanwhile
                self._finish()
        elif alone:
            self.owner.channel_active(self)

    def body_received(self, data: bytes | memoryview, end: bool) -> None:
        """A part of the response's body."""
        exchange = self.exchange
        if exchange is None or not exchange.answered:
            self._unexpected()
            return
        held = exchange.response_data(data, end)
        if self.exchange is None:
            return  # the exchange has cancelled itself meanwhile
        if end:
            self._finish()
        else:
            self._held = held
            self.owner.channel_active(self)

    def trailers_received(self, lines: bytes) -> None:
        """What comes behind the response's body, and its end."""
        if self.exchange is not None and self.exchange.answered:
            self.exchange.response_trailers(lines)
        self.body_received(b"", True)

    def signal_received(self, signal: int) -> None:
        """CANCEL ends our own cancellation; FAILED and REFUSED end the request."""
        if self.cancelling:
            if signal == CANCEL:
                self.cancelling = False
                self._free()
            return
        if self.exchange is None or signal == CANCEL:
            raise ChannelError("signal without a request")
        if signal == REFUSED and not self.exchange.answered:
            self.exchange.delivered = False
            self._fail(Failure.ENVIRONMENT_LOST)
        else:
            self._fail(Failure.APP_FAILED)

    def stream_drained(self) -> None:
        """The stream has written all it held."""
        exchange = self.exchange
        if exchange is not None:
            exchange.delivered = True
            if not exchange.answered:
                self.owner.request_moved(self)
            if not self._sent_all:
                exchange.upload_drained()

    def headers_received(self, headers: Headers, end: bool) -> None:
        """Never called: the environment opened the stream."""

    def stream_closed(self, code: int) -> None:  # noqa: ARG002
        """The environment reset the channel, or is gone."""
        self._gone(Failure.ENVIRONMENT_LOST)

    def _unexpected(self) -> None:
        if not self.cancelling:
            raise ChannelError("response without a request, or a second head")

    def _finish(self) -> None:
        exchange, self.exchange = self.exchange, None
        if exchange is not None:
            exchange.channel = None
        if self._sent_all:
            self._free()
        else:  # answered before the request was all there: the rest of it is not wanted
            self.cancel(self.deadline)

    def _fail(self, failure: Failure) -> None:
        exchange, self.exchange = self.exchange, None
        if exchange is None:
            return
        exchange.channel = None
        if failure is Failure.BAD_RESPONSE:
            _log.warning("environment %s did not give a valid response", self.environment.id)
        self.owner.exchange_broken(exchange, failure)
        if self._sent_all and failure is not Failure.BAD_RESPONSE:
            self._free()
        else:
            self.cancel(self.deadline)

    def _free(self) -> None:
        self._held = False
        if self.stream.unacknowledged > self._credit_at:
            self.stream.credit()
        self.owner.channel_free(self)

    def _gone(self, failure: Failure) -> None:
        if not self.closed and self.stream.connection.closed:
            self.owner.environment_lost(self.environment)
        if self.closed:
            return
        self.closed = True
        exchange, self.exchange = self.exchange, None
        self.owner.channel_gone(self)
        if exchange is not None:
            exchange.channel = None
            self.owner.exchange_broken(exchange, failure)
