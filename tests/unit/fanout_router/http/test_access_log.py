"""The access log: every request has its line, whatever became of it, over either version of HTTP."""

import io
import json
from typing import Any

from fanout_router.http import FrontLimits
from fanout_router.logs import AccessLog
from fanout_router.messages import BODY, END, HEAD, pack
from tests.unit.fanout_router.http.h2_support import POST, Http2Client
from tests.unit.fanout_router.http.support import FrontRig, respond


class Logged(FrontRig):
    """A front with an access log."""

    def __init__(self, *, trusted: tuple[str, ...] = (), limits: FrontLimits | None = None) -> None:
        super().__init__(trusted=trusted, limits=limits)
        self.out = io.StringIO()
        self.front.access_log = AccessLog(self.out)

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.getvalue().splitlines()]

    def line(self) -> dict[str, Any]:
        (line,) = self.lines()
        return line


def test_an_answered_request_names_client_and_environment_and_no_query() -> None:
    rig = Logged(trusted=("192.0.2.0/24",))
    rig.client().get("/a?token=secret", "X-Forwarded-For: 6.6.6.6, 203.0.113.9")
    respond(rig.peer(), body=b"hello")
    line = rig.line()
    assert (line["outcome"], line["status"], line["path"], line["sent"]) == ("answered", 200, "/a", 5)
    assert (line["client"], line["environment"], line["function"]) == ("203.0.113.9", "e", "web")
    assert "secret" not in rig.out.getvalue()


def test_a_client_of_a_kept_connection_is_its_own() -> None:
    rig = Logged(trusted=("192.0.2.0/24",))
    client = rig.client()
    for fields in (("X-Forwarded-For: 203.0.113.9",), (), ("X-Forwarded-For: 203.0.113.8",), ()):
        client.get("/", *fields)
        respond(rig.peer())
    assert [line["client"] for line in rig.lines()] == ["203.0.113.9", "192.0.2.7", "203.0.113.8", "192.0.2.7"]


def test_a_refused_request_has_a_line() -> None:
    rig = Logged(limits=FrontLimits(body=10))
    rig.client().send(b"POST /big?x HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n")
    rig.client().send(b"\0\0\0\0")
    Http2Client(rig).open([*POST, ("content-length", "11")], end=False)
    assert [(line["outcome"], line["status"]) for line in rig.lines()] == [
        ("refused", 413),
        ("refused", 400),
        ("refused", 413),
    ]
    assert {line["client"] for line in rig.lines()} == {"192.0.2.7"}


def test_a_client_that_leaves_is_marked() -> None:
    rig = Logged()
    client = rig.client()
    client.get("/left")
    client.leave()
    http2 = Http2Client(rig)
    http2.reset(http2.get("/left"))
    seen = [(line["outcome"], line["path"], line["environment"]) for line in rig.lines()]
    assert seen == [("departed", "/left", "e")] * 2
    assert not rig.front.counts["web"].statuses


def test_a_response_that_is_cut_is_marked_and_counted() -> None:
    rig = Logged()
    rig.client().get("/cut")
    http2 = Http2Client(rig)
    http2.get("/cut")
    for peer in rig.busy():
        peer.say(pack(HEAD, b"HTTP/1.1 200 OK\r\n\r\n"), pack(BODY, b"begun"))
        peer.fail()
    assert [(line["outcome"], line["status"]) for line in rig.lines()] == [("cut", 200)] * 2
    assert rig.front.counts["web"].cut == 2


def test_a_whole_answer_of_the_router_s_own_is_an_answer() -> None:
    rig = Logged()
    rig.client().get()
    rig.peer().say(pack(HEAD, b"nonsense\r\n\r\n"), pack(BODY | END, b"x"))
    assert (rig.line()["outcome"], rig.line()["status"]) == ("answered", 502)


def test_a_log_that_cannot_be_written_stops_no_request() -> None:
    rig = Logged()
    rig.out.close()
    client = rig.client()
    client.get()
    respond(rig.peer(), body=b"x")
    assert client.answer().status == 200
