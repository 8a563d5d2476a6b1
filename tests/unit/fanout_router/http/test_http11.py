"""HTTP/1.1 as a client sees it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fanout_router.http import FrontLimits
from fanout_router.messages import BODY, END, HEAD, pack
from tests.unit.fanout_router.http.support import FrontRig, head_of, respond


def test_a_request_passes_and_its_response_comes_back() -> None:
    rig = FrontRig()
    client = rig.client()
    client.get("/a//b?q=1&q=%20&q=", "Accept: text/html", "X-Thing: one", "X-Thing: two")
    line, fields = head_of(rig.peer())
    assert line == "GET /a//b?q=1&q=%20&q= HTTP/1.1"
    assert fields["host"] == ["shop.example"]
    assert fields["x-thing"] == ["one", "two"]
    respond(rig.peer(), "content-type: text/plain", "set-cookie: a=1", body=b"hello")
    answer = client.answer()
    assert (answer.status, answer.body, answer.fields["set-cookie"]) == (200, b"hello", "a=1")
    assert client.transport.state == "open"


@pytest.mark.parametrize("chunk", [1, 2, 3, 7, 16])
def test_a_request_may_come_in_pieces(chunk: int) -> None:
    rig = FrontRig()
    client = rig.client()
    client.send(b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n0123456789", chunk)
    assert rig.peer().body == b"0123456789"
    respond(rig.peer(), body=b"ok")
    assert client.answer().body == b"ok"


def test_a_connection_is_used_again() -> None:
    rig = FrontRig()
    client = rig.client()
    for number in range(5):
        client.get(f"/{number}")
        respond(rig.peer(), body=b"%d" % number)
    assert [a.body for a in client.answers()] == [b"0", b"1", b"2", b"3", b"4"]
    assert rig.dispatcher.counts.finished == 5


def test_pipelined_requests_are_answered_in_order() -> None:
    rig = FrontRig()
    client = rig.client()
    client.send(b"".join(b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % number for number in range(40)))
    assert client.transport.paused
    for number in range(40):
        assert rig.peer().last == str(number)
        respond(rig.peer(), body=b"%d" % number)
    assert [a.body for a in client.answers()] == [b"%d" % number for number in range(40)]
    assert not client.transport.paused


def test_a_pipelined_upload_waits_its_turn_with_its_body() -> None:
    rig = FrontRig()
    client = rig.client()
    client.send(
        b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\nPOST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody"
        b"GET /3 HTTP/1.1\r\nHost: a\r\n\r\n"
    )
    respond(rig.peer(), body=b"1")
    assert (rig.peer().last, rig.peer().body) == ("2", b"body")
    respond(rig.peer(), body=b"2")
    assert rig.peer().last == "3"
    respond(rig.peer(), body=b"3")
    assert [a.body for a in client.answers()] == [b"1", b"2", b"3"]


def test_a_chunked_upload_streams_and_its_trailers_are_dropped() -> None:
    rig = FrontRig()
    client = rig.client()
    client.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n3\r\nabc\r\n")
    peer = rig.peer()
    assert peer.body == b"abc"
    client.send(b"2;ext=1\r\nde\r\n0\r\nX-Sum: 9\r\n\r\n")
    assert peer.body == b"abcde"
    _, fields = head_of(peer)
    assert "transfer-encoding" not in fields
    assert "trailer" not in fields
    assert "x-sum" not in fields
    respond(peer, body=b"ok")
    client.get("/next")
    assert rig.peer().last == "next"


def test_a_conversation_within_one_request() -> None:
    # GIVEN an app that answers each part of a chunked upload as it comes
    rig = FrontRig()
    client = rig.client()
    client.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
    peer = rig.peer()
    peer.say(pack(HEAD, b"HTTP/1.1 200 OK\r\n\r\n"))
    assert client.raw.endswith(b"\r\n\r\n")
    for number in range(3):
        client.send(b"1\r\n%d\r\n" % number)
        peer.say(pack(BODY, b"got " + peer.body[-1:]))
        assert client.raw.endswith(b"5\r\ngot %d\r\n" % number)
    client.send(b"0\r\n\r\n")
    peer.say(pack(BODY | END))
    assert client.answer().body == b"got 0got 1got 2"
    assert client.transport.state == "open"


def test_a_response_without_length_is_chunked() -> None:
    rig = FrontRig()
    client = rig.client()
    client.get()
    peer = rig.peer()
    peer.say(pack(HEAD, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"), pack(BODY, b"one"))
    peer.say(pack(BODY, b"two"), pack(BODY | END, b"three"))
    answer = client.answer()
    assert answer.fields["transfer-encoding"] == "chunked"
    assert answer.body == b"onetwothree"


def test_http10_gets_neither_chunks_nor_a_kept_connection() -> None:
    rig = FrontRig()
    client = rig.client()
    client.send(b"GET / HTTP/1.0\r\n\r\n")
    peer = rig.peer()
    peer.say(pack(HEAD, b"HTTP/1.1 200 OK\r\n\r\n"), pack(BODY, b"one"), pack(BODY | END, b"two"))
    answer = client.answer()
    assert "transfer-encoding" not in answer.fields
    assert (answer.body, answer.fields["connection"]) == (b"onetwo", "close")
    assert client.ended


def test_http10_keeps_its_connection_when_it_asks() -> None:
    rig = FrontRig()
    client = rig.client()
    client.send(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    respond(rig.peer(), body=b"x")
    assert client.answer().fields["connection"] == "keep-alive"
    assert client.transport.state == "open"


def test_connection_close_is_honoured() -> None:
    rig = FrontRig()
    client = rig.client()
    client.get("/", "Connection: close")
    assert "connection" not in head_of(rig.peer())[1]
    respond(rig.peer(), body=b"x")
    assert client.answer().fields["connection"] == "close"
    assert client.transport.state == "closed"


@pytest.mark.parametrize("whole", [True, False])
def test_head_gets_the_fields_without_the_body(whole: bool) -> None:
    rig = FrontRig()
    client = rig.client()
    client.send(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
    if whole:
        respond(rig.peer(), body=b"body")
    else:
        rig.peer().say(pack(HEAD | END, b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n"))
    assert client.raw.endswith(b"content-length: 4\r\n\r\n")
    assert client.transport.state == "open"


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
def test_statuses_without_body_end_with_their_head(status: str) -> None:
    rig = FrontRig()
    client = rig.client()
    client.get()
    rig.peer().say(pack(HEAD | END, f"HTTP/1.1 {status}\r\netag: x\r\n\r\n".encode()))
    client.get()
    respond(rig.peer(), status=status, body=b"illegal", length=False)
    assert client.raw == f"HTTP/1.1 {status}\r\netag: x\r\n\r\nHTTP/1.1 {status}\r\n\r\n".encode()
    assert client.transport.state == "open"


def test_an_empty_response_says_so() -> None:
    rig = FrontRig()
    client = rig.client()
    client.get()
    rig.peer().say(pack(HEAD | END, b"HTTP/1.1 200 OK\r\n\r\n"))
    assert client.answer().fields["content-length"] == "0"


def test_100_continue_is_sent_before_the_body_and_in_turn() -> None:
    rig = FrontRig()
    client = rig.client()
    client.send(
        b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\n"
        b"POST /2 HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n"
    )
    assert client.raw == b""
    respond(rig.peer(), body=b"1")
    assert client.raw.endswith(b"HTTP/1.1 100 Continue\r\n\r\n")
    assert "expect" not in head_of(rig.peer())[1]
    client.send(b"body")
    respond(rig.peer(), body=b"2")
    assert [a.status for a in client.answers()] == [200, 100, 200]


def test_an_answer_before_the_upload_ends_closes_the_connection_in_order() -> None:
    rig = FrontRig()
    client = rig.client()
    client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nsome")
    peer = rig.peer()
    respond(peer, status="403 Forbidden", body=b"no")
    assert client.answer().status == 403
    assert client.transport.half_closed
    client.send(b"more")  # still read, so that the answer is not lost to a reset
    rig.wait(3)
    assert client.transport.state == "aborted"
    peer.confirm()
    assert rig.dispatcher.free == 8


def test_a_websocket_is_tunnelled() -> None:
    rig = FrontRig()
    client = rig.client()
    client.get("/ws", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: abc")
    peer = rig.peer()
    _, fields = head_of(peer)
    assert (fields["connection"], fields["upgrade"]) == (["upgrade"], ["websocket"])
    peer.say(pack(HEAD, b"HTTP/1.1 101 Switching Protocols\r\nsec-websocket-accept: xyz\r\n\r\n"))
    client.send(b"\x81\x02hi")
    assert peer.body == b"\x81\x02hi"
    peer.say(pack(BODY, b"\x81\x03you"))
    assert client.raw.endswith(b"upgrade: websocket\r\n\r\n\x81\x03you")
    peer.say(pack(BODY | END))
    assert client.transport.state == "closed"


def test_a_websocket_may_be_silent_for_longer_than_a_body() -> None:
    rig = FrontRig()
    client = rig.client()
    client.get("/ws", "Connection: Upgrade", "Upgrade: websocket")
    peer = rig.peer()
    peer.say(pack(HEAD, b"HTTP/1.1 101 Switching Protocols\r\n\r\n"))
    rig.wait(200)
    assert not client.transport.paused
    client.send(b"\x81\x02hi")
    assert peer.body == b"\x81\x02hi"
    assert rig.front.refused == {}


def test_a_websocket_that_the_app_declines_gets_its_answer() -> None:
    rig = FrontRig()
    client = rig.client()
    client.get("/ws", "Connection: Upgrade", "Upgrade: websocket")
    respond(rig.peer(), status="404 Not Found", body=b"no")
    assert client.answer().status == 404
    assert client.ended


def test_another_upgrade_is_ignored_and_what_follows_is_a_request() -> None:
    rig = FrontRig()
    client = rig.client()
    client.send(
        b"GET /1 HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
        b"HTTP2-Settings: AAMA\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n"
    )
    assert not head_of(rig.peer())[1].keys() & {"upgrade", "connection", "http2-settings"}
    respond(rig.peer(), body=b"1")
    respond(rig.peer(), body=b"2")
    assert [a.body for a in client.answers()] == [b"1", b"2"]


@pytest.mark.parametrize("chunk", [0, 1, 7])
@pytest.mark.parametrize(
    ("framing", "body"),
    [("Content-Length: 5", b"hello"), ("Transfer-Encoding: chunked", b"2\r\nhe\r\n3\r\nllo\r\n0\r\nX-T: 1\r\n\r\n")],
)
@pytest.mark.parametrize("protocol", ["h2c", "websocket"])
def test_an_upload_that_asks_for_an_upgrade_keeps_its_body(
    protocol: str, framing: str, body: bytes, chunk: int
) -> None:
    # GIVEN a body behind an Upgrade that is not followed; it must never be read as a request of its own
    rig = FrontRig()
    client = rig.client()
    head = f"POST /up HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: {protocol}\r\n{framing}\r\n\r\n"
    client.send(head.encode() + body + b"GET /next HTTP/1.1\r\nHost: a\r\n\r\n", chunk)
    # WHEN it is answered
    peer = rig.peer()
    assert peer.body == b"hello"
    assert "upgrade" not in head_of(peer)[1]
    respond(peer, body=b"one")
    # THEN what follows is the next request, and nothing else is
    assert head_of(rig.peer())[0] == "GET /next HTTP/1.1"
    respond(rig.peer(), body=b"two")
    assert [answer.body for answer in client.answers()] == [b"one", b"two"]


def test_a_client_that_leaves_cancels_its_request() -> None:
    rig = FrontRig()
    client = rig.client()
    client.get()
    peer = rig.peer()
    client.leave()
    assert peer.cancels == 1
    assert rig.dispatcher.counts.departed == 1
    assert not rig.front.connections


def test_a_client_that_leaves_the_queue_is_never_served() -> None:
    rig = FrontRig(channels=1)
    first, gone, third = rig.client(), rig.client(), rig.client()
    for number, client in enumerate((first, gone, third)):
        client.get(f"/{number}")
    gone.leave()
    respond(rig.peer(), body=b"x")
    assert rig.peer().last == "2"


def test_a_client_that_ends_its_side_has_left() -> None:
    rig = FrontRig()
    client = rig.client()
    client.get()
    assert client.protocol.eof_received() is False  # the transport then closes, and says so


def test_a_slow_reader_holds_the_environment_back_and_no_memory() -> None:
    rig = FrontRig()
    client = rig.client()
    client.get()
    peer = rig.peer()
    peer.say(pack(HEAD, b"HTTP/1.1 200 OK\r\ncontent-length: 2000000\r\n\r\n"))
    client.protocol.pause_writing()
    peer.say(pack(BODY | END, b"x" * 2_000_000))
    assert len(client.raw) < 1 << 19
    client.protocol.resume_writing()
    assert client.answer().body == b"x" * 2_000_000


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=40))
def test_readers_that_stall_and_go_on_all_get_everything(turns: list[tuple[int, bool]]) -> None:
    """GIVEN four clients of one environment WHEN each stalls and goes on in any order THEN none is left waiting."""
    rig = FrontRig()
    clients = [rig.client() for _ in range(4)]
    for client in clients:
        client.get()
    peers = rig.busy()
    for peer in peers:
        peer.say(pack(HEAD, b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n"))
    stalled: set[int] = set()
    for number, (who, stalls) in enumerate(turns):
        if stalls and who not in stalled:
            clients[who].protocol.pause_writing()
            stalled.add(who)
        elif not stalls and who in stalled:
            clients[who].protocol.resume_writing()
            stalled.remove(who)
        if number < len(clients):
            peers[number].say(pack(BODY | END, b"x" * 1_000_000))
    for peer in peers[len(turns) :]:
        peer.say(pack(BODY | END, b"x" * 1_000_000))
    for who in stalled:
        clients[who].protocol.resume_writing()
    assert [len(client.answer().body) for client in clients] == [1_000_000] * 4
    assert rig.dispatcher.free == 8


def test_a_connection_that_caught_up_is_closed_when_it_idles() -> None:
    """GIVEN a response that was whole before its client had read it WHEN it has THEN idleness ends the connection."""
    rig = FrontRig(limits=FrontLimits(idle_timeout=20))
    client = rig.client()
    client.get()
    client.protocol.pause_writing()
    respond(rig.peer(), body=b"x")
    client.protocol.resume_writing()
    rig.wait(19)
    assert client.transport.state == "open"
    rig.wait(2)
    assert client.transport.state == "closed"
    assert not rig.front.connections


def test_a_client_that_catches_up_and_sends_no_more_of_its_body_is_not_waited_for() -> None:
    """GIVEN an upload whose answer began early WHEN its client has caught up, and stalls THEN its time is limited."""
    rig = FrontRig(limits=FrontLimits(body_timeout=5))
    client = rig.client()
    client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc")
    rig.peer().say(pack(HEAD, b"HTTP/1.1 200 OK\r\n\r\n"), pack(BODY, b"x"))
    client.protocol.pause_writing()
    client.protocol.resume_writing()
    rig.wait(6)
    assert client.transport.paused  # nothing more is read of it
    assert rig.front.refused == {408: 1}


def test_an_early_answer_may_be_read_slowly() -> None:
    """GIVEN an answer before its upload's end WHEN its client reads it slowly THEN it gets all, and then must close."""
    rig = FrontRig(limits=FrontLimits(linger_timeout=2))
    client = rig.client()
    client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc")
    client.protocol.pause_writing()
    respond(rig.peer(), body=b"x")
    rig.wait(10)
    assert client.transport.state == "open"
    client.protocol.resume_writing()
    rig.wait(3)
    assert client.transport.state == "aborted"


