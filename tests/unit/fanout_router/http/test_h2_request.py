"""One request by HTTP/2: its bodies both ways, their flow, and how it ends."""

import json

import pytest

from fanout_router.exchange import Failure
from fanout_router.http import FrontLimits, Route, RouteTable
from fanout_router.messages import BODY, END, HEAD, pack
from fanout_router.wire import frames
from tests.unit.fanout_router.http.h2_support import GET, POST, Http2Client, pair
from tests.unit.fanout_router.http.support import FrontRig, head_of, respond


def test_an_upload_streams_and_its_trailers_are_dropped() -> None:
    rig, client = pair()
    stream = client.open(POST, end=False)
    peer = rig.peer()
    client.data(stream, b"one ")
    assert peer.body == b"one "
    client.data(stream, b"two")
    client.h2.send_headers(stream, [("x-trailer", "1")], end_stream=True)
    client.exchange()
    assert peer.body == b"one two"
    assert not any("trailer" in name for name in head_of(peer)[1])
    respond(peer, body=b"ok")
    client.exchange()
    assert client.answers[stream].body == b"ok"
    assert rig.dispatcher.free == 8


def test_a_conversation_within_one_request() -> None:
    rig, client = pair()
    stream = client.open(POST, end=False)
    peer = rig.peer()
    peer.say(pack(HEAD, b"HTTP/1.1 200 OK\r\n\r\n"))
    for number in range(5):
        client.data(stream, b"%d" % number)
        peer.say(pack(BODY, b"%d!" % number))
        client.exchange()
        assert client.answers[stream].body.endswith(b"%d!" % number)
    client.data(stream, b"", end=True)
    peer.say(pack(BODY | END))
    client.exchange()
    assert client.answers[stream].ended
    assert rig.dispatcher.free == 8


@pytest.mark.parametrize("method", ["HEAD", "GET"])
@pytest.mark.parametrize("status", ["200 OK", "204 No Content", "304 Not Modified"])
def test_responses_without_a_body_end(method: str, status: str) -> None:
    rig, client = pair()
    stream = client.open([(":method", method), *GET[1:]])
    respond(rig.peer(), status=status, length=False)
    client.exchange()
    answer = client.answers[stream]
    assert (answer.status, answer.body, answer.ended, answer.reset) == (int(status[:3]), b"", True, None)
    assert rig.dispatcher.free == 8


