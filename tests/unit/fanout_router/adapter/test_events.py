"""One function serves both ways: events of function URLs, API Gateway and ALB."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from fanout_router.adapter import Runtime, adapt, events
from fanout_router.adapter.call import Call
from fanout_router.errors import AdapterError
from tests.unit.fanout_router.adapter.support import Message, Receive, Send


async def app(scope: Message, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        raise RuntimeError("no lifespan")
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message["body"], message["more_body"]
    if scope["path"] == "/crash":
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": b"x", "more_body": True})
        raise ValueError("crash")
    fields = {name.decode(): value.decode() for name, value in scope["headers"]}
    said = f"{scope['method']} {scope['path']} {scope['query_string'].decode()} {fields.get('cookie', '')} ".encode()
    kind = b"image/png" if scope["path"] == "/png" else b"text/plain"
    headers = [(b"content-type", kind), (b"set-cookie", b"a=1"), (b"set-cookie", b"b=2")]
    await send({"type": "http.response.start", "status": 201, "headers": headers})
    await send({"type": "http.response.body", "body": said + body})


@pytest.fixture(scope="module")
def runtime() -> Runtime:
    return Runtime(adapt(app))


V2: dict[str, Any] = {
    "version": "2.0",
    "rawPath": "/a%20b",
    "rawQueryString": "x=1&y=%20",
    "headers": {"Host": "fn.example", "Content-Length": "999"},
    "cookies": ["s=1", "t=2"],
    "requestContext": {"http": {"method": "POST"}},
    "body": "aGk=",
    "isBase64Encoded": True,
}
V1: dict[str, Any] = {
    "httpMethod": "GET",
    "path": "/v1",
    "multiValueHeaders": {"X": ["1", "2"]},
    "multiValueQueryStringParameters": {"q": ["a b", "c"]},
    "requestContext": {},
    "body": None,
}
ALB: dict[str, Any] = {
    "httpMethod": "PUT",
    "path": "/alb",
    "headers": {"host": "lb"},
    "queryStringParameters": {"q": "a%20b"},
    "requestContext": {"elb": {"targetGroupArn": "arn"}},
    "body": "text",
    "isBase64Encoded": False,
}


def test_a_function_url_or_http_api(runtime: Runtime) -> None:
    found = runtime.handle(V2, None)
    assert (found["statusCode"], found["isBase64Encoded"]) == (201, False)
    assert found["body"] == "POST /a b x=1&y=%20 s=1; t=2 hi"
    assert found["cookies"] == ["a=1", "b=2"]
    assert "set-cookie" not in found["headers"]


def test_a_rest_api(runtime: Runtime) -> None:
    found = runtime.handle(V1, None)
    assert found["body"] == "GET /v1 q=a+b&q=c  "
    assert found["multiValueHeaders"]["set-cookie"] == ["a=1", "b=2"]


def test_an_alb(runtime: Runtime) -> None:
    found = runtime.handle(ALB, None)
    assert found["body"] == "PUT /alb q=a%20b  text"
    assert found["statusDescription"] == "201 Created"


def test_what_is_no_text_is_base64(runtime: Runtime) -> None:
    found = runtime.handle({**V1, "path": "/png"}, None)
    assert found["isBase64Encoded"]
    assert base64.b64decode(found["body"]).startswith(b"GET /png")


def test_an_app_that_fails_amid_its_answer_is_502(runtime: Runtime) -> None:
    assert runtime.handle({**V1, "path": "/crash"}, None)["statusCode"] == 502


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("/plain", "/plain"),
        ("/a%20b", "/a%20b"),
        ("/a b", "/a%20b"),
        ("/what?", "/what%3F"),
        ("/caf\u00e9", "/caf%C3%A9"),
        ("/a#b", "/a%23b"),
        ("/100%", "/100%25"),
        ("/a\r\nx: y", "/a%0D%0Ax:%20y"),
        ("//double", "//double"),
        ("", "/"),
    ],
)
@pytest.mark.parametrize("event", [V2, ALB])
def test_the_app_gets_the_path_that_the_client_asked_for(event: dict[str, Any], path: str, asked: str) -> None:
    assert line_of({**event, "rawPath": path, "path": path}).split(" ")[1].split("?")[0] == asked


class Unheard:
    """A channel for a call that is not answered."""

    def write(self, data: bytes, prefix: bytes = b"") -> bool:
        raise AssertionError(data)

    def credit(self) -> None:
        raise AssertionError

    def call_finished(self, call: Call, failed: bool = False) -> None:
        raise AssertionError(call)


def head_of(event: dict[str, Any]) -> list[str]:
    """The lines of the head that an event makes."""
    return events.call_of(Unheard(), event).raw.decode("latin-1").split("\r\n")


def line_of(event: dict[str, Any]) -> str:
    """The request line that an event makes."""
    return head_of(event)[0]


def fields_of(event: dict[str, Any]) -> list[str]:
    """The field lines that an event makes."""
    return head_of(event)[1:-2]


@pytest.mark.parametrize("event", [V2, ALB])
@pytest.mark.parametrize("name", ["Upgrade", "TE", "Trailer", "Keep-Alive", "Proxy-Connection", "Proxy"])
def test_what_ends_at_the_front_door_does_not_reach_the_app(event: dict[str, Any], name: str) -> None:
    """GIVEN a field of the client's connection alone, or one that CGI mistakes WHEN sent on THEN the app has none."""
    found = fields_of({**event, "headers": {"host": "a", name: "websocket"}, "multiValueHeaders": None})
    assert [line for line in found if line.startswith(name.lower())] == []


