"""What a client, or an environment, cannot do: limits, smuggling, bad responses, and the statuses for
each.
"""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fanout_router.http import FrontLimits, Route, RouteTable
from fanout_router.messages import BODY, END, HEAD, pack
from tests.unit.fanout_router.http.support import Client, FrontRig, head_of, respond

POST = b"POST / HTTP/1.1\r\nHost: a\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n"

SMUGGLED = {
    "length and chunked": CHUNKED + b"Content-Length: 3\r\n\r\n0\r\n\r\n",
    "chunked and length": POST + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": POST + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    "two equal lengths": POST + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
    "length list": POST + b"Content-Length: 3, 3\r\n\r\nabc",
    "signed length": POST + b"Content-Length: +3\r\n\r\nabc",
    "huge length": POST + b"Content-Length: 99999999999999999999999\r\n\r\nabc",
    "space before colon": POST + b"Content-Length : 3\r\n\r\nabc",
    "chunked not last": POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "chunked twice": CHUNKED + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "control in coding": POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "chunked in HTTP/1.0": b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "bare LF": b"GET / HTTP/1.1\nHost: a\n\n",
    "bare LF in field": b"GET / HTTP/1.1\r\nHost: a\r\nX: y\nContent-Length: 5\r\n\r\n",
    "bare CR": b"GET / HTTP/1.1\r\nHost: a\rX: y\r\n\r\n",
    "folded field": b"GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n Content-Length: 5\r\n\r\n",
    "NUL": b"GET / HTTP/1.1\r\nHost: a\r\nX: y\0z\r\n\r\n",
    "bad chunk size": CHUNKED + b"\r\nzz\r\nabc\r\n0\r\n\r\n",
    "prefixed chunk size": CHUNKED + b"\r\n0x3\r\nabc\r\n0\r\n\r\n",
    "huge chunk size": CHUNKED + b"\r\nfffffffffffffffff\r\nabc\r\n",
    "LF after chunk size": CHUNKED + b"\r\n3\nabc\r\n0\r\n\r\n",
    "chunk longer than its size": CHUNKED + b"\r\n3\r\nabcd\r\n0\r\n\r\n",
    "two hosts": b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "no host at all": b"GET / HTTP/1.1\r\nHost: a b/c\r\n\r\n",
    "HTTP/0.9": b"GET /\r\n\r\n",
    "HTTP/1.2": b"GET / HTTP/1.2\r\nHost: a\r\n\r\n",
    "not HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "credentials in target": b"GET http://u:p@a/ HTTP/1.1\r\nHost: a\r\n\r\n",
    "relative target": b"GET a/b HTTP/1.1\r\nHost: a\r\n\r\n",
    "control in target": b"GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n",
}


