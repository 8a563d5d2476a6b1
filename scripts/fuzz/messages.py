"""Targets: messages within a channel, as a misbehaving environment would send them to the router, and the reverse."""

import random
from collections.abc import Hashable

from fanout_router.adapter.call import Application, Call
from fanout_router.messages import BODY, CANCEL, END, FAILED, HEAD, REFUSED, pack
from scripts.fuzz.front_bytes import REST_S
from scripts.fuzz.mutations import mutated
from scripts.fuzz.targets import cuts, expect
from tests.unit.fanout_router.adapter.support import FakeSession
from tests.unit.fanout_router.support import OK_HEAD, FakeEnvironment, FakeExchange, Rig

__all__ = ["AdapterMessages", "RouterChannel"]

_SIGNALS = (CANCEL, FAILED, REFUSED)
_REQUEST = b"POST /a HTTP/1.1\r\nhost: a\r\n\r\n"
_TOKENS = (
    *(pack(flags, payload) for flags in range(64) for payload in (b"", b"ok")),
    *(pack(flags, OK_HEAD) for flags in (HEAD, HEAD | END)),
    *(pack(flags, _REQUEST) for flags in (HEAD, HEAD | END)),
    *(pack(flags, b"no head") for flags in (HEAD, HEAD | END)),
    *(size.to_bytes(4, "big") + bytes([flags]) for size in (262_144, 262_145, 2**32 - 1) for flags in (1, 2, 6)),
)


def _generate(rng: random.Random, head: bytes, signals: tuple[int, ...]) -> bytes:
    found = []
    for _ in range(rng.randrange(1, 6)):
        found.append(pack(rng.choice((HEAD, HEAD, HEAD | END)), head))
        found += [pack(BODY, rng.randbytes(rng.choice((0, 1, 50, 5_000)))) for _ in range(rng.randrange(3))]
        found.append(rng.choice((pack(BODY | END, b"end"), pack(BODY | END), pack(rng.choice(signals)))))
    return b"".join(found)


class RouterChannel:
    """The router's end of a channel."""

    name = "channel"

    def __init__(self) -> None:
        self._kept: tuple[Rig, FakeEnvironment] | None = None
        """A dispatcher with an environment that serves, while no input breaks an invariant."""

    def generate(self, rng: random.Random) -> bytes:
        """Answers and signals."""
        return _generate(rng, OK_HEAD, _SIGNALS)

    def mutate(self, rng: random.Random, data: bytes, other: bytes) -> bytes:
        """Messages after some changes."""
        return mutated(rng, data, other, _TOKENS)

    def check(self, data: bytes, rng: random.Random) -> Hashable:
        """Whatever an environment says, requests end at most once, and the environment beside it serves on."""
        whole, chopped = self._serve([data]), self._serve(cuts(rng, data))
        expect(whole == chopped, "whole: %s; chopped: %s", whole, chopped)
        return tuple((head is not None, bool(body), done, failure) for head, body, done, failure in whole)

    def _serve(self, given: list[bytes]) -> list[tuple[object, bytes, bool, object]]:
        rig, sane = self._kept or _made()
        self._kept = None
        sane.server.clock.now += REST_S
        mad = rig.environment("mad", 1)
        peer, other = mad.peers[0], sane.peers[0]
        asked = [rig.submit(str(number), idempotent=False) for number in range(4)]
        for piece in given:
            if peer.stream is not None and not peer.stream.closed:
                peer.say(piece)
        while sane.serving():
            other.answer()
        mad.die()
        while sane.serving():
            other.answer()
        rig.wait(1)
        expect(all(exchange.over for exchange in asked), "a request without an end")
        expect(rig.dispatcher.busy == 0, "a channel is busy for ever")
        expect(rig.dispatcher.free == 1, "the environment beside it is lost")
        expect(_serves(rig.submit("last"), other.answer), "the environment beside it serves no more")
        other.heads.clear()
        self._kept = rig, sane
        return [(e.head, e.body, e.finished, e.failure) for e in asked]


def _made() -> tuple[Rig, FakeEnvironment]:
    rig = Rig()
    return rig, rig.environment("sane", 1)


def _serves(exchange: FakeExchange, answer: object) -> bool:
    assert callable(answer)
    answer()
    return exchange.finished


class _Echo(Application):
    """An app that sends back what comes."""

    def __init__(self) -> None:
        self.calls: list[tuple[bytes, bytes]] = []

    async def startup(self) -> None:
        """Nothing to do."""

    async def shutdown(self) -> None:
        """Nothing to do."""

    def handle(self, call: Call) -> None:
        """Answer when the request is whole."""
        number = len(self.calls)
        self.calls.append((call.raw, b""))

        def more() -> None:
            body = self.calls[number][1] + call.take()
            self.calls[number] = (call.raw, body)
            if call.ended and not call.finished:
                call.start(200, [(b"content-length", b"%d" % len(body))])
                call.send(body, True)

        call.on_body, call.on_cancel = more, call.done
        more()


class AdapterMessages:
    """The environment's end of a channel."""

    name = "peer"

    def generate(self, rng: random.Random) -> bytes:
        """Requests and cancellations."""
        return _generate(rng, _REQUEST, (CANCEL,))

    def mutate(self, rng: random.Random, data: bytes, other: bytes) -> bytes:
        """Messages after some changes."""
        return mutated(rng, data, other, _TOKENS)

    def check(self, data: bytes, rng: random.Random) -> Hashable:
        """The same calls and answers however the bytes are cut, or the channel is reset."""
        whole, chopped = self._serve([data]), self._serve(cuts(rng, data))
        expect(whole == chopped, "whole: %s; chopped: %s", whole, chopped)
        calls, signals, closed = whole
        return (len(calls), tuple(bool(body) for _, body in calls), tuple(signals), closed)

    def _serve(self, given: list[bytes]) -> tuple[list[tuple[bytes, bytes]], list[int], bool]:
        app = _Echo()
        session = FakeSession(app)
        for piece in given:
            if not session.router.stream.closed:
                session.router.stream.send(piece)
        closed = session.router.stream.closed
        expect(closed or session.router.ends <= len(app.calls), "more answers than requests")
        return app.calls, session.router.signals, closed
