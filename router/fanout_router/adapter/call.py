"""One request within an environment: what came, and how to answer it. Apps of any kind are adapted to
this.
"""

import re
import time
from collections import deque
from collections.abc import Callable, Iterable
from email.utils import formatdate
from http import HTTPStatus
from typing import Protocol

from fanout_router.messages import BODY, END, FAILED, HEAD, HEADER, pack

_pack = HEADER.pack
_HOP_BY_HOP = frozenset(
    {b"connection", b"keep-alive", b"proxy-connection", b"te", b"trailer", b"transfer-encoding", b"upgrade"}
)
_fields = re.compile(rb"\n([^:\r]+):[ \t]*([^\r]*)").findall
_STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}

Fields = list[tuple[bytes, bytes]]


class ResponseChannel(Protocol):
    """Where a call's response goes."""

    def write(self, data: bytes, prefix: bytes = b"") -> bool:
        """Send messages; False when some of them have to wait."""

    def credit(self) -> None:
        """The app has taken all body that had come."""

    def call_finished(self, call: "Call", failed: bool = False) -> None:
        """The call is over: answered, failed, or cancelled and its app has ended."""


class Application(Protocol):
    """An app, whatever its interface to us."""

    async def startup(self) -> None:
        """Make ready to serve; runs in Lambda's init phase."""

    async def shutdown(self) -> None:
        """Let go of what startup took."""

    def handle(self, call: "Call") -> None:
        """Begin to serve a call; it is answered later."""


class Call:
    """A request and its response. After ``finished`` or ``cancelled`` nothing that is sent goes anywhere."""

    ended: bool = False
    """The whole request has come."""
    cancelled: bool = False
    finished: bool = False
    answered: bool = False
    on_body: Callable[[], object] | None = None
    on_drained: Callable[[], object] | None = None
    on_cancel: Callable[[], object] | None = None
    _head: bytes | None = None

    def __init__(self, channel: ResponseChannel, head: bytes, end: bool) -> None:
        self._channel = channel
        self.raw = head
        self.method, self.target, _ = head[: head.index(b"\r\n")].split(b" ", 2)
        self.body: deque[bytes] = deque()
        """Body that has come and was not yet taken by :meth:`take`."""
        if end:
            self.ended = True

    @property
    def fields(self) -> Fields:
        """The request's fields, in lower case and in order; taken apart anew at each call."""
        return [(name.lower(), value.rstrip(b" \t")) for name, value in _fields(self.raw)]

    def take(self) -> bytes:
        """All body there is now; the router may send as much again."""
        data = b"".join(self.body)
        self.body.clear()
        self._channel.credit()
        return data

    def start(self, status: int, fields: Iterable[tuple[bytes, bytes]]) -> None:
        """Begin the response; its head goes out with the first part of the body.

        :raises ValueError: a field holds a line break, or a value that is no bytes.
        """
        lines = [_STATUS_LINES.get(status) or b"HTTP/1.1 %d Unknown\r\n" % status]
        dated = False
        for name, value in fields:
            name = name.lower()
            if name not in _HOP_BY_HOP:
                dated = dated or name == b"date"
                lines.append(b"%b: %b\r\n" % (name, value))
        if not dated:
            lines.append(b"date: %b\r\n" % current_date())
        head = b"".join(lines)
        if not head.count(b"\n") == head.count(b"\r") == len(lines):
            raise ValueError("a response field holds a line break")
        self.begin(head + b"\r\n")

    def begin(self, head: bytes) -> None:
        """Begin the response with a raw head."""
        self.answered = True
        self._head = head

    def send(self, data: bytes, end: bool) -> bool:
        """Send a part of the body; False asks for no more until ``on_drained``."""
        if self.finished or self.cancelled:
            return True
        prefix = _pack(len(data), BODY | END if end else BODY) if data or end else b""
        if self._head is not None:
            prefix = _pack(len(self._head), HEAD) + self._head + prefix
            self._head = None
        self.finished = end
        taken = self._channel.write(data, prefix)
        if end:
            self._channel.call_finished(self)
        return taken

    def fail(self) -> None:
        """The app cannot finish the response."""
        if self.finished or self.cancelled:
            return
        if not self.answered:
            self.start(500, [(b"content-type", b"text/plain"), (b"content-length", b"21")])
            self.send(b"Internal Server Error", True)
            return
        self.finished = True
        self._channel.write(pack(FAILED))
        self._channel.call_finished(self, failed=True)

    def done(self) -> None:
        """The app has ended; a response that it left open fails, and a cancelled call is confirmed."""
        if self.cancelled:
            self._channel.call_finished(self)
        elif not self.finished:
            self.fail()


_date: tuple[int, bytes] = (0, b"")


def current_date() -> bytes:
    """The Date field's value now; made anew once a second."""
    global _date
    now = int(time.time())
    if _date[0] != now:
        _date = (now, formatdate(now, usegmt=True).encode())
    return _date[1]
