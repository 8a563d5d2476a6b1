"""HTTP/2 as a client sees it: the h2 library asks, scripted environments answer."""

import json

import pytest

from dispatch.exchange import Failure
from dispatch.front import FrontLimits, Route, RouteTable
from dispatch.messages import BODY, END, HEAD, pack
from dispatch.wire import frames
from tests.unit.dispatch.front.h2_support import GET, POST, Http2Client
from tests.unit.dispatch.front.support import FrontRig, head_of, respond


def pair(limits: FrontLimits | None = None, *, response_timeout: float = 60) -> tuple[FrontRig, Http2Client]:
    rig = FrontRig(limits=limits, response_timeout=response_timeout)
    return rig, Http2Client(rig)


def test_a_request_passes_and_its_response_comes_back() -> None:
    rig, client = pair()
    stream = client.get("/a?b=1", ("accept", "text/html"), ("cookie", "a=1"), ("cookie", "b=2"), ("te", "trailers"))
    line, fields = head_of(rig.slot())
    assert line == "GET /a?b=1 HTTP/1.1"
    assert fields["host"] == fields["x-forwarded-host"] == ["shop.example"]
    assert fields["accept"] == ["text/html"]
    assert fields["cookie"] == ["a=1; b=2"]
    assert fields["x-forwarded-for"] == ["192.0.2.7"]
    assert not fields.keys() & {"te", "connection", ":path"}
    respond(rig.slot(), "Content-Type: text/plain", "Connection: keep-alive", "X-A: 1", body=b"hello")
    client.exchange()
    answer = client.answers[stream]
    assert answer.fields == {":status": "200", "content-type": "text/plain", "x-a": "1", "content-length": "5"}
    assert (answer.body, answer.ended, answer.reset) == (b"hello", True, None)
    assert rig.front.counts["web"].statuses == {200: 1}


def test_requests_are_served_at_once_and_answered_in_any_order() -> None:
    rig, client = pair()
    streams = [client.get(f"/{number}") for number in range(3)]
    assert len(rig.busy()) == 3
    for slot in reversed(rig.busy()):
        respond(slot, body=slot.last.encode())
    client.exchange()
    assert [client.answers[stream].body for stream in streams] == [b"0", b"1", b"2"]


def test_an_upload_streams_and_its_trailers_are_dropped() -> None:
    rig, client = pair()
    stream = client.open(POST, end=False)
    slot = rig.slot()
    client.data(stream, b"one ")
    assert slot.body == b"one "
    client.data(stream, b"two")
    client.h2.send_headers(stream, [("x-trailer", "1")], end_stream=True)
    client.exchange()
    assert slot.body == b"one two"
    assert not any("trailer" in name for name in head_of(slot)[1])
    respond(slot, body=b"ok")
    client.exchange()
    assert client.answers[stream].body == b"ok"
    assert rig.dispatcher.free == 8


def test_a_conversation_within_one_request() -> None:
    rig, client = pair()
    stream = client.open(POST, end=False)
    slot = rig.slot()
    slot.say(pack(HEAD, b"HTTP/1.1 200 OK\r\n\r\n"))
    for number in range(5):
        client.data(stream, b"%d" % number)
        slot.say(pack(BODY, b"%d!" % number))
        client.exchange()
        assert client.answers[stream].body.endswith(b"%d!" % number)
    client.data(stream, b"", end=True)
    slot.say(pack(BODY | END))
    client.exchange()
    assert client.answers[stream].ended
    assert rig.dispatcher.free == 8


@pytest.mark.parametrize("method", ["HEAD", "GET"])
@pytest.mark.parametrize("status", ["200 OK", "204 No Content", "304 Not Modified"])
def test_responses_without_a_body_end(method: str, status: str) -> None:
    rig, client = pair()
    stream = client.open([(":method", method), *GET[1:]])
    respond(rig.slot(), status=status, length=False)
    client.exchange()
    answer = client.answers[stream]
    assert (answer.status, answer.body, answer.ended, answer.reset) == (int(status[:3]), b"", True, None)
    assert rig.dispatcher.free == 8


