"""What a client's connection and its requests held is free once they are over: by reference counts, without the cycle
collector, which comes late and looks at everything that the router holds.
"""

import gc
from collections import Counter
from collections.abc import Callable

import pytest

from fanout_router.wire import frames
from tests.unit.fanout_router.http.h2_support import GET, POST, Http2Client
from tests.unit.fanout_router.http.support import Client, FrontRig, respond
from tests.unit.fanout_router.http.test_choice import connect, feed
from tests.unit.fanout_router.support import no_collector

Play = Callable[[FrontRig], None]
_CONNECTIONS = 5
_KINDS = {
    *("ChoosingProtocol", "ClientProtocol", "RequestReader", "Request", "ChunkedBody"),
    *(
        "Http2Protocol",
        "HeadReader",
        "StreamRequest",
        "Stream",
        "ServerConnection",
        "Outbox",
        "FakeTransport",
        "SwitchingTransport",
    ),
}


def depart(rig: FrontRig, client: Client | Http2Client) -> None:
    """Leave amid a request, which the environment then gives up."""
    peer = rig.peer()
    client.leave()
    peer.confirm()


def asked_twice(rig: FrontRig) -> None:
    client = rig.client()
    for _ in range(2):
        client.get()
        respond(rig.peer(), body=b"hello")
    client.leave()


def amid_an_answer(rig: FrontRig) -> None:
    client = rig.client()
    client.get()
    depart(rig, client)


def amid_a_head(rig: FrontRig) -> None:
    client = rig.client()
    client.send(b"GET / HTT")
    client.leave()


def amid_chunks(rig: FrontRig) -> None:
    client = rig.client()
    client.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel")
    depart(rig, client)


def refused(rig: FrontRig) -> None:
    client = rig.client()
    client.send(b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")
    client.leave()


def tunnel(rig: FrontRig) -> None:
    client = rig.client()
    client.get("/ws", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: abc")
    client.send(b"frame")
    depart(rig, client)


def pipelined(rig: FrontRig) -> None:
    client = rig.client()
    client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 3)
    depart(rig, client)


def http2_answered(rig: FrontRig) -> None:
    client = Http2Client(rig)
    for _ in range(2):
        client.get()
        respond(rig.peer(), body=b"hello")
        client.exchange()
    client.leave()


def http2_upload_left(rig: FrontRig) -> None:
    client = Http2Client(rig)
    stream = client.open(POST, end=False)
    client.data(stream, b"hello")
    depart(rig, client)


def http2_reset(rig: FrontRig) -> None:
    client = Http2Client(rig)
    stream, peer = client.open(GET), rig.peer()
    client.reset(stream)
    peer.confirm()
    client.leave()


def http2_broken(rig: FrontRig) -> None:
    client = Http2Client(rig)
    client.protocol.data_received(frames.frame(frames.DATA, 0, 0, b"x"))
    client.loop.turn()
    client.leave()


def http2_chosen(rig: FrontRig) -> None:
    transport, loop = connect(rig)
    feed(transport, frames.PREFACE + frames.settings([]), 1)
    loop.turn()
    transport.protocol.connection_lost(None)
    del transport.protocol  # as asyncio's transports do


PLAYS = [
    *(asked_twice, amid_an_answer, amid_a_head, amid_chunks, refused, tunnel, pipelined),
    *(http2_answered, http2_upload_left, http2_reset, http2_broken, http2_chosen),
]


@pytest.mark.parametrize("play", PLAYS, ids=lambda play: play.__name__)
def test_a_connection_that_is_over_is_free_at_once(play: Play) -> None:
    """GIVEN a router whose cycle collector is off WHEN clients have come and gone THEN nothing of them is there."""
    rig = FrontRig()
    play(rig)
    with no_collector():
        before = counted()
        for _ in range(_CONNECTIONS):
            play(rig)
        left = counted() - before

    assert left == Counter()


def test_a_client_that_has_not_left_is_counted() -> None:
    """GIVEN a client that stays WHEN what there is is counted THEN its connection is among it."""
    rig = FrontRig()
    with no_collector():
        before = counted()
        staying: Client = rig.client()
        staying.get()

        assert set(counted() - before) == {"ClientProtocol", "RequestReader", "Request", "FakeTransport"}


def counted() -> Counter[str]:
    """The objects of each kind that there are, reachable or not."""
    return Counter(type(each).__name__ for each in gc.get_objects() if type(each).__name__ in _KINDS)
