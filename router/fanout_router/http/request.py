"""One request of a client connection: the exchange whose response is written to that client."""

from typing import TYPE_CHECKING

from fanout_router.exchange import Exchange, Failure
from fanout_router.http.refusals import STATUS_OF, refusal
from fanout_router.http.responses import JOIN_UP_TO, UNKNOWN_LENGTH, check, known
from fanout_router.trailers import allowed

if TYPE_CHECKING:
    from fanout_router.dispatcher import Dispatcher
    from fanout_router.http.front import ClientConnection, Route
    from fanout_router.http.http1 import ClientProtocol

__all__ = ["ClientRequest", "Request"]


class ClientRequest(Exchange):
    """A client's request, once its head is read. Subclasses set the slots, each at once with its own."""

    __slots__ = (
        "client",
        "dispatcher",
        "given_id",
        "method",
        "number",
        "route",
        "sent",
        "status",
        "target",
        "upload_size",
    )

    route: "Route"
    dispatcher: "Dispatcher"
    method: bytes
    target: bytes
    given_id: bytes
    """The client's own request id, when it sent a good one; else ``number`` makes ours."""
    number: int
    client: str
    """The client's address, where trusted proxies tell another than the connection's."""
    upload_size: int
    """Bytes of request body so far."""
    status: int
    sent: int
    """Bytes of response body."""

    @property
    def connection(self) -> "ClientConnection":
        """The connection that it came on."""
        raise NotImplementedError

    @property
    def request_id(self) -> bytes:
        """What the app sees as X-Request-Id."""
        return self.given_id or self.connection.front.id_prefix + b"%x" % self.number

    @property
    def client_address(self) -> str:
        """Where the request came from, as far as it is known."""
        return self.client or self.connection.peer


