"""One request within an environment: what came, and how to answer it. Apps of any kind are adapted to
this.
"""

import logging
import re
import time
from collections import deque
from collections.abc import Callable, Iterable
from email.utils import formatdate
from http import HTTPStatus
from typing import Protocol

from fanout_router.messages import BODY, END, FAILED, HEAD, HEADER, REFUSED, TRAILERS, pack
from fanout_router.trailers import allowed

_log = logging.getLogger(__name__)
_pack = HEADER.pack
_HOP_BY_HOP = frozenset(
    {b"connection", b"keep-alive", b"proxy-connection", b"te", b"trailer", b"transfer-encoding", b"upgrade"}
)
_fields = re.compile(rb"\n([^:\r]+):[ \t]*([^\r]*)").findall
_STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}".encode() for status in HTTPStatus}

_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROLS = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_NAMES = 1_024
_names: dict[bytes, bytes] = {}

Fields = list[tuple[bytes, bytes]]


class ClientDisconnectedError(OSError):
    """What an app's ``send`` raises when its client has left (ASGI 2.4)."""


class ResponseChannel(Protocol):
    """Where a call's response goes."""

    def write(self, data: bytes, prefix: bytes = b"") -> bool:
        """Send messages; False when some of them have to wait."""

    def credit(self) -> None:
        """The app has taken all body that had come."""

    def call_finished(self, call: "Call", failed: bool = False) -> None:
        """The call is over: answered, failed, or cancelled and its app has ended."""


class Application:
    """An app, whatever its interface to us: a subclass says how a call is served."""

    ended = False
    """The app can serve nothing until it is started again."""
    on_ended: Callable[[], object] | None = None
    """Called when that becomes so."""

    async def startup(self) -> None:
        """Make ready to serve; runs in Lambda's init phase, and again once the app has ``ended``."""

    async def shutdown(self) -> None:
        """Let go of what startup took."""

    def handle(self, call: "Call") -> None:
        """Begin to serve a call; it is answered later."""
        raise NotImplementedError

    async def settle(self, patience_s: float) -> int:  # noqa: ARG002
        """Wait for what still runs behind answered and abandoned calls, and stop it when patience ends.

        :returns: how many calls could not be stopped.
        """
        return 0


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
    on_abandon: Callable[[], object] | None = None
    """The client has left for good, the app has not ended, and what it answers is heard by nobody: end it."""
    trailers: bytes = b""
    """Field lines that came behind the request's body; those of a proxied app alone are of use."""
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

        :raises ValueError: a field's name is no token, or its value holds a control character.
        """
        lines = []
        dated = False
        for name, value in fields:
            name = _names.get(name) or _checked(name)
            if name not in _HOP_BY_HOP:
                dated = dated or name == b"date"
                lines.append(b"%b: %b" % (name, value))
        if not dated:
            lines.append(b"date: %b" % current_date())
        if _CONTROLS.search(b"\t".join(lines)):
            wrong = next(line for line in lines if _CONTROLS.search(line))
            raise ValueError(f"a response field holds a control character: {wrong[:100]!r}")
        lines.insert(0, _STATUS_LINES.get(status) or b"HTTP/1.1 %d Unknown" % status)
        self.begin(b"\r\n".join(lines) + b"\r\n\r\n")

    def interim(self, head: bytes) -> None:
        """Send an interim response, with a raw head; the final one follows."""
        if not (self.answered or self.cancelled or self.finished):
            self._channel.write(pack(HEAD, head))

    def refuse(self) -> None:
        """Give the request back unread: it may go to another environment."""
        if not (self.answered or self.cancelled or self.finished):
            self.finished = True
            self._channel.write(pack(REFUSED))
            self._channel.call_finished(self, failed=True)

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

    @property
    def wants_trailers(self) -> bool:
        """Whether the client reads trailers, and the router passes them on: it keeps no other TE."""
        return b"\r\nte: trailers\r\n" in self.raw

    def end_with(self, lines: bytes) -> None:
        """End the response with trailers, given as field lines; those that may not be any are left out."""
        kept = allowed(lines) if self.wants_trailers else b""
        if not kept or self.finished or self.cancelled:
            self.send(b"", True)
            return
        if self._head is not None:
            self.send(b"", False)
        self.finished = True
        self._channel.write(pack(TRAILERS | END, kept))
        self._channel.call_finished(self)

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
        """The app has ended; a response that it left open fails, and a cancelled call is confirmed.

        What the app wanted to hear of is let go: it refers back to the call, and to the app's task, and so to all that
        the app held. Such a circle stays until the cycle collector comes, which may be many large bodies later.
        """
        if self.cancelled:
            self._channel.call_finished(self)
        elif not self.finished:
            self.fail()
        self.on_body = self.on_drained = self.on_cancel = self.on_abandon = None


def log_failure(error: BaseException, *, departed: bool) -> None:
    """Log what an app raised. Once its client has left, that is how most frameworks end a request: no trouble."""
    if departed:
        _log.info("the app ended by %r after its client had left", error)
    else:
        _log.error("the app raised an exception", exc_info=error)


def _checked(name: bytes) -> bytes:
    """A field's name in lower case; apps send the same few, so that they are remembered."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"not a name of a response field: {name[:100]!r}")
    if len(_names) >= _NAMES:
        _names.clear()
    found = _names[name] = name.lower()
    return found


_date: tuple[int, bytes] = (0, b"")


def current_date() -> bytes:
    """The Date field's value now; made anew once a second."""
    global _date
    now = int(time.time())
    if _date[0] != now:
        _date = (now, formatdate(now, usegmt=True).encode())
    return _date[1]
