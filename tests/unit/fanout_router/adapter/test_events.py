"""One function serves both ways: events of function URLs, API Gateway and ALB."""

import base64
from typing import Any

import pytest

from fanout_router.adapter import Runtime, adapt
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


@pytest.mark.parametrize("path", ["/a\r\nx: y", "/a b"])
def test_a_path_cannot_smuggle(runtime: Runtime, path: str) -> None:
    with pytest.raises(AdapterError, match="no HTTP request"):
        runtime.handle({**V2, "rawPath": path}, None)


def test_a_field_cannot_smuggle(runtime: Runtime) -> None:
    with pytest.raises(AdapterError, match="no HTTP request"):
        runtime.handle({**V2, "headers": {"x": "a\r\ny: b"}}, None)
