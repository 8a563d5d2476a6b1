"""Heads by HTTP/2: what is passed on, what is refused, and what resets its stream."""

import json

import pytest

from fanout_router.wire import frames
from tests.unit.fanout_router.http.h2_support import GET, Http2Client, pair
from tests.unit.fanout_router.http.support import FrontRig, head_of, respond

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
    respond(rig.peer())
    client.exchange()
    assert client.answers[good].status == 200


MALFORMED: dict[str, list[tuple[str, str]]] = {
    "connection field": [*GET, ("connection", "close")],
    "transfer-encoding": [*GET, ("transfer-encoding", "chunked")],
    "upgrade": [*GET, ("upgrade", "websocket")],
    "upper case": [*GET, ("X-A", "1")],
    **{f"name with {mark}": [*GET, (f"x{mark}y", "1")] for mark in '"(),/;<=>?@[\\]{}'},
    **{f"value with {mark!r}": [*GET, ("x-a", f"a{mark}b")] for mark in "\0\1\7\x0b\x1b\x7f"},
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


def test_a_stranger_cannot_forge_where_it_came_from_and_a_trusted_proxy_is_believed() -> None:
    forged = ("x-forwarded-for", "6.6.6.6")
    rig = FrontRig(trusted=("198.51.100.0/24",))
    Http2Client(rig).get("/", forged, ("x-forwarded-proto", "https"))
    _, fields = head_of(rig.peer())
    assert (fields["x-forwarded-for"], fields["x-forwarded-proto"]) == (["192.0.2.7"], ["http"])
    respond(rig.peer())
    Http2Client(rig, "198.51.100.9", scheme="https").get("/", forged)
    _, fields = head_of(rig.peer())
    assert (fields["x-forwarded-for"], fields["x-forwarded-proto"]) == (["6.6.6.6, 198.51.100.9"], ["https"])


def test_a_request_id_is_kept_when_it_is_one() -> None:
    rig, client = pair()
    for given, kept in (("abc-1", True), ("a b", False)):
        client.get("/", ("x-request-id", given))
        (found,) = head_of(rig.peer())[1]["x-request-id"]
        assert (found == given) is kept
        respond(rig.peer())
        client.exchange()