class Request(ClientRequest):
    """A client's request. Responses are written straight to the client's transport."""

    __slots__ = (
        "_bodyless",
        "_chunked",
        "_head",
        "_remaining",
        "_trailers",
        "ends_with_connection",
        "expects_continue",
        "http10",
        "keep_alive",
        "plain",
        "protocol",
        "spent",
        "upgrade",
        "upload",
        "wants_trailers",
    )

    protocol: "ClientProtocol"

    def __init__(self, protocol: "ClientProtocol") -> None:
        Exchange.__init__(self)  # by name: half the price of super() on the hottest path
        self.protocol = protocol
        self.method = b""
        self.target = b""
        self.given_id = b""
        self.number = 0
        self.client = ""
        self.keep_alive = True
        self.plain = False
        """A response with a length goes to this client as it is: no HEAD, no HTTP/1.0, no Upgrade."""
        self.spent = False
        """Answered in one plain piece: nobody holds it any more, and the connection's next request may be it again."""
        self.http10 = False
        self.upgrade = False
        self.upload = False
        """A body is to come."""
        self.expects_continue = False
        self.upload_size = 0
        self.status = 0
        self.sent = 0
        self.ends_with_connection = False
        """Nothing but the end of the connection tells the client where the response ends."""
        self._head: bytes | None = None
        self._chunked = False
        self._bodyless = False
        self._remaining = UNKNOWN_LENGTH
        self.wants_trailers = False
        self._trailers = b""

    @property
    def connection(self) -> "ClientConnection":
        """The connection that it came on."""
        return self.protocol

    def renew(self) -> None:
        """Be the next request of the connection: as new, but for what its reader sets anyway."""
        self.spent = self.answered = self.delivered = self.complete = self.expects_continue = False
        self.wants_trailers = False
        self.attempts = self.status = self.sent = self.upload_size = 0
        self.given_id = self._trailers = b""
        self.client = ""
        self.environment = None

    def response_whole(self, head: bytes, body: bytes | memoryview) -> bool:
        """A response that came in one piece, as nearly all do: one write when nothing about it is unusual."""
        checked = known(head)
        if checked is not None and checked.joins == len(body) and self.plain and self.keep_alive and self.complete:
            protocol = self.protocol
            self.status = checked.status
            self.sent = checked.joins
            self.spent = not self.upload
            protocol.transport.write(b"".join((checked.whole, body)))
            protocol.finished(self)
            return True
        checked = check(head)
        if checked is None or (self.method != b"HEAD" and not checked.fits(len(body))):
            return False
        self._close_behind_an_early_answer()
        if not self.response_head(head, False, False):
            return False
        self.response_data(body, True)
        return True

    def _close_behind_an_early_answer(self) -> None:
        """The rest of the request is not wanted, so that the connection ends: say so."""
        if not (self.complete or self.upgrade):
            self.keep_alive = False

    def interim(self, head: bytes) -> None:
        """Pass an interim response on, to a client that knows of them (RFC 9110 section 15.2)."""
        checked = check(head)
        if checked is not None and not self.http10 and not self.status:
            self.protocol.transport.write(checked.whole)

    def response_head(self, head: bytes, end: bool, alone: bool) -> bool:
        """Frame the response for this client; the head waits for its first data, so that both are one
        write.
        """
        checked = check(head)
        if checked is None or (checked.status < 200 and not (checked.status == 101 and self.upgrade)):
            return False
        if end:
            if self.method != b"HEAD" and not checked.fits(0):
                return False
            self._close_behind_an_early_answer()
        out, self.status, self._remaining = checked.fields, checked.status, checked.length
        if self.upgrade and self.status != 101:
            self.keep_alive = False
        if self.method == b"HEAD" or not checked.has_body:
            self._bodyless = self.status != 101
            self._remaining = UNKNOWN_LENGTH
        elif self._remaining < 0:
            out += self._frame(end)
        self._head = out + self._connection_field()
        if end:
            return self._end()
        if alone:
            self._flush()
        return True

    def _frame(self, end: bool) -> bytes:
        """How a client learns where a body of unknown length ends."""
        if end:
            self._remaining = 0
            return b"content-length: 0\r\n"
        if self.http10:
            self.keep_alive = False
            self.ends_with_connection = True
            return b""
        self._chunked = True
        return b"transfer-encoding: chunked\r\n"

    def _connection_field(self) -> bytes:
        if self.status == 101:
            return b"connection: upgrade\r\nupgrade: websocket\r\n\r\n"
        if not self.keep_alive:
            return b"connection: close\r\n\r\n"
        return b"connection: keep-alive\r\n\r\n" if self.http10 else b"\r\n"

    def _end(self) -> bool:
        self._flush()
        self.protocol.finished(self)
        return True

    def response_trailers(self, lines: bytes) -> None:
        """Send them behind the last chunk, to a client that says that it reads them."""
        if self.wants_trailers:
            self._trailers = allowed(lines)

    def response_data(self, data: bytes | memoryview, end: bool) -> bool:
        """Write a part of the response's body."""
        size = len(data)
        if self._bodyless:
            data, size = b"", 0
        if self._remaining >= 0:
            self._remaining -= size
            if self._remaining < 0 or (end and self._remaining):
                self.dispatcher.give_up(self, Failure.BAD_RESPONSE)
                return False
        self.sent += size
        if self._chunked:
            if size:
                data = b"%x\r\n%b\r\n%b" % (size, bytes(data), b"0\r\n\r\n" if end else b"")
            elif end:
                data = b"0\r\n%b\r\n" % self._trailers
        transport = self.protocol.transport
        head = self._head
        if head is not None:
            self._head = None
            if len(data) <= JOIN_UP_TO:
                transport.write(head + data)
            else:
                transport.writelines((head, data))
        elif data:
            transport.write(data)
        if end:
            self.protocol.finished(self)
        return self.protocol.write_paused

    def _flush(self) -> None:
        if self._head is not None:
            self.protocol.transport.write(self._head)
            self._head = None

    def upload_drained(self) -> None:
        """Read on, if the client's connection was paused for this request."""
        self.protocol.resume_upload()

    def failed(self, failure: Failure) -> None:
        """Answer in the app's stead, or cut the response off where it stands."""
        if self.departed:
            return
        if self.status and self._head is None:
            self.protocol.cut(self)
            return
        self._head = None  # of a response that was found out before any of it was written
        if self.protocol.transport.is_closing():
            return
        self.status = STATUS_OF[failure]
        keep = self.keep_alive and self.complete and not self.http10 and not self.upgrade
        self.keep_alive = keep
        body = self.method != b"HEAD"
        request_id = self.request_id.decode("latin-1")
        self.protocol.transport.write(refusal(self.status, close=not keep, body=body, request_id=request_id))
        self.protocol.finished(self)
