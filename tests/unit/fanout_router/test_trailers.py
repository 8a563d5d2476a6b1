"""Trailers, both ways, over either version of HTTP: passed to those who read them, less those that may not be any."""

import asyncio

import pytest

from fanout_router.messages import BODY, END, HEAD, TRAILERS, pack
from fanout_router.trailers import allowed, wanted
from tests.unit.fanout_router.adapter.support import FakeSession, Message, Receive, Send, asgi, settle
from tests.unit.fanout_router.adapter.test_proxy import proxied, until
from tests.unit.fanout_router.http.h2_support import GET, POST, pair
from tests.unit.fanout_router.http.support import FrontRig, head_of

OPEN = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n\r\n"
SUM = b"x-checksum: abc\r\n"
TE = "TE: trailers"
UPLOAD = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"


def take(rig: FrontRig, takes: bool = True) -> None:
    """Let the rig's environments say whether they take trailers."""
    for environment in rig.dispatcher.environments:
        environment.takes_trailers = takes


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        (b"X-Checksum:abc \r\n", SUM),
        (b"grpc-status: 0\r\n", b"grpc-status: 0\r\n"),
        (b"Content-Length: 3\r\n", b""),
        (b"Set-Cookie: a=b\r\n", b""),
        (b"Authorization: x\r\n", b""),
        (b"X-Forwarded-For: 1.2.3.4\r\n", b""),
        (b"no field\r\n", b""),
        (b":status: 200\r\n", b""),
        (b"x-a: b\nc\r\n", b""),
        (b"", b""),
    ],
)
def test_what_decides_before_the_body_may_not_come_behind_it(line: bytes, kept: bytes) -> None:
    assert allowed(line) == kept


@pytest.mark.parametrize(("te", "yes"), [(b"trailers", True), (b"gzip, Trailers", True), (b"gzip", False)])
def test_te_says_who_reads_trailers(te: bytes, yes: bool) -> None:
    assert wanted(te) is yes


@pytest.mark.parametrize(("fields", "behind"), [([TE, "Connection: TE"], SUM), ([], b"")])
def test_an_http1_client_gets_those_that_it_reads(fields: list[str], behind: bytes) -> None:
    rig = FrontRig()
    client = rig.client()
    client.get("/", *fields)
    assert ("te" in head_of(rig.peer())[1]) is bool(behind)
    rig.peer().say(pack(HEAD, OPEN), pack(BODY, b"hi"), pack(TRAILERS | END, SUM + b"content-length: 1\r\n"))
    assert client.raw.endswith(b"\r\n2\r\nhi\r\n0\r\n%b\r\n" % behind)
    client.get()
    rig.peer().answer()
    assert client.raw.endswith(b"ok")