@pytest.mark.parametrize("chunk", [0, 1])
@pytest.mark.parametrize("name", SMUGGLED)
def test_what_two_parsers_could_read_differently_is_refused(name: str, chunk: int) -> None:
    # GIVEN a bad request with another one behind it
    rig = FrontRig()
    client = rig.client()
    client.send(SMUGGLED[name] + b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n", chunk)
    # THEN it is answered 400 and the connection ends; the one behind it never reaches an app
    assert client.answer().status == 400
    assert client.ended
    assert not any(peer.last == "smuggled" for peer in rig.env.peers)
    assert not rig.busy()


@pytest.mark.parametrize("coding", [b"gzip, chunked", b"xchunked", b"identity"])
def test_a_transfer_coding_that_we_do_not_know_is_501(coding: bytes) -> None:
    client = FrontRig().client()
    client.send(POST + b"Transfer-Encoding: " + coding + b"\r\n\r\n0\r\n\r\n")
    assert client.answer().status == 501


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n", 501),
        (b"CONNECT /a HTTP/1.1\r\nHost: a\r\n\r\n", 501),
        (b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 200-ok\r\nContent-Length: 1\r\n\r\n", 417),
        (b"GET /" + b"x" * 9_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: 1\r\n" * 201 + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 70_000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 250_000, 431),
        (b"GET /" + b"x" * 250_000, 414),
    ],
)
@pytest.mark.parametrize("chunk", [60_000, 10_000])
def test_refusals_have_their_status_and_close(data: bytes, status: int, chunk: int) -> None:
    rig = FrontRig()
    client = rig.client()
    client.send(data, chunk)
    answer = client.answer()
    assert answer.status == status
    assert json.loads(answer.body)["status"] == status
    assert answer.fields["connection"] == "close"
    assert client.ended
    assert rig.front.refused == {status: 1}


@pytest.mark.parametrize("head", [b"Content-Length: 11\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\nb\r\n"])
def test_a_body_above_the_limit_is_413_whatever_its_framing(head: bytes) -> None:
    rig = FrontRig(limits=FrontLimits(body=10))
    client = rig.client()
    client.send(POST + head + b"x" * 11)
    assert client.answer().status == 413
    assert client.ended
    assert not rig.busy()


def test_124_kb_of_fields_pass_when_the_limit_allows() -> None:
    rig = FrontRig(limits=FrontLimits(head=200_000))
    client = rig.client()
    client.get("/", *[f"X-{number}: {'v' * 1_000}" for number in range(124)])
    assert len(head_of(rig.peer())[1]["x-7"][0]) == 1_000


def test_a_slow_head_is_408_however_it_trickles() -> None:
    rig = FrontRig()
    client = rig.client()
    for byte in b"GET / HTTP/1.1\r\nHost: a\r\nX-Slow: yes":
        client.send(bytes([byte]))
        rig.wait(0.5)
    assert client.answer().status == 408
    assert client.ended


def test_a_slow_body_is_408_and_its_request_is_cancelled() -> None:
    rig = FrontRig()
    client = rig.client()
    client.send(POST + b"Content-Length: 100\r\n\r\nab")
    peer = rig.peer()
    rig.wait(20)
    client.send(b"cd")
    rig.wait(20)
    assert client.raw == b""
    rig.wait(11)
    assert client.answer().status == 408
    assert peer.cancels == 1


def test_chunk_extensions_are_no_progress() -> None:
    rig = FrontRig()
    client = rig.client()
    client.send(CHUNKED + b"\r\n1;")
    for _ in range(70):
        client.send(b"x" * 100)
        rig.wait(0.5)
    assert client.answer().status == 408


def test_an_idle_connection_is_closed_without_a_word() -> None:
    rig = FrontRig()
    client, fresh = rig.client(), rig.client()
    client.get()
    respond(rig.peer(), body=b"x")
    before = client.raw
    rig.wait(76)
    assert client.raw == before
    assert (client.transport.state, fresh.transport.state) == ("closed", "closed")
    assert not rig.front.connections


def test_a_client_that_does_not_read_is_aborted() -> None:
    rig = FrontRig(idle_timeout=1_000)
    client = rig.client()
    client.get()
    rig.peer().say(pack(HEAD, b"HTTP/1.1 200 OK\r\n\r\n"), pack(BODY, b"x"))
    client.protocol.pause_writing()
    rig.wait(61)
    assert client.transport.state == "aborted"


def test_connections_above_the_limit_are_turned_away() -> None:
    rig = FrontRig(limits=FrontLimits(connections=2))
    clients = [rig.client() for _ in range(3)]
    assert clients[2].answer().status == 503
    assert clients[2].answer().fields["retry-after"] == "1"
    assert clients[0].raw == b""
    clients[0].leave()
    assert rig.client().raw == b""


def test_a_bad_request_behind_a_good_one_waits_for_its_answer() -> None:
    rig = FrontRig()
    client = rig.client()
    client.send(b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGARBAGE\r\n\r\n")
    assert client.raw == b""
    respond(rig.peer(), body=b"x")
    assert client.answer().body == b"x"
    assert client.ended


def test_a_pipelined_upload_gone_bad_is_never_begun() -> None:
    rig = FrontRig()
    client = rig.client()
    client.send(b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\n" + CHUNKED + b"\r\nzz\r\n")
    respond(rig.peer(), body=b"x")
    assert client.ended
    assert not rig.busy()


def test_a_bad_chunk_amid_an_answered_upload_ends_the_connection() -> None:
    rig = FrontRig()
    client = rig.client()
    client.send(CHUNKED + b"\r\n3\r\nabc\r\n")
    peer = rig.peer()
    peer.say(pack(HEAD, b"HTTP/1.1 200 OK\r\n\r\n"), pack(BODY, b"begun"))
    client.send(b"zz\r\n")
    peer.say(pack(BODY | END, b" ended"))
    assert client.answer().body == b"begun ended"
    assert client.ended


BAD_RESPONSES = {
    "no status line": b"hello\r\n\r\n",
    "HTTP/2": b"HTTP/2 200 OK\r\n\r\n",
    "status 99": b"HTTP/1.1 099 X\r\n\r\n",
    "status text": b"HTTP/1.1 abc X\r\n\r\n",
    "unknown informational": b"HTTP/1.1 199 Whatever\r\n\r\n",
    "blank in a name": b"HTTP/1.1 200 OK\r\nbad name: x\r\n\r\n",
    "no name": b"HTTP/1.1 200 OK\r\n: x\r\n\r\n",
    "semicolon in a name": b"HTTP/1.1 200 OK\r\nset-cookie; x: x\r\n\r\n",
    "NUL in a value": b"HTTP/1.1 200 OK\r\nx: a\0b\r\n\r\n",
    "folded line": b"HTTP/1.1 200 OK\r\nx: a\r\n b\r\n\r\n",
    "unasked switch": b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
    "two heads": b"HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
    "bare LF": b"HTTP/1.1 200 OK\r\nx: y\ncontent-length: 9\r\n\r\n",
    "bare CR": b"HTTP/1.1 200 OK\r\nx: y\rz\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\nContent-Length: 1\r\n\r\n",
    "bad length": b"HTTP/1.1 200 OK\r\ncontent-length: 1x\r\n\r\n",
    "unfinished": b"HTTP/1.1 200 OK\r\nx: y\r\n",
}


@pytest.mark.parametrize("name", BAD_RESPONSES)
def test_an_invalid_response_head_is_502(name: str) -> None:
    rig = FrontRig()
    client = rig.client()
    client.get()
    rig.peer().say(pack(HEAD, BAD_RESPONSES[name]), pack(BODY | END, b"x"))
    assert client.answer().status == 502
    assert client.transport.state == "open"


@pytest.mark.parametrize("body", [b"", b"abc", b"abcdef"])
@pytest.mark.parametrize("pieces", [1, 2])
def test_a_length_that_is_wrong_from_the_start_is_502_and_counts_as_such(body: bytes, pieces: int) -> None:
    rig = FrontRig()
    client = rig.client()
    client.get()
    messages = [pack(HEAD, b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n"), pack(BODY | END, body)]
    if pieces == 1 or len(body) <= 5:  # what is too much is seen in any first part, what is too little in the last one
        rig.peer().say(b"".join(messages))
    else:
        rig.peer().say(messages[0] + pack(BODY, body), pack(BODY | END, b""))
    assert client.answer().status == 502
    assert rig.front.counts["web"].statuses == {502: 1}


@pytest.mark.parametrize("parts", [[b"abc"], [b"abcdef"], [b"ab", b"c"], [b"ab", b"cdef"]])
def test_a_body_that_does_not_match_its_length_cuts_the_connection(parts: list[bytes]) -> None:
    rig = FrontRig()
    client = rig.client()
    client.get()
    peer = rig.peer()
    peer.say(pack(HEAD, b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n"))
    for index, part in enumerate(parts):
        peer.say(pack(BODY | END if index == len(parts) - 1 else BODY, part))
    assert client.transport.state == "closed"
    assert len(client.raw.partition(b"\r\n\r\n")[2]) < 5
    assert rig.front.counts["web"].statuses == {200: 1}


def test_an_app_that_fails_amid_its_body_cuts_the_connection() -> None:
    rig = FrontRig()
    client = rig.client()
    client.get()
    peer = rig.peer()
    peer.say(pack(HEAD, b"HTTP/1.1 200 OK\r\n\r\n"), pack(BODY, b"begun"))
    peer.fail()
    assert client.transport.state == "closed"
    assert not client.raw.endswith(b"0\r\n\r\n")
    rig.client().get()
    assert len(rig.busy()) == 1


def test_a_head_that_ends_short_of_its_length_frees_its_channel_once() -> None:
    rig = FrontRig(channels=1)
    client = rig.client()
    client.get()
    peer = rig.peer()
    peer.say(pack(HEAD | END, b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n"))
    assert client.answer().status == 502
    peer.confirm()
    assert (rig.dispatcher.free, rig.dispatcher.busy) == (1, 0)


def test_early_hints_pass_before_the_answer() -> None:
    rig = FrontRig()
    client = rig.client()
    client.get()
    peer = rig.peer()
    hints = b"HTTP/1.1 103 Early Hints\r\nlink: </a.css>; rel=preload\r\n\r\n"
    peer.say(pack(HEAD, hints))
    assert client.raw == hints
    peer.say(pack(HEAD, hints))
    respond(peer, body=b"x")
    assert [answer.status for answer in client.answers()] == [103, 103, 200]
    client.send(b"GET / HTTP/1.0\r\n\r\n")
    peer = rig.peer()
    before = client.raw
    peer.say(pack(HEAD, hints))
    assert client.raw == before


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
def test_no_content_announces_no_length(status: str) -> None:
    rig = FrontRig()
    client = rig.client()
    client.get()
    respond(rig.peer(), "x-a: 1", status=status)
    fields = client.answer().fields
    assert ("content-length" in fields) is status.startswith("304")
    assert fields["x-a"] == "1"


@pytest.mark.parametrize("whole", [True, False])
def test_an_answer_before_the_request_is_whole_says_that_the_connection_ends(whole: bool) -> None:
    rig = FrontRig()
    client = rig.client()
    client.send(POST + b"Content-Length: 100\r\n\r\nabc")
    if whole:
        respond(rig.peer(), body=b"no")
    else:
        rig.peer().say(pack(HEAD | END, b"HTTP/1.1 204 No Content\r\n\r\n"))
    assert client.answer().fields["connection"] == "close"
    assert client.ended


def test_a_channel_that_breaks_amid_a_body_cuts_the_response_and_adds_nothing_to_it() -> None:
    rig = FrontRig()
    client = rig.client()
    client.get()
    peer = rig.peer()
    peer.say(pack(HEAD, b"HTTP/1.1 200 OK\r\ncontent-length: 300\r\n\r\n"), pack(BODY, b"abc"))
    peer.say(pack(HEAD | BODY, b"no message"))
    assert client.raw.endswith(b"\r\n\r\nabc")
    assert client.transport.state == "closed"


def test_hop_by_hop_fields_of_a_response_end_here() -> None:
    rig = FrontRig()
    client = rig.client()
    client.get()
    respond(rig.peer(), "Connection: X-Private", "X-Private: 1", "Keep-Alive: timeout=5", "x-ok: 1", body=b"x")
    assert client.answer().fields.keys() == {"x-ok", "content-length"}


def test_a_full_queue_answers_503_with_retry_after_and_keeps_the_connection() -> None:
    rig = FrontRig(channels=0, queue_length=0)
    client = rig.client()
    client.get()
    client.get()
    assert [(a.status, a.fields["retry-after"]) for a in client.answers()] == [(503, "1"), (503, "1")]
    assert client.transport.state == "open"


def test_waiting_too_long_answers_503_with_retry_after() -> None:
    rig = FrontRig(channels=0, queue_timeout=5)
    client = rig.client()
    client.get()
    rig.wait(6)
    assert (client.answer().status, client.answer().fields["retry-after"]) == (503, "1")


def test_no_answer_in_time_is_504_and_a_lost_environment_502() -> None:
    rig = FrontRig(response_timeout=5)
    late, lost = rig.client(), rig.client()
    late.get("/late")
    rig.wait(5)
    assert late.answer().status == 504
    lost.send(POST + b"Content-Length: 0\r\n\r\n")
    rig.env.die()
    assert lost.answer().status == 502


def test_an_answer_of_ours_shows_the_request_id_and_nothing_of_the_request() -> None:
    rig = FrontRig(channels=0, queue_length=0)
    client = rig.client()
    client.get("/secret-path", "X-Request-Id: abc-123", "Cookie: secret")
    assert json.loads(client.answer().body)["request_id"] == "abc-123"
    assert b"secret" not in client.raw


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (b"/%61dmin", "admin"),
        (b"//admin", "admin"),
        (b"/x/../admin", "admin"),
        (b"/./admin/", "admin"),
        (b"/x/%2E%2e/admin?y", "admin"),
        (b"/../admin", "admin"),
        (b"/admin/../x", "all"),
        (b"/admin/..", "all"),
        (b"/admin/.", "admin"),
        (b"/admin%2Fx", "all"),
        (b"/x?/../admin", "all"),
        (b"/Admin", "all"),
        (b"//", "all"),
        (b"/%zz/admin", "all"),
    ],
)
def test_a_prefix_is_compared_with_what_a_path_means(target: bytes, expected: str) -> None:
    dispatcher = FrontRig().dispatcher
    table = RouteTable(
        [Route(name="all", dispatcher=dispatcher), Route(name="admin", dispatcher=dispatcher, prefix="/admin")]
    )
    route = table.find(b"a", target)
    assert route is not None
    assert route.name == expected


def test_routes_are_chosen_by_host_and_longest_prefix() -> None:
    rigs = {name: FrontRig() for name in ("all", "shop", "api", "v2")}
    table = RouteTable(
        [
            Route(name="all", dispatcher=rigs["all"].dispatcher),
            Route(name="shop", dispatcher=rigs["shop"].dispatcher, host="shop.example"),
            Route(name="api", dispatcher=rigs["api"].dispatcher, prefix="/api"),
            Route(name="v2", dispatcher=rigs["v2"].dispatcher, prefix="/api/v2"),
        ]
    )
    for host, target, expected in [
        (b"a", b"/", "all"),
        (b"SHOP.example:8080", b"/api", "shop"),
        (b"a", b"/api", "api"),
        (b"a", b"/api?x=/api/v2", "api"),
        (b"a", b"/apiary", "all"),
        (b"[::1]:80", b"/api/v2/x", "v2"),
    ]:
        route = table.find(host, target)
        assert route is not None
        assert route.name == expected


def test_an_unknown_host_is_404() -> None:
    rig = FrontRig()
    rig.front.routes = RouteTable([Route(name="web", dispatcher=rig.dispatcher, host="shop.example")])
    client = rig.client()
    client.send(b"GET / HTTP/1.1\r\nHost: other.example\r\n\r\n")
    assert client.answer().status == 404


@given(st.binary(max_size=300), st.integers(1, 40))
@settings(max_examples=300, deadline=None)
def test_any_bytes_get_a_refusal_or_patience_never_an_exception(junk: bytes, chunk: int) -> None:
    client = Client(FrontRig().front)
    client.send(junk, chunk)
    if client.raw:
        assert client.answer().status in (400, 414, 417, 431, 501)
        assert client.ended


_PIECES = [
    *(
        b"GET / HTTP/1.1\r\n",
        b"POST /x HTTP/1.1\r\n",
        b"Host: a\r\n",
        b"X: y\r\n",
        b"Expect: 100-continue\r\n",
    ),
    *(b"Content-Length: 3\r\n", b"Content-Length: 0\r\n", b"Transfer-Encoding: chunked\r\n"),
    *(b"Connection: close\r\n", b"Connection: upgrade\r\n", b"Upgrade: websocket\r\n"),
    *(b"\r\n", b"\r\n\r\n", b"abc", b"3\r\nabc\r\n", b"0\r\n\r\n", b"\n"),
]


@given(
    st.lists(st.sampled_from(_PIECES), max_size=14),
    st.integers(1, 60),
    st.lists(st.integers(0, 9), max_size=8),
)
@settings(max_examples=400, deadline=None)
def test_plausible_bytes_never_break_the_front_or_lose_a_channel(
    pieces: list[bytes], chunk: int, acts: list[int]
) -> None:
    rig = FrontRig(channels=2)
    client = rig.client()
    client.send(b"".join(pieces), chunk)
    for act in acts:
        for peer in rig.busy():
            if act < 6:
                respond(peer, body=b"ok")
            elif act == 6:
                peer.fail()
    client.leave()
    for _, peer in enumerate(rig.env.peers):
        if peer.cancels and any(
            c.cancelling and peer.stream and c.stream.id == peer.stream.id for c in rig.env.environment.channels
        ):
            peer.confirm()
    rig.wait(1)
    assert not rig.busy()
    assert rig.dispatcher.free == len(rig.env.environment.channels)


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        (("Transfer-Encoding: gzip", "Transfer-Encoding: chunked"), 501),
        (("Transfer-Encoding: chunked", "Transfer-Encoding: chunked"), 400),
        (("Transfer-Encoding: gzip, chunked",), 501),
        (("Content-Length: 3", "Expect: 200-ok", "Expect: 100-continue"), 417),
    ],
)
def test_a_field_on_two_lines_means_what_it_means_on_one(lines: tuple[str, ...], status: int) -> None:
    rig = FrontRig()
    client = rig.client()
    client.send("\r\n".join(["POST / HTTP/1.1", "Host: a", *lines]).encode() + b"\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
    assert client.answer().status == status
    assert not rig.busy()


def test_two_upgrade_lines_are_no_websocket() -> None:
    rig = FrontRig()
    client = rig.client()
    client.get("/", "Connection: upgrade", "Upgrade: h2c", "Upgrade: websocket")
    assert "upgrade" not in head_of(rig.peer())[1]


def test_two_request_ids_are_none() -> None:
    rig = FrontRig()
    rig.client().get("/", "X-Request-Id: a", "X-Request-Id: b")
    assert head_of(rig.peer())[1]["x-request-id"][0] not in ("a", "b")


def test_chunk_extensions_count_against_a_limit() -> None:
    """GIVEN chunks of one byte WHEN each has an extension of a megabyte THEN the first of them is one too many."""
    rig = FrontRig()
    client = rig.client()
    client.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
    client.send(b"1;" + b"x" * 1_000_000 + b"\r\na\r\n", 65_536)
    assert client.answer().status == 400
    assert client.ended


def test_small_chunks_are_no_attack() -> None:
    rig = FrontRig()
    client = rig.client()
    client.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
    rig.peer().credits = False
    for _ in range(20_000):
        client.send(b"1\r\na\r\n")
    client.send(b"0\r\n\r\n")
    respond(rig.peer())
    assert client.answer().status == 200