def test_a_slow_environment_holds_the_upload_back() -> None:
    rig = FrontRig()
    client = rig.client()
    client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000\r\n\r\n")
    peer = rig.peer()
    peer.credits = False
    sent = 0
    while not client.transport.paused and sent < 2_000_000:
        client.send(b"x" * 50_000)
        sent += 50_000
    assert sent < 400_000
    peer.credits = True
    assert peer.stream is not None
    peer.stream.credit()
    assert not client.transport.paused
    while sent < 2_000_000:
        client.send(b"x" * 50_000)
        sent += 50_000
    assert len(peer.body) == 2_000_000


def test_an_upload_that_waits_for_a_channel_is_held_up_to_a_bound() -> None:
    rig = FrontRig(channels=0)
    client = rig.client()
    client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n" + b"x" * 70_000)
    assert client.transport.paused
    peer = rig.env.open()
    assert not client.transport.paused
    client.send(b"x" * 130_000)
    assert len(peer.body) == 200_000


def test_draining_finishes_requests_and_closes_idle_connections() -> None:
    rig = FrontRig()
    idle, working = rig.client(), rig.client()
    working.get()
    rig.front.drain()
    assert idle.transport.state == "closed"
    respond(rig.peer(), body=b"x")
    assert working.answer().fields["connection"] == "close"
    assert working.transport.state == "closed"
    assert rig.client().answer().status == 503


@pytest.mark.parametrize(
    "target", ["//", "//a//b", "/?a=1&a=2", "/a%20b%2Fc?q=%26%3D", "/%F0%9F%8D%95", "/?", "/a;b=c/../d"]
)
def test_targets_pass_as_they_are(target: str) -> None:
    rig = FrontRig()
    rig.client().get(target)
    assert head_of(rig.peer())[0] == f"GET {target} HTTP/1.1"


def test_a_client_that_leaves_amid_its_head_leaves_nothing_behind() -> None:
    rig = FrontRig()
    client = rig.client()
    client.send(b"GET / HTTP/1.1\r\nHost: a\r\nX-Half: ye")
    client.leave()
    rig.wait(20)
    assert not rig.front.connections
    assert (rig.dispatcher.counts.submitted, rig.front.refused) == (0, {})


def test_a_response_head_of_64_kb_stays_a_head() -> None:
    rig = FrontRig()
    client = rig.client()
    client.get()
    value = "y" * 64_000
    respond(rig.peer(), f"x-large: {value}", body=b"body")
    assert client.answer().fields["x-large"] == value
    assert client.answer().body == b"body"
