"""ASGI apps behind a channel."""

import asyncio
from typing import Any

import pytest

from fanout_router.adapter.asgi import AsgiApplication
from fanout_router.errors import AdapterError
from fanout_router.messages import BODY, CANCEL, END, pack
from tests.unit.fanout_router.adapter.support import FakeSession, Message, Receive, Send, asgi, settle


async def hello(scope: Message, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"Content-Length", b"5")]})
    await send({"type": "http.response.body", "body": b"hello"})


async def echo(scope: Message, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200})
    more = True
    while more:
        message = await receive()
        more = message.get("more_body", False)
        await send({"type": "http.response.body", "body": message.get("body", b""), "more_body": more})


def test_a_request_is_answered_in_two_messages_and_the_next_one_too() -> None:
    async def run() -> FakeSession:
        session = asgi(hello)
        for _ in range(3):
            session.router.get()
            await settle()
        return session

    session = asyncio.run(run())
    assert session.router.body == b"hello" * 3
    assert session.router.heads[0].startswith(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ndate: ")
    assert session.router.ends == 3
    assert [failed for _, failed in session.counted] == [False] * 3


def test_the_scope_says_what_was_asked() -> None:
    seen: list[Message] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        seen.append(scope)
        await hello(scope, receive, send)

    async def run() -> None:
        session = asgi(app)
        session.router.get("/a%20b/%C3%A9?x=1&y=%20", "x-forwarded-proto: https", "x-forwarded-for: 10.1.2.3, 10.0.0.1")
        await settle()

    asyncio.run(run())
    scope = seen[0]
    assert (scope["path"], scope["raw_path"], scope["query_string"]) == ("/a b/é", b"/a%20b/%C3%A9", b"x=1&y=%20")
    assert (scope["scheme"], scope["client"], scope["server"]) == ("https", ("10.1.2.3", 0), ("shop.example", None))
    assert scope["method"] == "GET"
    assert (b"host", b"shop.example") in scope["headers"]


def test_a_port_that_is_none_is_no_trouble() -> None:
    async def run() -> FakeSession:
        session = asgi(hello)
        session.router.ask(b"GET / HTTP/1.1\r\nhost: a:" + 5_000 * b"9" + b"\r\n\r\n")
        await settle()
        return session

    assert asyncio.run(run()).router.status == 200


def test_bodies_stream_both_ways_at_once() -> None:
    async def run() -> None:
        session = asgi(echo)
        session.router.ask(b"POST / HTTP/1.1\r\nhost: a\r\n\r\n", b"one", end=False)
        await settle()
        assert session.router.body == b"one"
        session.router.stream.send(pack(BODY, b"two"))
        await settle()
        assert session.router.body == b"onetwo"
        session.router.stream.send(pack(BODY | END, b"three"))
        await settle()
        assert session.router.body == b"onetwothree"
        assert session.router.ends == 1

    asyncio.run(run())


def test_a_large_response_waits_for_a_slow_router_and_holds_little() -> None:
    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": b"x" * 3_000_000})

    async def run() -> None:
        session = asgi(app)
        session.router.credits = False
        session.router.get()
        await settle()
        assert len(session.router.body) < 300_000
        session.router.credits = True
        session.router.stream.credit()
        await settle()
        assert len(session.router.body) == 3_000_000
        assert session.router.ends == 1

    asyncio.run(run())


@pytest.mark.parametrize("first", ["listens", "sends"])
def test_an_app_may_listen_for_the_disconnect_while_it_sends(first: str) -> None:
    """GIVEN an app with a task that listens, and one that sends WHEN the router is slow, and its client leaves
    THEN what had to wait goes on, and both are told of the end.
    """
    told: list[str] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        async def listen() -> None:
            told.append((await receive())["type"])

        async def stream() -> None:
            for _ in range(2):
                await send({"type": "http.response.body", "body": b"x" * 600_000, "more_body": True})
            await asyncio.Event().wait()

        await receive()
        await send({"type": "http.response.start", "status": 200})
        async with asyncio.TaskGroup() as group:
            for each in (listen, stream) if first == "listens" else (stream, listen):
                group.create_task(each())

    async def run() -> None:
        session = asgi(app)
        session.router.credits = False
        session.router.ask(b"POST / HTTP/1.1\r\nhost: a\r\n\r\n", b"")
        await settle()
        session.router.credits = True
        session.router.stream.credit()
        await settle()
        assert len(session.router.body) == 1_200_000
        session.router.cancel()
        await settle()
        assert told == ["http.disconnect"]

    asyncio.run(run())


def test_a_large_upload_waits_for_a_slow_app() -> None:
    go = asyncio.Event

    async def run() -> None:
        gate = go()

        async def app(scope: Message, receive: Receive, send: Send) -> None:
            await gate.wait()
            await echo(scope, receive, send)

        session = asgi(app)
        session.router.ask(b"POST / HTTP/1.1\r\nhost: a\r\n\r\n", end=False)
        taken = session.router.stream.send(pack(BODY | END, b"x" * 1_000_000))
        assert not taken
        gate.set()
        await settle()
        assert len(session.router.body) == 1_000_000

    asyncio.run(run())


@pytest.mark.parametrize("begun", [False, True])
def test_an_exception_is_500_before_the_head_and_a_failure_after(begun: bool, caplog: pytest.LogCaptureFixture) -> None:
    async def app(scope: Message, receive: Receive, send: Send) -> None:
        if begun:
            await send({"type": "http.response.start", "status": 200})
            await send({"type": "http.response.body", "body": b"x", "more_body": True})
        raise ValueError("the app's own trouble")

    async def run() -> FakeSession:
        session = asgi(app)
        session.router.get()
        await settle()
        return session

    session = asyncio.run(run())
    assert session.router.failed is begun
    assert session.router.status == (200 if begun else 500)
    assert "the app's own trouble" in caplog.text
    assert session.peer.call is None


@pytest.mark.parametrize(
    "messages",
    [
        [],
        [{"type": "http.response.body", "body": b"x"}],
        [{"type": "nonsense"}],
        [{"type": "http.response.start", "status": 200, "headers": [(b"x", b"a\r\nset-cookie: b")]}],
        [{"type": "http.response.start", "status": 200, "headers": [(b"x\n", b"a")]}],
        [{"type": "http.response.start", "status": 200, "headers": [(b"set-cookie: evil=1; x", b"a")]}],
        [{"type": "http.response.start", "status": 200, "headers": [(b"bad name", b"a")]}],
        [{"type": "http.response.start", "status": 200, "headers": [(b"", b"a")]}],
        [{"type": "http.response.start", "status": 200, "headers": [(b"x", b"a\0b")]}],
    ],
)
def test_what_is_no_response_is_500(messages: list[Message]) -> None:
    async def app(scope: Message, receive: Receive, send: Send) -> None:
        for message in messages:
            await send(message)

    async def run() -> FakeSession:
        session = asgi(app)
        session.router.get()
        await settle()
        return session

    session = asyncio.run(run())
    assert session.router.status == 500
    assert b"set-cookie" not in session.router.heads[-1]


def test_a_second_head_fails_the_response_and_keeps_the_channel() -> None:
    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": b"x", "more_body": True})
        await send({"type": "http.response.start", "status": 201})
        await send({"type": "http.response.body", "body": b"y"})

    async def run() -> FakeSession:
        session = asgi(app)
        session.router.get()
        await settle()
        return session

    session = asyncio.run(run())
    assert session.router.failed
    assert len(session.router.heads) == 1
    assert session.peer.call is None


def test_a_cancelled_get_is_stopped_and_confirmed() -> None:
    async def run() -> None:
        stopped = []

        async def app(scope: Message, receive: Receive, send: Send) -> None:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                stopped.append(True)
                raise

        session = asgi(app)
        session.router.get()
        await settle()
        session.router.cancel()
        await settle()
        assert stopped == [True]
        assert session.router.signals == [CANCEL]
        assert session.counted[0][0].cancelled
        session.app = AsgiApplication(hello)
        session.router.get()
        await settle()
        assert session.router.body == b"hello"

    asyncio.run(run())


def test_a_cancelled_post_sees_the_disconnect_and_may_finish() -> None:
    async def run() -> None:
        seen: list[Any] = []

        async def app(scope: Message, receive: Receive, send: Send) -> None:
            seen.append((await receive())["type"])
            seen.append((await receive())["type"])
            with pytest.raises(OSError, match="the client has left"):
                await send({"type": "http.response.start", "status": 200})
            seen.append("finished")

        session = asgi(app)
        session.router.ask(b"POST / HTTP/1.1\r\nhost: a\r\n\r\n", b"x", end=False)
        await settle()
        session.router.cancel()
        await settle()
        assert seen == ["http.request", "http.disconnect", "finished"]
        assert session.router.heads == []
        assert session.router.signals == [CANCEL]

    asyncio.run(run())


def test_a_cancellation_that_crosses_the_answer_is_confirmed() -> None:
    async def run() -> None:
        session = asgi(hello)
        session.router.cancel()
        assert session.router.signals == [CANCEL]

    asyncio.run(run())


def test_hop_by_hop_fields_end_in_the_adapter() -> None:
    async def app(scope: Message, receive: Receive, send: Send) -> None:
        headers = [(b"Connection", b"close"), (b"Transfer-Encoding", b"chunked"), (b"X-A", b"1"), (b"Date", b"now")]
        await send({"type": "http.response.start", "status": 299, "headers": headers})
        await send({"type": "http.response.body"})

    async def run() -> FakeSession:
        session = asgi(app)
        session.router.get()
        await settle()
        return session

    assert asyncio.run(run()).router.heads == [b"HTTP/1.1 299 Unknown\r\nx-a: 1\r\ndate: now\r\n\r\n"]


def test_a_channel_reset_amid_a_call_is_opened_again_at_once_and_the_call_left_behind() -> None:
    async def run() -> None:
        go_on = asyncio.Event()

        async def app(scope: Message, receive: Receive, send: Send) -> None:
            await go_on.wait()

        session = asgi(app)
        session.router.ask(b"POST / HTTP/1.1\r\nhost: a\r\n\r\n")
        await settle()
        session.router.stream.reset(8)
        assert session.closed_peers == [(session.peer, True)]
        (call,) = session.abandoned
        assert session.counted == [(call, False)]
        go_on.set()
        await settle()
        assert not session.abandoned
        assert session.counted == [(call, False)]

    asyncio.run(run())


def test_a_channel_that_the_router_ends_is_not_opened_again() -> None:
    async def run() -> None:
        session = asgi(hello)
        session.router.stream.send(b"", end=True)
        assert session.closed_peers == [(session.peer, False)]

    asyncio.run(run())


def test_lifespan_runs_once_and_shares_its_state() -> None:
    events: list[str] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            scope["state"]["db"] = "open"
            events.append((await receive())["type"])
            await send({"type": "lifespan.startup.complete"})
            events.append((await receive())["type"])
            await send({"type": "lifespan.shutdown.complete"})
        else:
            events.append(scope["state"]["db"])
            await hello(scope, receive, send)

    async def run() -> None:
        application = AsgiApplication(app)
        await application.startup()
        session = FakeSession(application)
        session.router.get()
        await settle()
        await application.shutdown()

    asyncio.run(run())
    assert events == ["lifespan.startup", "open", "lifespan.shutdown"]


def test_a_failing_startup_is_an_error_and_a_missing_one_is_none() -> None:
    async def failing(scope: Message, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no database"})

    async def without(scope: Message, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"

    with pytest.raises(AdapterError, match="no database"):
        asyncio.run(AsgiApplication(failing).startup())
    asyncio.run(AsgiApplication(without).startup())
