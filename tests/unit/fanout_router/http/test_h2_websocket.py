"""WebSocket over HTTP/2 (RFC 8441): a stream that is a tunnel."""

import base64

import pytest

from fanout_router.messages import BODY, END, HEAD, pack
from fanout_router.wire.headers import malformed_request
from tests.unit.fanout_router.http.h2_support import GET, Http2Client, pair
from tests.unit.fanout_router.http.support import FrontRig, head_of, respond

WEBSOCKET = [
    (":method", "CONNECT"),
    (":protocol", "websocket"),
    (":scheme", "http"),
    (":authority", "shop.example"),
    (":path", "/chat?a=b"),
    ("sec-websocket-version", "13"),
    ("sec-websocket-protocol", "chat"),
]
SWITCHED = b"HTTP/1.1 101 Switching Protocols\r\nsec-websocket-accept: x\r\nsec-websocket-protocol: chat\r\n\r\n"


def opened(fields: tuple[tuple[str, str], ...] = ()) -> tuple[FrontRig, Http2Client, int]:
    rig, client = pair()
    return rig, client, client.open([*WEBSOCKET, *fields], end=False)


def test_the_client_is_told_that_it_may() -> None:
    _, client = pair()
    assert client.h2.remote_settings.enable_connect_protocol == 1


def test_the_app_gets_the_handshake_of_http11_and_the_client_a_tunnel() -> None:
    rig, client, stream = opened((("sec-websocket-key", "own"),))
    peer = rig.peer()
    line, fields = head_of(peer)
    assert line == "GET /chat?a=b HTTP/1.1"
    assert (fields["connection"], fields["upgrade"]) == (["upgrade"], ["websocket"])
    assert len(base64.b64decode(fields["sec-websocket-key"][0])) == 16
    assert fields["sec-websocket-version"] == ["13"]
    peer.say(pack(HEAD, SWITCHED))
    client.exchange()
    assert client.answers[stream].fields == {":status": "200", "sec-websocket-protocol": "chat"}
    client.data(stream, b"\x81\x02hi")
    assert peer.body == b"\x81\x02hi"
    peer.say(pack(BODY, b"\x81\x03you"))
    client.exchange()
    assert client.answers[stream].body == b"\x81\x03you"
    peer.say(pack(BODY | END))
    client.exchange()
    assert client.answers[stream].ended
    peer.confirm()
    assert rig.dispatcher.free == 8


def test_a_silent_tunnel_stays() -> None:
    rig, client, stream = opened()
    rig.peer().say(pack(HEAD, SWITCHED))
    client.exchange()
    rig.wait(200)
    client.exchange()
    client.data(stream, b"late")
    assert rig.peer().body == b"late"


@pytest.mark.parametrize("leaves", [Http2Client.reset, lambda client, _: client.leave()])
def test_a_client_that_leaves_cancels_it(leaves) -> None:  # type: ignore[no-untyped-def]
    rig, client, stream = opened()
    peer = rig.peer()
    peer.say(pack(HEAD, SWITCHED))
    client.exchange()
    leaves(client, stream)
    assert peer.cancels == 1
    peer.confirm()
    assert rig.dispatcher.free == 8


def test_a_client_that_ends_its_side_is_seen_by_the_app() -> None:
    rig, client, stream = opened()
    peer = rig.peer()
    peer.say(pack(HEAD, SWITCHED))
    client.exchange()
    client.data(stream, b"", end=True)
    peer.say(pack(BODY | END))
    client.exchange()
    assert client.answers[stream].ended
    assert rig.dispatcher.free == 8


def test_an_app_that_declines_is_heard() -> None:
    rig, client, stream = opened()
    respond(rig.peer(), status="403 Forbidden", body=b"no")
    client.exchange()
    answer = client.answers[stream]
    assert (answer.status, answer.body, answer.ended) == (403, b"no", True)


def test_an_answer_that_is_no_switch_is_none() -> None:
    # GIVEN an app that knows nothing of WebSockets and answers 200, which would tell the client that it has a tunnel
    rig, client, stream = opened()
    respond(rig.peer(), body=b"<html>")
    client.exchange()
    assert client.answers[stream].status == 502


def test_another_protocol_gets_none() -> None:
    rig, client = pair()
    stream = client.open([WEBSOCKET[0], (":protocol", "connect-udp"), *WEBSOCKET[2:]], end=False)
    assert client.answers[stream].status == 501
    assert not rig.busy()


def test_one_that_ends_at_once_is_refused() -> None:
    rig, client = pair()
    assert client.answers[client.open(WEBSOCKET)].status == 400
    assert not rig.busy()


def test_the_control_port_knows_no_such_thing() -> None:
    headers = [(name.encode(), value.encode()) for name, value in WEBSOCKET]
    assert malformed_request(headers) is not None
    assert malformed_request(headers, connect_protocol=True) is None
    for wrong in (headers[:2], [(b":method", b"GET"), *headers[1:]], [*headers[:2], *headers[3:]]):
        assert malformed_request(wrong, connect_protocol=True) is not None


def test_other_requests_go_on_beside_it() -> None:
    rig, client, _ = opened()
    rig.peer().say(pack(HEAD, SWITCHED))
    stream = client.open(GET)
    (beside,) = [peer for peer in rig.busy() if peer.heads[-1].startswith(b"GET / ")]
    respond(beside, body=b"beside")
    client.exchange()
    assert client.answers[stream].body == b"beside"