def test_head_keeps_the_length_of_what_it_leaves_out() -> None:
    rig, client = pair()
    stream = client.open([(":method", "HEAD"), *GET[1:]])
    rig.slot().say(pack(HEAD | END, b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n"))
    client.exchange()
    answer = client.answers[stream]
    assert (answer.fields["content-length"], answer.body, answer.ended) == ("99", b"", True)


def test_100_continue_is_sent_when_it_is_asked_for() -> None:
    rig, client = pair()
    stream = client.open([*POST, ("expect", "100-continue")], end=False)
    assert client.answers[stream].interim == ["100"]
    client.data(stream, b"x", end=True)
    respond(rig.slot(), body=b"ok")
    client.exchange()
    assert client.answers[stream].status == 200


def test_a_large_response_flows_as_the_client_gives_credit() -> None:
    rig, client = pair()
    client.credits = False
    stream = client.get()
    slot = rig.slot()
    body = bytes(range(256)) * 1_000
    slot.say(pack(HEAD, b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body)))
    for start in range(0, len(body), 50_000):
        piece = body[start : start + 50_000]
        slot.say(pack(BODY | (END if start + 50_000 >= len(body) else 0), piece))
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
    slot = rig.slot()
    slot.say(pack(HEAD, b"HTTP/1.1 200 OK\r\n\r\n"))
    for _ in range(40):
        slot.say(pack(BODY, b"x" * 50_000))
    client.exchange()
    assert slot.stream is not None
    assert len(slot.stream.pending or b"") > 1_000_000  # it waits at the environment, not at the router
    (stream,) = client.protocol.wire.streams.values()
    assert len(stream.pending or b"") < 600_000
    others = client.get("/other")
    respond(next(s for s in rig.busy() if s.last == "other"))
    client.exchange()
    assert client.answers[others].status == 200


def test_a_slow_environment_holds_the_upload_back() -> None:
    rig, client = pair()
    stream = client.open(POST, end=False)
    slot = rig.slot()
    slot.credits = False
    sent = 0
    while sent < 2_000_000 and (room := min(client.h2.local_flow_control_window(stream), 16_384)):
        client.data(stream, b"x" * room)
        sent += room
    assert sent < 600_000
    assert slot.stream is not None
    slot.credits = True
    slot.stream.credit()
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
    slot = rig.env.open()
    client.exchange()
    assert len(slot.body) == sent
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
        (slot,) = rig.env.slots
        assert slot.cancels == 1
        slot.confirm()
    assert rig.dispatcher.free == 1
    assert rig.dispatcher.counts.departed == 1


def test_a_client_that_leaves_takes_all_its_requests_with_it() -> None:
    rig, client = pair()
    for _ in range(3):
        client.get()
    client.leave()
    assert [slot.cancels for slot in rig.env.slots].count(1) == 3
    assert not rig.front.connections


def test_an_answer_before_the_upload_has_ended_stops_it() -> None:
    rig, client = pair()
    stream = client.open(POST, end=False)
    slot = rig.slot()
    respond(slot, status="403 Forbidden", body=b"no")
    slot.confirm()
    client.exchange()
    answer = client.answers[stream]
    assert (answer.status, answer.body, answer.ended, answer.reset) == (403, b"no", True, 0)
    assert rig.dispatcher.free == 8


BAD: dict[str, tuple[list[tuple[str, str]], int]] = {
    "space in path": ([*GET[:3], (":path", "/a b")], 400),
    "line break in path": ([*GET[:3], (":path", "/ HTTP/1.1\r\nx: y\r\n\r\n")], 400),
    "no slash": ([*GET[:3], (":path", "a")], 400),
    "star for GET": ([*GET[:3], (":path", "*")], 400),
    "method with blank": ([(":method", "GET /x"), *GET[1:]], 400),
    "method with line break": ([(":method", "GET\r\n"), *GET[1:]], 400),
    "authority with blank": ([*GET[:2], (":authority", "a b"), (":path", "/")], 400),
    "authority with credentials": ([*GET[:2], (":authority", "u@a"), (":path", "/")], 400),
    "no authority": ([*GET[:2], (":path", "/")], 400),
    "host of another": ([*GET, ("host", "other.example")], 400),
    "two lengths": ([*GET, ("content-length", "0"), ("content-length", "0")], 400),
    "bad length": ([*GET, ("content-length", "+1")], 400),
    "length list": ([*GET, ("content-length", "1,1")], 400),
    "connect": ([(":method", "CONNECT"), (":authority", "a:443")], 501),
    "expectation": ([*GET, ("expect", "200-ok")], 417),
    "long target": ([*GET[:3], (":path", "/" + "x" * 9_000)], 414),
    "many fields": ([*GET, *((f"x-{number}", "1") for number in range(201))], 431),
    "large fields": ([*GET, ("x-large", "y" * 66_000)], 431),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_request_is_refused_and_the_connection_goes_on(name: str) -> None:
    rig, client = pair()
    headers, status = BAD[name]
    client.h2.config.validate_outbound_headers = False
    client.h2.config.normalize_outbound_headers = False
    stream = client.open(headers)
    answer = client.answers[stream]
    assert answer.status == status
    assert json.loads(answer.body)["status"] == status
    assert answer.ended
    assert rig.front.refused == {status: 1}
    assert not rig.busy()
    good = client.get()
    respond(rig.slot())
    client.exchange()
    assert client.answers[good].status == 200


MALFORMED: dict[str, list[tuple[str, str]]] = {
    "connection field": [*GET, ("connection", "close")],
    "transfer-encoding": [*GET, ("transfer-encoding", "chunked")],
    "upgrade": [*GET, ("upgrade", "websocket")],
    "upper case": [*GET, ("X-A", "1")],
    "line break in value": [*GET, ("x-a", "1\r\nx: y")],
    "unknown pseudo-header": [*GET, (":protocol", "websocket")],
    "no path": GET[:3],
    "length of a body that does not come": [*GET, ("content-length", "5")],
}


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_request_resets_its_stream(name: str) -> None:
    rig, client = pair()
    client.h2.config.validate_outbound_headers = False
    client.h2.config.normalize_outbound_headers = False
    stream = client.open(MALFORMED[name])
    assert client.answers[stream].reset == frames.PROTOCOL_ERROR
    assert not rig.busy()


@pytest.mark.parametrize(("sent", "end"), [(b"123456", False), (b"1234", True)])
def test_a_body_that_is_not_as_long_as_it_says_resets_its_stream(sent: bytes, end: bool) -> None:
    rig, client = pair()
    stream = client.open([*POST, ("content-length", "5")], end=False)
    slot = rig.slot()
    client.data(stream, sent, end=end)
    assert client.answers[stream].reset == frames.PROTOCOL_ERROR
    assert slot.cancels == 1
    assert b"123456" not in slot.body


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
    rig.slot().say(pack(HEAD, head), pack(BODY | END, b"x"))
    client.exchange()
    assert client.answers[stream].status == 502


@pytest.mark.parametrize("body", [b"1234", b"123456"])
def test_a_body_that_does_not_match_its_length_resets_the_stream(body: bytes) -> None:
    rig, client = pair()
    stream = client.get()
    slot = rig.slot()
    slot.say(pack(HEAD, b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n"), pack(BODY | END, body))
    client.exchange()
    assert client.answers[stream].reset == frames.INTERNAL_ERROR
    slot.confirm()
    assert rig.dispatcher.free == 8


def test_an_app_that_fails_amid_its_body_resets_the_stream() -> None:
    rig, client = pair()
    stream = client.get()
    slot = rig.slot()
    slot.say(pack(HEAD, b"HTTP/1.1 200 OK\r\n\r\n"), pack(BODY, b"begun"))
    slot.fail()
    client.exchange()
    assert client.answers[stream].reset == frames.INTERNAL_ERROR
    assert rig.dispatcher.free == 8


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
    respond(rig.slot(), body=b"last")
    client.exchange()
    assert client.answers[stream].body == b"last"
    assert client.transport.state == "closed"


def test_draining_waits_for_a_response_that_the_client_has_not_taken() -> None:
    rig, client = pair()
    client.credits = False
    stream = client.get()
    respond(rig.slot(), body=b"x" * 100_000)
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
    respond(rig.slot())
    client.exchange()
    rig.wait(9)
    assert client.transport.state == "open"
    rig.wait(3)
    client.exchange()
    assert (client.goaway, client.transport.state) == (0, "closed")


def test_a_slow_body_is_408_and_its_request_is_cancelled() -> None:
    rig, client = pair(FrontLimits(body_timeout=5))
    stream = client.open(POST, end=False)
    slot = rig.slot()
    rig.wait(4)
    client.data(stream, b"x")
    rig.wait(4)
    assert slot.cancels == 0
    rig.wait(3)
    client.exchange()
    assert (client.answers[stream].status, slot.cancels) == (408, 1)


def test_a_client_that_takes_nothing_loses_its_stream_in_the_end() -> None:
    rig, client = pair(FrontLimits(write_timeout=5))
    client.credits = False
    stream = client.get()
    slot = rig.slot()
    slot.say(pack(HEAD, b"HTTP/1.1 200 OK\r\n\r\n"), pack(BODY, b"x" * 100_000))
    rig.wait(8)
    client.exchange()
    assert client.answers[stream].reset == frames.CANCEL
    assert slot.cancels == 1


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
    for slot in rig.env.slots:
        slot.credits = False  # else the environment's own small credits would be a flood, since no time passes here
    for number in range(3_000):
        client.get()
        slot = rig.slot()
        respond(slot)
        if number % 500 == 0 and slot.stream is not None:
            slot.stream.credit()
    client.exchange()
    assert client.transport.state == "open"
    resets = 0
    while client.transport.state == "open":
        client.reset(client.get())
        for slot in rig.env.slots:
            if slot.cancels:
                slot.cancels = 0
                slot.confirm()
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


def test_a_stranger_cannot_forge_where_it_came_from_and_a_trusted_proxy_is_believed() -> None:
    forged = ("x-forwarded-for", "6.6.6.6")
    rig = FrontRig(trusted=("198.51.100.0/24",))
    Http2Client(rig).get("/", forged, ("x-forwarded-proto", "https"))
    _, fields = head_of(rig.slot())
    assert (fields["x-forwarded-for"], fields["x-forwarded-proto"]) == (["192.0.2.7"], ["http"])
    respond(rig.slot())
    Http2Client(rig, "198.51.100.9", scheme="https").get("/", forged)
    _, fields = head_of(rig.slot())
    assert (fields["x-forwarded-for"], fields["x-forwarded-proto"]) == (["6.6.6.6, 198.51.100.9"], ["https"])


def test_a_request_id_is_kept_when_it_is_one() -> None:
    rig, client = pair()
    for given, kept in (("abc-1", True), ("a b", False)):
        client.get("/", ("x-request-id", given))
        (found,) = head_of(rig.slot())[1]["x-request-id"]
        assert (found == given) is kept
        respond(rig.slot())
        client.exchange()


def test_what_is_no_http2_ends_the_connection() -> None:
    rig, client = pair()
    client.raw(frames.frame(frames.PING, 0, 0, b"short"))
    assert client.goaway == frames.FRAME_SIZE_ERROR
    assert client.transport.state == "closed"
    assert rig.front.refused == {400: 1}