def test_a_response_of_known_length_has_none_over_http1() -> None:
    rig = FrontRig()
    client = rig.client()
    client.get("/", TE)
    rig.peer().say(pack(HEAD, b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n"), pack(BODY, b"hi"))
    rig.peer().say(pack(TRAILERS | END, SUM))
    assert client.answer().body == b"hi"


@pytest.mark.parametrize("size", [2, 300_000])
def test_an_http2_client_gets_those_that_it_reads(size: int) -> None:
    """GIVEN a body that fits the client's window, or waits for it WHEN trailers follow THEN they come behind it."""
    rig, client = pair()
    client.credits = size < 3
    stream = client.open([*GET, ("te", "trailers")])
    rig.peer().say(pack(HEAD, OPEN), pack(BODY, bytes(size)), pack(TRAILERS | END, SUM))
    client.exchange()
    if not client.credits:
        assert not client.answers[stream].trailers
        client.credits = True
        client.h2.acknowledge_received_data(len(client.answers[stream].body), stream)
        client.exchange()
    assert client.answers[stream].trailers == {"x-checksum": "abc"}
    assert client.answers[stream].ended
    assert len(client.answers[stream].body) == size
    assert rig.dispatcher.free == 8


@pytest.mark.parametrize("takes", [True, False])
def test_those_behind_an_http1_upload_reach_an_environment_that_takes_them(takes: bool) -> None:
    rig = FrontRig()
    take(rig, takes)
    client = rig.client()
    client.send(UPLOAD)
    peer = rig.peer()
    client.send(b"2\r\nhi\r\n0\r\nX-Checksum: abc\r\nCookie: a=b\r\n\r\n")
    assert peer.body == b"hi"
    assert peer.wholes == 1
    assert peer.trailers == (SUM if takes else None)


def test_those_of_a_request_that_had_to_wait_come_too() -> None:
    rig = FrontRig(channels=1)
    take(rig)
    first, second = rig.client(), rig.client()
    first.get("/first")
    peer = rig.peer()
    second.send(UPLOAD + b"2\r\nhi\r\n0\r\nX-Checksum: abc\r\n\r\n")
    assert not peer.body
    peer.answer()
    assert (peer.body, peer.trailers) == (b"hi", SUM)


def test_a_request_that_is_tried_again_says_its_trailers_to_who_takes_them() -> None:
    """GIVEN an environment that takes trailers, and one that does not WHEN one refuses THEN the other gets none."""
    rig = FrontRig(channels=1)
    take(rig)
    first, second = rig.client(), rig.client()
    first.get("/first")
    peer = rig.peer()
    second.send(UPLOAD + b"2\r\nhi\r\n0\r\nX-Checksum: abc\r\n\r\n")
    peer.answer()
    assert peer.trailers == SUM
    other = rig.environment("2", channels=1).peers[0]
    peer.refuse()
    assert (other.body, other.wholes, other.trailers) == (b"hi", 1, None)


def test_a_chunked_body_without_data_that_had_to_wait_ends() -> None:
    rig = FrontRig(channels=1)
    first, second = rig.client(), rig.client()
    first.get("/first")
    peer = rig.peer()
    second.send(UPLOAD + b"0\r\n\r\n")
    peer.answer()
    assert peer.wholes == 2


def test_those_behind_an_http2_upload_reach_an_environment_that_takes_them() -> None:
    rig, client = pair()
    take(rig)
    stream = client.open(POST, end=False)
    peer = rig.peer()
    client.data(stream, b"hi")
    client.h2.send_headers(stream, [("x-checksum", "abc"), ("host", "evil")], end_stream=True)
    client.exchange()
    assert (peer.body, peer.wholes, peer.trailers) == (b"hi", 1, SUM)


def trailing(session: FakeSession) -> list[bytes]:
    """What the router hears behind bodies from now on."""
    found: list[bytes] = []
    router = session.router

    def received(lines: bytes) -> None:
        found.append(lines)
        router.body_received(b"", True)

    router.trailers_received = received  # type: ignore[method-assign]
    return found


@pytest.mark.parametrize("fields", [("te: trailers",), ()])
def test_an_asgi_app_sends_them_to_those_who_read_them(fields: tuple[str, ...]) -> None:
    extensions: list[bool] = []

    async def app(scope: Message, _receive: Receive, send: Send) -> None:
        extensions.append("http.response.trailers" in scope["extensions"])
        await send({"type": "http.response.start", "status": 200, "headers": [], "trailers": True})
        await send({"type": "http.response.body", "body": b"hi"})
        more = {"type": "http.response.trailers", "headers": [(b"X-Checksum", b"abc")], "more_trailers": True}
        await send(more)
        await send({"type": "http.response.trailers", "headers": [(b"grpc-status", b"0")]})

    async def run() -> None:
        session = asgi(app)
        found = trailing(session)
        session.router.get("/", *fields)
        await settle()
        assert (session.router.body, session.router.ends) == (b"hi", 1)
        assert extensions == [bool(fields)]
        assert found == ([SUM + b"grpc-status: 0\r\n"] if fields else [])
        assert not session.router.signals

    asyncio.run(run())


def test_a_proxied_server_gets_and_gives_them() -> None:
    async def server(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        behind = (await reader.readuntil(b"\r\n\r\n")).partition(b"\r\n0\r\n")[2]
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        writer.write(b"%x\r\n%b\r\n0\r\nX-Checksum: abc\r\nX-More: d\r\n\r\n" % (len(behind), behind))
        await reader.read()

    async def run() -> None:
        async with proxied(server) as session:
            found = trailing(session)
            session.router.ask(b"POST / HTTP/1.1\r\nhost: a\r\nte: trailers\r\n\r\n", b"hi", end=False)
            session.router.stream.send(pack(TRAILERS | END, b"x-up: 1\r\n"))
            await until(lambda: session.router.ends)
            assert session.router.body == b"x-up: 1\r\n\r\n"
            assert found == [SUM + b"x-more: d\r\n"]

    asyncio.run(run())
