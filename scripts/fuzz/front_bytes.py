"""Targets: bytes that clients send to the HTTP/1.1 front, beside what ``h11`` makes of them."""

import random
import re
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import h11

from fanout_router.http import FrontLimits
from fanout_router.messages import BODY, END, HEAD, pack
from scripts.fuzz.http1 import TOKENS, generate
from scripts.fuzz.mutations import mutated
from scripts.fuzz.targets import cuts, expect
from tests.unit.fanout_router.http.support import Client, FrontRig
from tests.unit.fanout_router.support import FakePeer

__all__ = ["REST_S", "Front", "Stage"]

_LIMITS = FrontLimits(head=4_096, url=1_024, fields=40, body=20_000, pipelined=4, buffered=2_000)
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):([\t\x20-\x7e\x80-\xff]*)")
_HEAD_END = re.compile(rb"(?<=\r\n\r\n)")
_MADE_ID = re.compile(rb"x-request-id: [0-9a-f]{12}-[0-9a-f]+\r\n")
REST_S = 60.0
"""Virtual time between two inputs, in which a connection earns back what its peer may spend on frames without progress:
an echoing peer returns credit for each piece, which no adapter does."""
_REFUSALS = frozenset({400, 408, 413, 414, 417, 431, 501})


@dataclass
class Asked:
    """A request as it came to the app."""

    method: bytes
    target: bytes
    fields: bytes
    """All field lines but the request id that the router has made."""
    body: bytes = b""
    whole: bool = False


class EchoPeer(FakePeer):
    """Answers each request with what it was, when it is whole, or at once."""

    def __init__(self, early: bool) -> None:
        super().__init__()
        self.asked: list[Asked] = []
        self._early = early
        self._now: Asked | None = None

    def head_received(self, head: bytes, end: bool, _alone: bool) -> None:
        _check_head(head)
        line, _, fields = head.partition(b"\r\n")
        method, target, _ = line.split(b" ")
        self._now = Asked(method, target, _MADE_ID.sub(b"", fields))
        self.asked.append(self._now)
        if end or self._early or b"\r\nupgrade: websocket\r\n" in head:
            self._respond(whole=end)

    def body_received(self, data: bytes | memoryview, end: bool) -> None:
        if self._now is not None:
            self._now.body += bytes(data)
            if end:
                self._respond(whole=True)

    def signal_received(self, signal: int) -> None:
        super().signal_received(signal)
        self._now = None
        self.confirm()

    def _respond(self, *, whole: bool) -> None:
        now, self._now = self._now, None
        assert now is not None
        now.whole = whole
        echo = b"%b %b %b" % (now.method, now.target, now.body)
        head = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(echo)
        self.say(pack(HEAD, head), pack(BODY | END, b"" if now.method == b"HEAD" else echo))


class Stage:
    """A front before an environment that echoes, in virtual time.

    It serves one input after the other, as a router does, since making it takes longer than most inputs. After an input
    that broke an invariant it is made anew, so that one input's failure is not the next one's too.
    """

    def __init__(self, limits: FrontLimits, channels: int, *, early: bool = False) -> None:
        self._limits = limits
        self._channels = channels
        self._early = early
        self._kept: tuple[FrontRig, list[EchoPeer]] | None = None

    @contextmanager
    def serving(self) -> Iterator[tuple[FrontRig, list[Asked]]]:
        """The front, and the requests that will come to its app; in the end every channel has to be free.

        :raises AssertionError: a channel was lost, or a request, or one was served twice.
        """
        rig, peers = self._kept or self._made()
        self._kept = None
        rig.env.server.clock.now += REST_S
        asked: list[Asked] = []
        for peer in peers:
            peer.asked = asked
        before = rig.dispatcher.counts.submitted
        yield rig, asked
        expect(rig.dispatcher.free == len(peers), "a channel was lost")
        expect(rig.dispatcher.counts.submitted - before == len(asked), "a request was lost, or served twice")
        self._kept = rig, peers

    def _made(self) -> tuple[FrontRig, list[EchoPeer]]:
        rig = FrontRig(channels=0, limits=self._limits)
        peers = [EchoPeer(self._early) for _ in range(self._channels)]
        for peer in peers:
            rig.env.open(peer)
        return rig, peers


def _check_head(head: bytes) -> None:
    """What no client may bring an app to see."""
    lines = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
    expect(lines[0].count(b" ") == 2, "request line %r", lines[0])
    fields = [(match[1].lower(), match[2].strip()) for match in map(_FIELD.fullmatch, lines[1:]) if match]
    expect(len(fields) == len(lines) - 1, "malformed fields in %r", head)
    names = [name for name, _ in fields]
    for name in (b"host", b"content-length", b"te", b"x-forwarded-for", b"x-forwarded-proto", b"x-request-id"):
        expect(names.count(name) <= 1, "%r twice in %r", name, head)
    expect(not {b"transfer-encoding", b"keep-alive", b"proxy"} & set(names), "hop-by-hop fields in %r", head)
    expect(dict(fields).get(b"te", b"trailers") == b"trailers", "TE in %r", head)
    expect(dict(fields)[b"x-forwarded-for"] == b"192.0.2.7", "a stranger was believed")


@dataclass
class Seen:
    """How the front dealt with an input."""

    asked: list[Asked]
    raw: bytes
    ended: bool
    statuses: list[int]


