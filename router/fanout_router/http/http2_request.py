"""One request of an HTTP/2 connection: a stream, as the dispatcher and the channels see it."""

from typing import TYPE_CHECKING

from fanout_router.exchange import Failure
from fanout_router.http.front import Outcome
from fanout_router.http.http2_heads import RequestHead, response_headers
from fanout_router.http.refusals import STATUS_OF, RefusedError, refusal_parts
from fanout_router.http.request import ClientRequest
from fanout_router.http.responses import UNKNOWN_LENGTH, check
from fanout_router.trailers import allowed
from fanout_router.wire import Headers, Stream, frames

if TYPE_CHECKING:
    from fanout_router.http.front import ClientConnection
    from fanout_router.http.http2 import Http2Protocol

__all__ = ["StreamRequest"]


class StreamRequest(ClientRequest):
    """A client's request and its stream. ``touched`` is when the client last moved it on, by the front's clock."""

    __slots__ = (
        "_bodyless", "_declared", "_remaining", "_trailers", "over", "protocol", "stalled", "stream", "submitted",
        "touched", "upgrade", "wants_trailers",
    )  # fmt: skip

    protocol: "Http2Protocol"

    def __init__(self, protocol: "Http2Protocol", stream: Stream) -> None:
        super().__init__()
        self.protocol = protocol
        self.stream = stream
        self.method = self.target = self.given_id = b""
        self.client = ""
        self.number = self.status = self.sent = self.upload_size = 0
        self.touched = protocol.front.now
        self.submitted = False
        self.over = False
        """Answered, refused or given up; the stream may still have to write what it holds."""
        self.stalled = False
        """The upload is held back: by the queue, or by the environment."""
        self.upgrade = False
        """It asks for a WebSocket: what follows both ways is no HTTP, and may be silent for long."""
        self.wants_trailers = False
        self._trailers: Headers = []
        self._declared: int | None = None
        self._bodyless = False
        self._remaining = UNKNOWN_LENGTH
        stream.handler = self

    @property
    def connection(self) -> "ClientConnection":
        """The connection that it came on."""
        return self.protocol

    def begin(self, head: RequestHead, end: bool) -> None:
        """Ask for an answer.

        :raises RefusedError: the length is beyond the limit.
        """
        self.complete = end
        self._declared = head.length
        self.wants_trailers = head.wants_trailers
        limit = self.protocol.front.limits.body
        if limit is not None and (head.length or 0) > limit:
            raise RefusedError(413)
        if head.expects_continue and not end:
            self.stream.send_headers([(b":status", b"100")])
        self.submitted = True
        self.dispatcher.submit(self)

    def refuse(self, status: int) -> None:
        """Answer in the app's stead, whatever has come of the request."""
        self.over = True
        self.status = status
        request_id = self.request_id.decode("latin-1") if self.submitted else ""
        fields, text = refusal_parts(status, request_id)
        headers: Headers = [(b":status", b"%d" % status)]
        headers += [(name.encode(), value.encode()) for name, value in fields]
        if self.method == b"HEAD":
            self.stream.send_headers(headers, end=True)
        else:
            self.stream.send_headers(headers)
            self.stream.send(text, end=True)
        self.protocol.answered(self)

    # -- from the client --

    def headers_received(self, headers: Headers, end: bool) -> None:
        """Never called: clients open streams."""

    def data_received(self, data: bytes | memoryview, end: bool) -> None:
        """A part of the body; the last one may be empty, or stand for trailers."""
        self.touched = self.protocol.front.now
        if self.over:
            return  # what comes behind an answer is not wanted; its credit stays withheld
        self.upload_size += len(data)
        declared, limit = self._declared, self.protocol.front.limits.body
        if declared is not None and (self.upload_size > declared or (end and self.upload_size < declared)):
            self._give_up(frames.PROTOCOL_ERROR)  # RFC 9113 section 8.1.1
        elif limit is not None and self.upload_size > limit and not self.upgrade:
            self._leave()
            self.refuse(413)
        else:
            self.complete = end
            self._upload(data, end)

    def _upload(self, data: bytes | memoryview, end: bool) -> None:
        if self.stream.trailers and not self.upgrade:
            self.trailers = allowed(b"".join(b"%b: %b\r\n" % field for field in self.stream.trailers))
        if self.channel is not None and self.trailers:
            self.channel.end_body()
            taken = True
        elif self.channel is not None:
            taken = self.channel.send_body(bytes(data), end)
        else:
            if self.buffered is None:
                self.buffered = []
            if len(data):
                self.buffered.append(bytes(data))
            taken = self.upload_size <= self.protocol.front.limits.buffered
        self.stalled = not taken and not end
        if taken:
            self._credit()

    def _credit(self) -> None:
        if self.stream.unacknowledged > self.protocol.credit_at:
            self.stream.credit()

    def upload_drained(self) -> None:
        """The channel takes more of the body."""
        self.stalled = False
        self.touched = self.protocol.front.now
        self._credit()

    def stream_drained(self) -> None:
        """The client has taken all that waited for it."""
        self.touched = self.protocol.front.now
        if self._trailers and self.over:
            self._send_trailers()
        if self.channel is not None:
            self.channel.resume()

    def stream_closed(self, code: int) -> None:  # noqa: ARG002
        """The client gives the request up, or has left."""
        if not self.over:
            self.over = True
            self._leave()
            if self.submitted:
                self.protocol.front.observe(self, Outcome.DEPARTED)
            self.protocol.closed(self)

    def expired(self) -> None:
        """The client has moved nothing on for too long."""
        if self.over or self.answered:
            self._give_up(frames.CANCEL)
        else:
            self._leave()
            self.refuse(408)

    def _give_up(self, code: int) -> None:
        """Reset the stream; nothing more is heard of it."""
        self.stream.reset(code)
        if not self.over:
            self.over = True
            self._leave()
            if self.submitted:
                self.protocol.front.observe(self, Outcome.CUT if self.status else Outcome.DEPARTED)
        self.protocol.closed(self)

    def _leave(self) -> None:
        if self.submitted:
            self.dispatcher.depart(self)

    # -- from the environment --

    def interim(self, head: bytes) -> None:
        """Pass an interim response on."""
        checked = check(head)
        headers = None if checked is None else response_headers(checked.fields, checked.status)
        if headers is not None and not self.over:
            self.stream.send_headers(headers)

    def response_whole(self, head: bytes, body: bytes | memoryview) -> bool:
        """Head and body came in one piece; the same as the two calls below."""
        checked = check(head)
        if checked is None or (self.method != b"HEAD" and not checked.fits(len(body))):
            return False
        return super().response_whole(head, body)

    def response_head(self, head: bytes, end: bool, alone: bool) -> bool:  # noqa: ARG002
        """Send the response's headers."""
        checked = check(head)
        if checked is None:
            return False
        status = checked.status
        if self.upgrade and status < 300:  # any 2xx would tell the client that it has its tunnel (RFC 8441 section 5)
            status = 200 if status == 101 else 0
        headers = response_headers(checked.fields, status)
        if headers is None or status < 200:
            return False
        if end and self.method != b"HEAD" and not checked.fits(0):
            return False
        self.status = status
        if checked.status == 101:
            pass  # what follows is the tunnel
        elif self.method == b"HEAD" or not checked.has_body:
            self._bodyless = True
        else:
            self._remaining = checked.length
        self.stream.send_headers(headers, end=end)
        if end:
            self._finished()
        return True

    def response_trailers(self, lines: bytes) -> None:
        """Send them behind the body, to a client that says that it reads them."""
        if self.wants_trailers and not self._bodyless and not self.upgrade:
            fields = (line.partition(b": ") for line in allowed(lines).split(b"\r\n")[:-1])
            self._trailers = [(name, value) for name, _, value in fields]

    def _send_trailers(self) -> None:
        trailers, self._trailers = self._trailers, []
        if not self.stream.closed:
            self.stream.send_headers(trailers, end=True)

    def response_data(self, data: bytes | memoryview, end: bool) -> bool:
        """Send a part of the response's body."""
        if self._bodyless:
            data = b""
        size = len(data)
        if self._remaining >= 0:
            self._remaining -= size
            if self._remaining < 0 or (end and self._remaining):
                self.dispatcher.give_up(self, Failure.BAD_RESPONSE)
                return False
        self.sent += size
        stream = self.stream
        if stream.pending is None:
            self.touched = self.protocol.front.now
        ends = end and not self._trailers
        taken = stream.send(bytes(data), end=ends) if size or ends else stream.pending is None
        if end:
            if self._trailers and stream.pending is None:
                self._send_trailers()
            self._finished()
        return not taken

    def failed(self, failure: Failure) -> None:
        """Answer in the app's stead, or cut the response off where it stands."""
        if self.over:
            return
        if self.status:
            self._give_up(frames.INTERNAL_ERROR)
        else:
            self.refuse(STATUS_OF[failure])

    def _finished(self) -> None:
        self.over = True
        self.protocol.answered(self)
