"""Requests one after the other on a connection: nothing of one is left for the next."""

import io
import json

from hypothesis import given
from hypothesis import strategies as st

from fanout_router.http import FrontLimits, Route, RouteTable
from fanout_router.logs import AccessLog
from tests.unit.fanout_router.http.support import Client, FrontRig, respond

FIELDS = "Host: shop.example\r\nAccept: text/html\r\nUser-Agent: test\r\n\r\n"


def ask(rig: FrontRig, client: Client, line: str, fields: str = FIELDS) -> bytes:
    """What the app gets of a request, its id aside; or how it was refused."""
    before = len(client.raw)
    client.send(f"{line}\r\n{fields}".encode("latin-1"))
    if not rig.busy():
        return client.raw[before:]
    peer = rig.peer()
    head = peer.heads[-1].partition(b"x-request-id: ")[0]
    respond(peer, body=b"ok")
    return head


@st.composite
def lines(draw: st.DrawFn) -> str:
    method = draw(st.sampled_from(["GET", "HEAD", "OPTIONS", "DELETE", "POST", "PUT", "get", "CONNECT", "PRI"]))
    target = draw(st.one_of(
        st.from_regex(r"/[a-z0-9/?=&%.-]{0,20}", fullmatch=True),
        st.text(st.characters(min_codepoint=1, max_codepoint=255), max_size=8),
        st.sampled_from(["*", "http://other.example/a", "//a", "/\xe9", "/a b", "/a\tb", "/<>", '/"']),
    ))  # fmt: skip
    version = draw(st.sampled_from(["HTTP/1.1", "HTTP/1.1", "HTTP/1.1", "HTTP/1.0", "HTTP/1.1 ", "HTTP/2.0", ""]))
    return f"{method} {target} {version}"


@given(line=lines())
def test_a_request_behind_another_is_taken_as_a_first_one_would_be(line: str) -> None:
    # GIVEN a connection that has sent a request before, and one that has not
    rig = FrontRig()
    used, new = rig.client(), rig.client()
    ask(rig, used, "GET /first HTTP/1.1")
    # WHEN both send the same request
    # THEN the app, or the client, gets the same
    assert ask(rig, used, line) == ask(rig, new, line)
    assert used.ended == new.ended


def test_each_request_has_an_id_of_its_own() -> None:
    rig = FrontRig()
    client = rig.client()
    for _ in range(3):
        client.send(f"GET / HTTP/1.1\r\n{FIELDS}".encode())
        respond(rig.peer(), body=b"ok")
    ids = [head.rpartition(b"x-request-id: ")[2] for peer in rig.env.peers for head in peer.heads]
    assert len(set(ids)) == 3
    assert [answer.status for answer in client.answers()] == [200] * 3


def test_a_head_response_has_no_body() -> None:
    rig = FrontRig()
    client = rig.client()
    ask(rig, client, "GET /a HTTP/1.1")
    before = len(client.raw)
    ask(rig, client, "HEAD /a HTTP/1.1")
    assert client.raw[before:].endswith(b"\r\n\r\n")


def test_a_request_is_routed_by_its_own_target() -> None:
    # GIVEN a route for /a alone
    rig = FrontRig()
    rig.front.routes = RouteTable([Route(name="web", dispatcher=rig.dispatcher, prefix="/a")])
    client = rig.client()
    ask(rig, client, "GET /a HTTP/1.1")
    # WHEN the same fields come with a target outside
    # THEN there is nothing to serve it
    assert b" 404 " in ask(rig, client, "GET /b HTTP/1.1")


def test_the_limits_hold() -> None:
    rig = FrontRig(limits=FrontLimits(url=30))
    client = rig.client()
    ask(rig, client, "GET /a HTTP/1.1")
    assert b" 414 " in ask(rig, client, f"GET /{'a' * 40} HTTP/1.1")


def test_two_requests_in_one_piece_are_two() -> None:
    rig = FrontRig()
    client = rig.client()
    ask(rig, client, "GET /a HTTP/1.1")
    client.send(f"GET /b HTTP/1.1\r\n{FIELDS}GET /c HTTP/1.1\r\n{FIELDS}".encode())
    for _ in range(2):
        respond(rig.peer(), body=b"ok")
    assert [answer.status for answer in client.answers()] == [200] * 3


def test_nothing_of_a_request_is_left_for_the_next() -> None:
    # GIVEN a connection whose requests are answered, one of them with an id of the client's own
    rig = FrontRig()
    client = rig.client()
    out = io.StringIO()
    rig.front.access_log = AccessLog(out)
    own = "Host: shop.example\r\nX-Request-Id: mine\r\n\r\n"
    for fields in (FIELDS, FIELDS, own, FIELDS, FIELDS):
        ask(rig, client, "GET /a HTTP/1.1", fields)
    # THEN what is logged of each is its own
    seen = [json.loads(line) for line in out.getvalue().splitlines()]
    ids = [line["request_id"] for line in seen]
    assert ids[2] == "mine"
    assert len(set(ids)) == 5
    assert [(line["status"], line["attempts"], line["client"]) for line in seen] == [(200, 1, "192.0.2.7")] * 5


def test_a_request_that_failed_is_not_taken_for_the_next() -> None:
    # GIVEN a request whose environment fails
    rig = FrontRig()
    client = rig.client()
    for _ in range(2):
        ask(rig, client, "GET /a HTTP/1.1")
    client.send(f"GET /b HTTP/1.1\r\n{FIELDS}".encode())
    rig.peer().fail()
    assert client.answers()[-1].status == 502
    # THEN the next is served as if nothing had been
    ask(rig, client, "GET /c HTTP/1.1")
    assert client.answers()[-1].status == 200
    assert client.answers()[-1].body == b"ok"


def test_a_head_with_a_body_is_never_taken_for_the_plain_one_before_it() -> None:
    # GIVEN a plain request that came behind another's body, so that it was not remembered itself
    rig = FrontRig()
    client = rig.client()
    client.send(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhel")
    client.send(f"loGET / HTTP/1.1\r\n{FIELDS}".encode())
    for _ in range(2):
        respond(rig.peer(), body=b"ok")
    # AND one with a body whose length its head does not tell
    chunked = b"OPTIONS / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    client.send(chunked)
    client.send(b"0\r\n\r\n")
    respond(rig.peer(), body=b"ok")
    # WHEN the same fields come again
    client.send(chunked)
    client.send(b"3\r\nabc\r\n0\r\n\r\n")
    # THEN what follows is its body, and no request
    assert rig.peer().body.endswith(b"abc")
    respond(rig.peer(), body=b"ok")
    assert [answer.status for answer in client.answers()] == [200] * 4
    assert not client.ended


def test_an_upload_behind_an_answered_request_is_one() -> None:
    # GIVEN a connection whose request, with a body and an expectation, was answered in one piece
    rig = FrontRig()
    client = rig.client()
    first = b"PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nab"
    for _ in range(2):
        client.send(first)
        respond(rig.peer(), body=b"ok")
    # WHEN another upload comes in parts
    client.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
    # THEN it waits for its end, and is told nothing of the first
    assert not rig.peer().ended
    respond(rig.peer(), status="403 Forbidden", body=b"no")
    assert [answer.status for answer in client.answers()] == [200, 200, 403]
    assert client.transport.half_closed  # answered before its end
    assert rig.front.counts["web"].received == 2 + 2 + 3
