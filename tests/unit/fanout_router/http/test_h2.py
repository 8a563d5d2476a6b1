"""HTTP/2 as a client sees it: the h2 library asks, scripted environments answer."""

from fanout_router.http import FrontLimits
from fanout_router.messages import BODY, HEAD, pack
from fanout_router.wire import frames
from tests.unit.fanout_router.http.h2_support import Http2Client, pair
from tests.unit.fanout_router.http.support import FrontRig, head_of, respond


def test_a_request_passes_and_its_response_comes_back() -> None:
    rig, client = pair()
    stream = client.get("/a?b=1", ("accept", "text/html"), ("cookie", "a=1"), ("cookie", "b=2"), ("te", "trailers"))
    line, fields = head_of(rig.peer())
    assert line == "GET /a?b=1 HTTP/1.1"
    assert fields["host"] == fields["x-forwarded-host"] == ["shop.example"]
    assert fields["accept"] == ["text/html"]
    assert fields["cookie"] == ["a=1; b=2"]
    assert fields["x-forwarded-for"] == ["192.0.2.7"]
    assert not fields.keys() & {"connection", ":path"}
    assert fields["te"] == ["trailers"]
    respond(rig.peer(), "Content-Type: text/plain", "Connection: keep-alive", "X-A: 1", body=b"hello")
    client.exchange()
    answer = client.answers[stream]
    assert answer.fields == {":status": "200", "content-type": "text/plain", "x-a": "1", "content-length": "5"}
    assert (answer.body, answer.ended, answer.reset) == (b"hello", True, None)
    assert rig.front.counts["web"].statuses == {200: 1}


def test_requests_are_served_at_once_and_answered_in_any_order() -> None:
    rig, client = pair()
    streams = [client.get(f"/{number}") for number in range(3)]
    assert len(rig.busy()) == 3
    for peer in reversed(rig.busy()):
        respond(peer, body=peer.last.encode())
    client.exchange()
    assert [client.answers[stream].body for stream in streams] == [b"0", b"1", b"2"]


def test_a_client_that_leaves_takes_all_its_requests_with_it() -> None:
    rig, client = pair()
    for _ in range(3):
        client.get()
    client.leave()
    assert [peer.cancels for peer in rig.env.peers].count(1) == 3
    assert not rig.front.connections


def test_draining_answers_what_runs_refuses_what_comes_and_closes() -> None:
    rig, client = pair()
    idle = Http2Client(rig)
    stream = client.get()
    rig.front.drain()
    idle.exchange()
    client.exchange()
    assert idle.transport.state == "closed"
    assert (idle.goaway, client.goaway) == (0, 0)
    assert client.transport.state == "open"
    respond(rig.peer(), body=b"last")
    client.exchange()
    assert client.answers[stream].body == b"last"
    assert client.transport.state == "closed"


def test_draining_waits_for_a_response_that_the_client_has_not_taken() -> None:
    rig, client = pair()
    client.credits = False
    stream = client.get()
    respond(rig.peer(), body=b"x" * 100_000)
    rig.front.drain()
    rig.wait(5)
    assert client.transport.state == "open"
    client.h2.increment_flow_control_window(50_000)
    client.h2.increment_flow_control_window(50_000, stream)
    client.exchange()
    rig.wait(2)
    assert client.answers[stream].ended
    assert client.transport.state == "closed"


def test_an_idle_connection_is_closed_with_a_goaway() -> None:
    rig, client = pair(FrontLimits(idle_timeout=10))
    client.get()
    rig.wait(11)
    assert client.transport.state == "open"  # it waits for an answer: that is not idleness
    respond(rig.peer())
    client.exchange()
    rig.wait(9)
    assert client.transport.state == "open"
    rig.wait(3)
    client.exchange()
    assert (client.goaway, client.transport.state) == (0, "closed")


def test_a_client_that_takes_nothing_loses_its_stream_in_the_end() -> None:
    rig, client = pair(FrontLimits(write_timeout=5))
    client.credits = False
    stream = client.get()
    peer = rig.peer()
    peer.say(pack(HEAD, b"HTTP/1.1 200 OK\r\n\r\n"), pack(BODY, b"x" * 100_000))
    rig.wait(8)
    client.exchange()
    assert client.answers[stream].reset == frames.CANCEL
    assert peer.cancels == 1


def test_a_client_whose_transport_is_full_is_aborted_in_the_end() -> None:
    rig, client = pair(FrontLimits(write_timeout=5))
    client.get()
    client.protocol.pause_writing()
    rig.wait(4)
    client.protocol.resume_writing()
    client.protocol.pause_writing()
    rig.wait(4)
    assert client.transport.state == "open"
    rig.wait(3)
    assert client.transport.state == "aborted"


def test_rapid_resets_are_cut_off_and_good_requests_never() -> None:
    rig, client = pair()
    for peer in rig.env.peers:
        peer.credits = False  # else the environment's own small credits would be a flood, since no time passes here
    for number in range(3_000):
        client.get()
        peer = rig.peer()
        respond(peer)
        if number % 500 == 0 and peer.stream is not None:
            peer.stream.credit()
    client.exchange()
    assert client.transport.state == "open"
    resets = 0
    while client.transport.state == "open":
        client.reset(client.get())
        for peer in rig.env.peers:
            if peer.cancels:
                peer.cancels = 0
                peer.confirm()
        resets += 1
    assert 500 < resets < 1_500
    assert client.goaway == frames.ENHANCE_YOUR_CALM


def test_streams_above_the_limit_are_refused_for_another_try() -> None:
    rig = FrontRig(channels=0)
    client = Http2Client(rig)
    assert client.h2.remote_settings.max_concurrent_streams == 100
    client.h2.remote_settings.max_concurrent_streams = 1_000
    client.h2.remote_settings.acknowledge()
    streams = [client.get() for _ in range(101)]
    assert client.answers[streams[-1]].reset == frames.REFUSED_STREAM
    assert rig.dispatcher.waiting == 100


def test_what_is_no_http2_ends_the_connection() -> None:
    rig, client = pair()
    client.raw(frames.frame(frames.PING, 0, 0, b"short"))
    assert client.goaway == frames.FRAME_SIZE_ERROR
    assert client.transport.state == "closed"
    assert rig.front.refused == {400: 1}