def test_head_keeps_the_length_of_what_it_leaves_out() -> None:
    rig, client = pair()
    stream = client.open([(":method", "HEAD"), *GET[1:]])
    rig.peer().say(pack(HEAD | END, b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n"))
    client.exchange()
    answer = client.answers[stream]
    assert (answer.fields["content-length"], answer.body, answer.ended) == ("99", b"", True)


def test_100_continue_is_sent_when_it_is_asked_for() -> None:
    rig, client = pair()
    stream = client.open([*POST, ("expect", "100-continue")], end=False)
    assert client.answers[stream].interim == ["100"]
    client.data(stream, b"x", end=True)
    respond(rig.peer(), body=b"ok")
    client.exchange()
    assert client.answers[stream].status == 200


def test_a_large_response_flows_as_the_client_gives_credit() -> None:
    rig, client = pair()
    client.credits = False
    stream = client.get()
    peer = rig.peer()
    body = bytes(range(256)) * 1_000
    peer.say(pack(HEAD, b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body)))
    for start in range(0, len(body), 50_000):
        piece = body[start : start + 50_000]
        peer.say(pack(BODY | (END if start + 50_000 >= len(body) else 0), piece))
    client.exchange()
    answer = client.answers[stream]
    assert len(answer.body) == 65_535
    while not answer.ended:
        got = len(answer.body)
        client.h2.increment_flow_control_window(40_000)
        client.h2.increment_flow_control_window(40_000, stream)
        client.exchange()
        assert len(answer.body) > got
    assert answer.body == body
    assert rig.dispatcher.free == 8


def test_a_client_that_gives_no_credit_holds_the_environment_back() -> None:
    rig, client = pair()
    client.credits = False
    client.get()
    peer = rig.peer()
    peer.say(pack(HEAD, b"HTTP/1.1 200 OK\r\n\r\n"))
    for _ in range(40):
        peer.say(pack(BODY, b"x" * 50_000))
    client.exchange()
    assert peer.stream is not None
    assert len(peer.stream.pending or b"") > 1_000_000  # it waits at the environment, not at the router
    (stream,) = client.protocol.wire.streams.values()
    assert len(stream.pending or b"") < 600_000
    others = client.get("/other")
    respond(next(s for s in rig.busy() if s.last == "other"))
    client.exchange()
    assert client.answers[others].status == 200


def test_a_slow_environment_holds_the_upload_back() -> None:
    rig, client = pair()
    stream = client.open(POST, end=False)
    peer = rig.peer()
    peer.credits = False
    sent = 0
    while sent < 2_000_000 and (room := min(client.h2.local_flow_control_window(stream), 16_384)):
        client.data(stream, b"x" * room)
        sent += room
    assert sent < 600_000
    assert peer.stream is not None
    peer.credits = True
    peer.stream.credit()
    client.exchange()
    assert client.h2.local_flow_control_window(stream) > 0


def test_an_upload_that_waits_for_a_channel_is_held_up_to_a_bound() -> None:
    rig, client = FrontRig(channels=0), None
    client = Http2Client(rig)
    stream = client.open(POST, end=False)
    sent = 0
    while room := min(client.h2.local_flow_control_window(stream), 16_384):
        client.data(stream, b"x" * room)
        sent += room
    assert sent < 200_000
    peer = rig.env.open()
    client.exchange()
    assert len(peer.body) == sent
    assert client.h2.local_flow_control_window(stream) > 0


@pytest.mark.parametrize("waiting", [True, False])
def test_a_client_that_resets_its_stream_is_dequeued_or_cancelled(waiting: bool) -> None:
    rig = FrontRig(channels=0 if waiting else 1)
    client = Http2Client(rig)
    stream = client.get()
    assert rig.dispatcher.waiting == waiting
    client.reset(stream)
    if waiting:
        assert rig.dispatcher.waiting == 0
        assert rig.env.open().heads == []
    else:
        (peer,) = rig.env.peers
        assert peer.cancels == 1
        peer.confirm()
    assert rig.dispatcher.free == 1
    assert rig.dispatcher.counts.departed == 1


def test_an_answer_before_the_upload_has_ended_stops_it() -> None:
    rig, client = pair()
    stream = client.open(POST, end=False)
    peer = rig.peer()
    respond(peer, status="403 Forbidden", body=b"no")
    peer.confirm()
    client.exchange()
    answer = client.answers[stream]
    assert (answer.status, answer.body, answer.ended, answer.reset) == (403, b"no", True, 0)
    assert rig.dispatcher.free == 8


@pytest.mark.parametrize(("sent", "end"), [(b"123456", False), (b"1234", True)])
def test_a_body_that_is_not_as_long_as_it_says_resets_its_stream(sent: bytes, end: bool) -> None:
    rig, client = pair()
    stream = client.open([*POST, ("content-length", "5")], end=False)
    peer = rig.peer()
    client.data(stream, sent, end=end)
    assert client.answers[stream].reset == frames.PROTOCOL_ERROR
    assert peer.cancels == 1
    assert b"123456" not in peer.body


def test_a_body_above_the_limit_is_413() -> None:
    _, client = pair(FrontLimits(body=10))
    declared = client.open([*POST, ("content-length", "11")], end=False)
    streamed = client.open(POST, end=False)
    client.data(streamed, b"x" * 11)
    assert [client.answers[s].status for s in (declared, streamed)] == [413, 413]
    assert [client.answers[s].reset for s in (declared, streamed)] == [0, 0]


def test_an_unknown_host_is_404() -> None:
    rig, client = pair()
    rig.front.routes = RouteTable([Route(name="web", dispatcher=rig.dispatcher, host="other.example")])
    assert client.answers[client.get()].status == 404


def test_a_full_queue_is_503_with_retry_after() -> None:
    rig = FrontRig(channels=0, queue_length=0)
    client = Http2Client(rig)
    answer = client.answers[client.get()]
    assert (answer.status, answer.fields["retry-after"]) == (503, "1")
    assert "request_id" in json.loads(answer.body)


def test_no_answer_in_time_is_504_and_a_lost_environment_502() -> None:
    rig, client = pair(response_timeout=5)
    late = client.get()
    rig.wait(6)
    client.exchange()
    assert client.answers[late].status == 504
    lost = client.open(POST)
    rig.env.die()
    client.exchange()
    assert client.answers[lost].status == 502
    assert rig.dispatcher.failures[Failure.ENVIRONMENT_LOST] == 1


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nbad name: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx: a\0b\r\n\r\n",
    ],
)
def test_an_invalid_response_head_is_502(head: bytes) -> None:
    rig, client = pair()
    stream = client.get()
    rig.peer().say(pack(HEAD, head), pack(BODY | END, b"x"))
    client.exchange()
    assert client.answers[stream].status == 502


@pytest.mark.parametrize("body", [b"", b"1234", b"123456"])
def test_a_length_that_is_wrong_from_the_start_is_502(body: bytes) -> None:
    rig, client = pair()
    stream = client.get()
    rig.peer().say(pack(HEAD, b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n") + pack(BODY | END, body))
    client.exchange()
    assert client.answers[stream].status == 502
    assert rig.front.counts["web"].statuses == {502: 1}


def test_early_hints_pass_before_the_answer() -> None:
    rig, client = pair()
    stream = client.get()
    rig.peer().say(pack(HEAD, b"HTTP/1.1 103 Early Hints\r\nlink: </a.css>\r\n\r\n"))
    client.exchange()
    assert client.answers[stream].interim == ["103"]
    respond(rig.peer(), body=b"x")
    client.exchange()
    assert client.answers[stream].body == b"x"


@pytest.mark.parametrize("body", [b"1234", b"123456"])
def test_a_body_that_does_not_match_its_length_resets_the_stream(body: bytes) -> None:
    rig, client = pair()
    stream = client.get()
    peer = rig.peer()
    peer.say(pack(HEAD, b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n"))
    peer.say(pack(BODY | END, body))
    client.exchange()
    assert client.answers[stream].reset == frames.INTERNAL_ERROR
    peer.confirm()
    assert rig.dispatcher.free == 8


def test_an_app_that_fails_amid_its_body_resets_the_stream() -> None:
    rig, client = pair()
    stream = client.get()
    peer = rig.peer()
    peer.say(pack(HEAD, b"HTTP/1.1 200 OK\r\n\r\n"), pack(BODY, b"begun"))
    peer.fail()
    client.exchange()
    assert client.answers[stream].reset == frames.INTERNAL_ERROR
    assert rig.dispatcher.free == 8


def test_a_slow_body_is_408_and_its_request_is_cancelled() -> None:
    rig, client = pair(FrontLimits(body_timeout=5))
    stream = client.open(POST, end=False)
    peer = rig.peer()
    rig.wait(4)
    client.data(stream, b"x")
    rig.wait(4)
    assert peer.cancels == 0
    rig.wait(3)
    client.exchange()
    assert (client.answers[stream].status, peer.cancels) == (408, 1)
