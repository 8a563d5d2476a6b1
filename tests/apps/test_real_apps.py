"""Status, fields and body of each route are the same on the router as on the app's usual server."""

import asyncio
import re
from collections.abc import Callable

import httpx
import pytest
from websockets.asyncio.client import connect

from tests.apps.conftest import PASSWORD, USER
from tests.apps.support import HOST, Answer, Ask, Pair, by_curl, by_httpx, differing, needs_curl

JSON = {"content-type": "application/json"}
FORM = {"content-type": "application/x-www-form-urlencoded"}
PARTS = {"content-type": "multipart/form-data; boundary=cut"}
UPLOAD = b"".join(
    b'--cut\r\nContent-Disposition: form-data; name="files"; filename="%b.bin"\r\n'
    b"Content-Type: application/octet-stream\r\n\r\n%b\r\n" % (name, content)
    for name, content in ((b"a", b"\0" * 300_000), (b"b", b""))
) + b"--cut--\r\n"  # fmt: skip

ASKS = {
    "fastapi": [
        Ask("GET", "/items/7?q=%C3%BC+x"), Ask("GET", "/items/seven"), Ask("HEAD", "/items/7"),
        Ask("POST", "/items", JSON, b'{"name": "cd", "price": 1.5}'), Ask("POST", "/items", JSON, b"{bad"),
        Ask("POST", "/upload", PARTS, UPLOAD), Ask("GET", "/sync", {"cookie": "basket=1; other=2", "user-agent": "x"}),
        Ask("GET", "/stream"), Ask("GET", "/moved"), Ask("GET", "/teapot"), Ask("GET", "/broken"), Ask("GET", "/none"),
        Ask("GET", "/secret"), Ask("GET", "/secret", {"authorization": "Basic YW5uOng="}), Ask("POST", "/background"),
        Ask("PUT", "/raw", {"content-type": "image/x"}, b"\xff" * 1_000_000), Ask("GET", "/url?a=b&a=c"),
        Ask("DELETE", "/items/3"), Ask("PATCH", "/items/3"), Ask("GET", "/openapi.json"), Ask("GET", "/docs"),
    ],
    "starlette": [
        Ask("GET", "/count"), Ask("GET", "/large"), Ask("GET", "/large", {"accept-encoding": "gzip"}),
        Ask("GET", "/events"), Ask("POST", "/echo", {}, b"\0\xff" * 400_000), Ask("GET", "/empty"),
        Ask("GET", "/repeated"), Ask("GET", "/static/__init__.py"), Ask("HEAD", "/static/__init__.py"),
        Ask("GET", "/static/__init__.py", {"range": "bytes=3-9"}), Ask("GET", "/static/../conftest.py"),
        Ask("GET", "/static/__init__.py", {"if-modified-since": "Fri, 01 Jan 2100 00:00:00 GMT"}),
        Ask("GET", "/large", {"host": "stranger.example"}), Ask("GET", "/large", {"origin": "https://other.example"}),
        Ask("OPTIONS", "/large", {"origin": "https://other.example", "access-control-request-method": "PUT"}),
    ],
    "flask": [
        Ask("GET", "/?name=%3Cann%3E"), Ask("GET", "/page/7/?a=b"), Ask("GET", "/page/7"), Ask("HEAD", "/"),
        Ask("POST", "/login", FORM, b"user=ann"), Ask("GET", "/me"), Ask("POST", "/upload", PARTS, UPLOAD),
        Ask("POST", "/raw", {"content-type": "image/x"}, b"\xff" * 500_000), Ask("GET", "/lines"),
        Ask("GET", "/cookies", {"cookie": "a=1; b=2"}), Ask("GET", "/broken"), Ask("GET", "/cached"),
        Ask("GET", "/cached", {"if-none-match": '"v1"'}), Ask("GET", "/n%C3%B6ne"), Ask("OPTIONS", "/"),
        Ask("PUT", "/lines"),
    ],
    "django_asgi": [
        Ask("GET", "/visits"), Ask("GET", "/lines/"), Ask("GET", "/lines"), Ask("GET", "/source"),
        Ask("POST", "/form", FORM, b"word=x"), Ask("POST", "/upload", PARTS, UPLOAD), Ask("HEAD", "/lines/"),
        Ask("GET", "/admin/"), Ask("GET", "/admin/login/?next=/admin/"), Ask("GET", "/none"),
        Ask("GET", "/admin/login/", {"accept-encoding": "gzip"}),
    ],
    "node": [
        Ask("GET", "/"), Ask("HEAD", "/"), Ask("GET", "/json?a=%20b"), Ask("POST", "/echo", PARTS, UPLOAD),
        Ask("POST", "/length", {}, b"x" * 1_000_000), Ask("GET", "/chunks"), Ask("GET", "/cookies", {"cookie": "a=b"}),
        Ask("GET", "/gzip"), Ask("GET", "/moved"), Ask("GET", "/none"), Ask("GET", "/hints"),
        Ask("GET", "/trailers", {"te": "trailers", "connection": "te"}),
        Ask("GET", "/missing"),
    ],
}  # fmt: skip
ASKS["django_wsgi"] = ASKS["django_asgi"]
ASKS["proxied_flask"] = ASKS["flask"]
APPS = list(ASKS)