class Front:
    """Client bytes; ``early`` answers before an upload has ended."""

    def __init__(self, *, early: bool = False) -> None:
        self.name = "front-early" if early else "front"
        self._early = early
        self._stage = Stage(_LIMITS, 2, early=early)

    def generate(self, rng: random.Random) -> bytes:
        """Requests, some of them of doubtful shape, pipelined."""
        return generate(rng)

    def mutate(self, rng: random.Random, data: bytes, other: bytes) -> bytes:
        """Requests after some changes."""
        return mutated(rng, data, other, TOKENS)

    def check(self, data: bytes, rng: random.Random) -> Hashable:
        """As many answers as requests and in their order; the same requests as h11 reads, however the bytes are cut."""
        whole = self._serve([data])
        chopped = self._serve(cuts(rng, data))
        requests = _HEAD_END.split(data)
        by_request = self._serve(requests) if any(requests[1:]) else whole
        if not self._early and not {414, 431} & {*whole.statuses, *chopped.statuses, *by_request.statuses}:
            expect(whole.asked == chopped.asked, "whole: %s; chopped: %s", whole.asked, chopped.asked)
            expect(whole.raw == chopped.raw, "whole: %r; chopped: %r", whole.raw, chopped.raw)
            expect(whole.asked == by_request.asked, "whole: %s; request by request: %s", whole.asked, by_request.asked)
            expect(whole.raw == by_request.raw, "whole: %r; request by request: %r", whole.raw, by_request.raw)
            _compare(whole, data)
        kinds = {(a.method, a.target[:1], bool(a.body), a.whole) for a in whole.asked}
        return (tuple(whole.statuses), whole.ended, frozenset(kinds), tuple(chopped.statuses))

    def _serve(self, given: list[bytes]) -> Seen:
        with self._stage.serving() as (rig, asked):
            client = rig.client()
            for piece in given:
                client.send(piece)
                _check_deadline(rig, client)
            seen = Seen(asked, client.raw.replace(b"HTTP/1.1 100 Continue\r\n\r\n", b""), client.ended, [])
            seen.statuses = _check_answers(seen)
            client.leave()
            rig.wait(1)
            expect(not rig.front.connections, "the connection is not forgotten")
        return seen


def _check_deadline(rig: FrontRig, client: Client) -> None:
    waiting = rig.dispatcher.busy or client.transport.state != "open"
    expect(waiting or client.protocol.deadline < float("inf"), "a connection without a request that never expires")


def _check_answers(seen: Seen) -> list[int]:
    """As many answers as requests, in their order; then at most one refusal, and the end."""
    rest, statuses = seen.raw, []
    answered = iter(seen.asked)
    while rest:
        head, end, rest = rest.partition(b"\r\n\r\n")
        expect(end, "a response head without its end in %r", seen.raw)
        status = int(head[9:12])
        statuses.append(status)
        found = re.search(rb"\r\ncontent-length: (\d+)", head)
        expect(found, "no length in %r", head)
        size = int(found[1]) if found else 0
        if status != 200:
            expect(status in _REFUSALS or status == 404, "status %s", status)
            expect(seen.ended, "%s without the end of the connection", status)
            expect(len(rest) in (0, size), "something behind a refusal: %r", rest)
            break
        asked = next(answered, None)
        expect(asked, "an answer without a request")
        if asked is not None and asked.method != b"HEAD":
            body, rest = rest[:size], rest[size:]
            expect(body.startswith(b"%b %b " % (asked.method, asked.target)), "answers in another order")
    unanswered = [a for a in answered if a.whole]
    expect(not unanswered, "requests without an answer: %s", unanswered)
    return statuses


def _compare(seen: Seen, data: bytes) -> None:
    """The requests that h11 reads, as far as both read some."""
    ours = [(a.method, _path(a.target), a.body) for a in seen.asked if a.whole]
    theirs, refused = _read_by_h11(data)
    for mine, other in zip(ours, theirs, strict=False):
        expect(mine == other, "we read %s, h11 %s", mine, other)
    expect(refused or len(ours) <= len(theirs), "we read %s, h11 no request there", ours[len(theirs) :])
    if len(theirs) > len(ours):
        expect(seen.ended or len(seen.asked) > len(ours), "h11 reads %s, we wait", theirs[len(ours)])


def _path(target: bytes) -> bytes:
    """A target in origin form."""
    found = re.fullmatch(rb"https?://[^/?]*(.*)", target, re.IGNORECASE | re.DOTALL)
    path = found[1] if found else target
    return b"/" + path if found and not path.startswith(b"/") else path


def _read_by_h11(data: bytes) -> tuple[list[tuple[bytes, bytes, bytes]], bool]:
    """The whole requests, and whether it refused what follows them."""
    link = h11.Connection(h11.SERVER, max_incomplete_event_size=_LIMITS.head)
    found: list[tuple[bytes, bytes, bytes]] = []
    request, body = None, bytearray()
    link.receive_data(data)
    try:
        while True:
            event = link.next_event()
            if isinstance(event, h11.Request):
                request, body = event, bytearray()
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage) and request is not None:
                found.append((request.method, _path(request.target), bytes(body)))
                link.send(h11.Response(status_code=200, headers=[("content-length", "0")]))
                link.send(h11.EndOfMessage())
                if link.our_state is not h11.DONE:  # h11 keeps no connection of HTTP/1.0, whatever that says
                    return found, request.http_version == b"1.0"
                link.start_next_cycle()
            else:
                return found, False
    except h11.ProtocolError:
        return found, True
