"""One stream of an HTTP/2 client: the exchange whose response is written to that stream."""

from typing import Protocol

from fanout_router.exchange import Failure
from fanout_router.http.client_request import ClientRequest, Connection
from fanout_router.http.front import Front
from fanout_router.http.h2_head import RefusedError, RequestHead, response_headers
from fanout_router.http.refusal import STATUS_OF, refusal_parts
from fanout_router.http.response import UNKNOWN_LENGTH, check
from fanout_router.wire import Headers, Stream, frames

__all__ = ["StreamRequest"]


class StreamConnection(Connection, Protocol):
    """The connection of a stream, as far as its request needs it."""

    credit_at: int
    """Bytes of a request's body above which their credit is returned to the client."""

    @property
    def front(self) -> Front:
        """What all client connections share."""

    def answered(self, request: "StreamRequest") -> None:
        """A response has been handed to its stream in full."""

    def closed(self, request: "StreamRequest", /) -> None:
        """A request is over, one way or the other."""


class StreamRequest(ClientRequest):
    """A client's request and its stream. ``touched`` is when the client last moved it on, by the front's clock."""

    __slots__ = ("_bodyless", "_declared", "_remaining", "over", "stalled", "stream", "submitted", "touched")

    protocol: StreamConnection

    def __init__(self, protocol: StreamConnection, stream: Stream) -> None:
        super().__init__()
        self.protocol = protocol
        self.stream = stream
        self.method = self.target = self.given_id = b""
        self.number = self.status = self.sent = self.upload_size = 0
        self.touched = protocol.front.now
        self.submitted = False
        self.over = False
        """Answered, refused or given up; the stream may still have to write what it holds."""
        self.stalled = False
        """The upload is held back: by the queue, or by the environment."""
        self._declared: int | None = None
        self._bodyless = False
        self._remaining = UNKNOWN_LENGTH
        stream.handler = self

    def begin(self, head: RequestHead, end: bool) -> None:
        """Ask for an answer.

        :raises RefusedError: the length is beyond the limit.
        """
        self.complete = end
        self._declared = head.length
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
        """A part of the body; the last one may be empty, or stand for trailers, which are dropped."""
        self.touched = self.protocol.front.now
        if self.over:
            return  # what comes behind an answer is not wanted; its credit stays withheld
        self.upload_size += len(data)
        declared, limit = self._declared, self.protocol.front.limits.body
        if declared is not None and (self.upload_size > declared or (end and self.upload_size < declared)):
            self._give_up(frames.PROTOCOL_ERROR)  # RFC 9113 section 8.1.1
        elif limit is not None and self.upload_size > limit:
            self._leave()
            self.refuse(413)
        else:
            self.complete = end
            self._upload(data, end)

    def _upload(self, data: bytes | memoryview, end: bool) -> None:
        if self.channel is not None:
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
        if self.channel is not None:
            self.channel.resume()

    def stream_closed(self, code: int) -> None:  # noqa: ARG002
        """The client gives the request up, or has left."""
        if not self.over:
            self.over = True
            self._leave()
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
            if self.status:
                self.protocol.front.observe(self)
        self.protocol.closed(self)

    def _leave(self) -> None:
        if self.submitted:
            self.dispatcher.depart(self)

    # -- from the environment --

    def response_head(self, head: bytes, end: bool, alone: bool) -> bool:  # noqa: ARG002
        """Send the response's headers."""
        checked = check(head)
        headers = None if checked is None else response_headers(checked.fields, checked.status)
        if checked is None or headers is None or checked.status < 200:
            return False
        self.status = checked.status
        if self.method == b"HEAD" or not checked.has_body:
            self._bodyless = True
        else:
            self._remaining = checked.length
            if end and checked.length > 0:
                self._give_up(frames.INTERNAL_ERROR)
                return True
        self.stream.send_headers(headers, end=end)
        if end:
            self._finished()
        return True

    def response_data(self, data: bytes | memoryview, end: bool) -> bool:
        """Send a part of the response's body."""
        if self._bodyless:
            data = b""
        size = len(data)
        if self._remaining >= 0:
            self._remaining -= size
            if self._remaining < 0 or (end and self._remaining):
                self._give_up(frames.INTERNAL_ERROR)
                return False
        self.sent += size
        stream = self.stream
        if stream.pending is None:
            self.touched = self.protocol.front.now
        taken = stream.send(bytes(data), end=end) if size or end else stream.pending is None
        if end:
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