BY: dict[str, Callable[[str, Ask], Answer]] = {"httpx": by_httpx, "curl": by_curl}


@pytest.fixture(scope="module", params=APPS)
def app(request: pytest.FixtureRequest) -> tuple[list[Ask], Pair]:
    return ASKS[request.param], request.getfixturevalue(request.param)


@pytest.mark.parametrize("client", BY)
def test_each_route_answers_alike(app: tuple[list[Ask], Pair], client: str) -> None:
    if client == "curl":
        needs_curl()
    asks, pair = app
    found = {str(ask): differing(BY[client](pair.router, ask), BY[client](pair.usual, ask)) for ask in asks}
    assert not {ask: difference for ask, difference in found.items() if difference}


def test_each_route_answers_alike_over_http2(app: tuple[list[Ask], Pair]) -> None:
    needs_curl()
    asks, pair = app
    found = {
        str(ask): differing(by_curl(pair.router, ask, "--http2-prior-knowledge"), by_curl(pair.usual, ask))
        for ask in asks
    }
    assert not {ask: difference for ask, difference in found.items() if difference}


def browse(address: str) -> list[tuple[object, ...]]:
    """What a person sees who logs in to Django's admin, adds a user, and leaves: status, place and title."""
    seen: list[tuple[object, ...]] = []
    with httpx.Client(base_url=address, headers={"host": HOST, "referer": f"http://{HOST}/"}, timeout=30) as client:

        def see(answer: httpx.Response) -> str:
            title = re.search("<title>(.*?)</title>", answer.text, re.DOTALL)
            seen.append((answer.status_code, answer.headers.get("location"), title and title[1].split()))
            token = re.search('csrfmiddlewaretoken" value="([^"]+)', answer.text)
            return token[1] if token else ""

        see(client.get("/admin/"))
        token = see(client.get("/admin/login/?next=/admin/"))
        see(client.post("/admin/login/", data={"username": USER, "password": PASSWORD}))  # no token
        login = {"username": USER, "password": PASSWORD, "csrfmiddlewaretoken": token, "next": "/admin/"}
        see(client.post("/admin/login/?next=/admin/", data=login))
        see(client.get("/admin/"))
        token = see(client.get("/admin/auth/group/add/"))
        group = {"name": address, "csrfmiddlewaretoken": token}
        see(client.post("/admin/auth/group/add/", data=group))
        see(client.get("/admin/auth/group/"))
        seen.append((client.get("/visits").json()["visits"], client.get("/visits").json()["visits"]))
        token = see(client.get("/admin/password_change/"))
        see(client.post("/admin/logout/", data={"csrfmiddlewaretoken": token}))
        see(client.get("/admin/"))
    return [(status, place and re.sub(r"/\d+/", "/N/", str(place)), *rest) for status, place, *rest in seen]


@pytest.mark.parametrize("name", ["django_asgi", "django_wsgi"])
def test_a_person_uses_the_admin(request: pytest.FixtureRequest, name: str) -> None:
    pair: Pair = request.getfixturevalue(name)
    seen = browse(pair.router)
    assert seen == browse(pair.usual)
    assert [step[0] for step in seen] == [302, 200, 403, 302, 200, 200, 302, 200, 1, 200, 200, 302]


def test_a_session_lasts_from_request_to_request(starlette: Pair) -> None:
    with httpx.Client(base_url=starlette.router, headers={"host": HOST}) as client:
        assert [client.get("/count").json()["count"] for _ in range(3)] == [1, 2, 3]


def test_websockets_answer_alike(starlette: Pair) -> None:
    async def run(address: str) -> tuple[object, ...]:
        url = address.replace("http", "ws") + "/chat"
        async with connect(url, subprotocols=["chat"]) as client:  # type: ignore[list-item]
            await client.send("hello")
            return client.subprotocol, await client.recv()

    assert asyncio.run(run(starlette.router)) == asyncio.run(run(starlette.usual)) == ("chat", "HELLO")