def test_a_query_is_one_whatever_is_in_it() -> None:
    assert line_of({**V2, "rawQueryString": "q=a b\u00e9#c"}).split(" ")[1] == "/a%20b?q=a%20b%C3%A9%23c"


@pytest.mark.parametrize("event", [{**V2, "headers": {"x": "a\r\ny: b"}}, {**V2, "headers": {"x y": "a"}}])
def test_a_field_cannot_smuggle(runtime: Runtime, event: dict[str, Any]) -> None:
    with pytest.raises(AdapterError, match="no HTTP request"):
        runtime.handle(event, None)


def test_a_method_cannot_smuggle(runtime: Runtime) -> None:
    with pytest.raises(AdapterError, match="no HTTP request"):
        runtime.handle({**ALB, "httpMethod": "GET /x"}, None)


@pytest.mark.parametrize(
    ("event", "client"),
    [
        ({**V2, "requestContext": {"http": {"method": "GET", "sourceIp": "203.0.113.9"}}}, "203.0.113.9"),
        ({**V1, "requestContext": {"identity": {"sourceIp": "203.0.113.9"}}}, "203.0.113.9"),
        ({**ALB, "headers": {"x-forwarded-for": "6.6.6.6, 203.0.113.9"}}, "203.0.113.9"),
    ],
)
def test_the_client_is_whom_the_front_door_saw(event: dict[str, Any], client: str) -> None:
    forged = {**event, "headers": {"X-Forwarded-For": "6.6.6.6", **event.get("headers", {})}}
    if "elb" in event["requestContext"]:
        forged = event
    assert [line for line in fields_of(forged) if line.startswith("x-forwarded-for")] == [f"x-forwarded-for: {client}"]


def answered(event: dict[str, Any], body: bytes, *fields: tuple[bytes, bytes]) -> dict[str, Any]:
    """What a front door gets of an app that answers like this."""

    async def fixed(scope: Message, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        await send({"type": "http.response.start", "status": 200, "headers": fields})
        await send({"type": "http.response.body", "body": body})

    runtime = Runtime(adapt(fixed))
    found: dict[str, Any] = runtime.handle(event, None)
    runtime.close()
    return found


LINKS = [(b"link", b"</a>"), (b"link", b"</b>"), (b"link", b"</c>")]


def test_repeated_fields_all_arrive_as_the_format_can_carry_them() -> None:
    assert answered(V2, b"", *LINKS)["headers"]["link"] == "</a>, </b>, </c>"
    assert answered(V1, b"", *LINKS)["multiValueHeaders"]["link"] == ["</a>", "</b>", "</c>"]
    assert answered(ALB, b"", *LINKS)["headers"]["link"] == "</a>, </b>, </c>"


def test_two_cookies_arrive_at_an_alb_without_multi_value_headers() -> None:
    found = answered(ALB, b"", (b"set-cookie", b"a=1"), (b"set-cookie", b"b=2"), (b"set-cookie", b"c=3"))["headers"]
    cookies = [value for name, value in found.items() if name.lower() == "set-cookie"]
    assert cookies == ["a=1", "b=2", "c=3"]


@pytest.mark.parametrize(
    ("kind", "body", "encoded"),
    [
        (b"text/plain", b"caf\xe9", True),
        (b"text/plain", "caf\u00e9".encode(), False),
        (b"text/plain; charset=iso-8859-1", b"plain", True),
        (b"text/html; Charset=UTF-8", b"plain", False),
        (b'text/html; charset="utf-8"', b"plain", False),
        (b"application/problem+json", b"{}", False),
        (b"application/octet-stream", b"plain", True),
        (b"application/octet-stream", b"", False),
    ],
)
def test_a_body_arrives_as_the_bytes_it_was(kind: bytes, body: bytes, encoded: bool) -> None:
    found = answered(V2, body, (b"content-type", kind))
    assert found["isBase64Encoded"] is encoded
    assert (base64.b64decode(found["body"]) if encoded else found["body"].encode()) == body


def test_a_head_request_has_no_body() -> None:
    found = answered({**ALB, "httpMethod": "HEAD"}, b"body", (b"content-type", b"text/plain"))
    assert found["body"] == ""


GOLDEN = Path(__file__).with_name("golden")


@pytest.mark.parametrize("name", ["function_url_iam", "http_api_jwt"])
def test_events_as_aws_documents_them_are_one_request(runtime: Runtime, name: str) -> None:
    """GIVEN one request as a function URL with IAM and as an HTTP API with a JWT authorizer hand it on, the API with
    its path decoded WHEN served by one handler THEN the app sees the same, and answers the same."""
    found = runtime.handle(json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8")), None)

    assert found["statusCode"] == 201
    assert found["body"] == "POST /orders/a b x=1&x=2&y=%20 s=1; t=2 hi"
    assert found["cookies"] == ["a=1", "b=2"]
