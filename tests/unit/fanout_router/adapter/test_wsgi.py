"""WSGI apps: their bodies, their faults, and the channel that always comes back."""

import asyncio
import io
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from fanout_router.adapter.wsgi import WsgiApplication, WsgiCallable
from fanout_router.messages import BODY, CANCEL, END, pack
from tests.unit.fanout_router.adapter.support import FakeSession

Start = Callable[..., Any]


async def until(check: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not check():
            await asyncio.sleep(0.001)


def answered(app: WsgiCallable, head: bytes, *parts: bytes) -> FakeSession:
    """The session after a request with a body in these parts."""

    async def run() -> FakeSession:
        session = FakeSession(WsgiApplication(app))
        session.router.ask(head, end=not parts)
        for index, part in enumerate(parts):
            session.router.stream.send(pack(BODY | (END if index == len(parts) - 1 else 0), part))
        await until(lambda: session.router.ends or session.router.failed)
        await until(lambda: session.peer.call is None)
        return session

    return asyncio.run(run())


def reads_as_django(environ: dict[str, Any], start_response: Start) -> Iterable[bytes]:
    """Reads what CONTENT_LENGTH says, as Django and most form parsers do."""
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    start_response("200 OK", [("X-Terminated", str(environ["wsgi.input_terminated"]))])
    return [body]


@pytest.mark.parametrize("framing", [b"", b"content-length: 6\r\n"])
def test_a_body_reaches_the_app_with_its_length_or_without(framing: bytes) -> None:
    session = answered(reads_as_django, b"POST / HTTP/1.1\r\nhost: a\r\n" + framing + b"\r\n", b"a=1", b"&b=")
    assert session.router.body == b"a=1&b="
    assert b"x-terminated: True" in session.router.heads[0]


def test_no_body_has_no_length() -> None:
    seen: list[dict[str, Any]] = []

    def app(environ: dict[str, Any], start_response: Start) -> Iterable[bytes]:
        seen.append(environ)
        start_response("204 No Content", [])
        return []

    answered(app, b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
    assert "CONTENT_LENGTH" not in seen[0]


def exits(environ: dict[str, Any], start_response: Start) -> Iterable[bytes]:
    raise SystemExit(1)


def bad_name(environ: dict[str, Any], start_response: Start) -> Iterable[bytes]:
    start_response("200 OK", [("set-cookie: evil=1; x", "1")])
    return [b"x"]


def not_latin(environ: dict[str, Any], start_response: Start) -> Iterable[bytes]:
    start_response("200 OK", [("x-price", "5 €")])
    return [b"x"]


def no_start(environ: dict[str, Any], start_response: Start) -> Iterable[bytes]:
    return [b"x"]


def nothing_at_all(environ: dict[str, Any], start_response: Start) -> Iterable[bytes]:
    return []


def not_iterable(environ: dict[str, Any], start_response: Start) -> Any:
    start_response("200 OK", [])


def text(environ: dict[str, Any], start_response: Start) -> Any:
    start_response("200 OK", [])
    return ["what is no bytes"]


@pytest.mark.parametrize("app", [exits, bad_name, not_latin, no_start, nothing_at_all, not_iterable, text])
def test_an_app_that_does_not_answer_is_500_and_its_channel_free(app: WsgiCallable) -> None:
    assert answered(app, b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").router.status == 500


def test_a_close_that_raises_takes_no_channel_with_it() -> None:
    class Body:
        def __iter__(self) -> Iterator[bytes]:
            yield b"whole"

        def close(self) -> None:
            raise ValueError("trouble")

    def app(environ: dict[str, Any], start_response: Start) -> Iterable[bytes]:
        start_response("200 OK", [])
        return Body()

    assert answered(app, b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").router.body == b"whole"


def test_a_client_that_leaves_gives_its_channel_back_and_the_app_ends() -> None:
    closed = threading.Event()

    class Endless:
        def __iter__(self) -> Iterator[bytes]:
            while True:
                yield b"part"

        def close(self) -> None:
            closed.set()

    def app(environ: dict[str, Any], start_response: Start) -> Iterable[bytes]:
        start_response("200 OK", [])
        return Endless()

    async def run() -> None:
        session = FakeSession(WsgiApplication(app))
        session.router.get()
        await until(lambda: session.router.body)
        session.router.cancel()
        await until(lambda: CANCEL in session.router.signals)
        await until(closed.is_set)
        assert session.peer.call is None

    asyncio.run(run())


def test_an_endless_answer_with_a_head_that_is_none_ends() -> None:
    """GIVEN an app with a wrong field, and a body without end WHEN it is answered 500 THEN its thread is free."""
    closed = threading.Event()
    given_up = threading.Event()

    def app(_environ: dict[str, Any], start_response: Start) -> Iterator[bytes]:
        start_response("200 OK", [("X-Bad", "a\nb")])
        try:
            while not given_up.is_set():
                yield b"x"
        finally:
            closed.set()

    async def run() -> None:
        session = FakeSession(WsgiApplication(app))
        session.router.get()
        try:
            await until(lambda: session.router.ends)
            assert session.router.status == 500
            await until(closed.is_set)
        finally:
            given_up.set()

    asyncio.run(run())


def test_a_client_that_leaves_before_its_turn_is_not_served() -> None:
    """GIVEN one thread, which is busy WHEN a client that waits for it leaves THEN its request never runs."""
    go_on, runs = threading.Event(), []

    def app(environ: dict[str, Any], start_response: Start) -> Iterable[bytes]:
        runs.append(environ["PATH_INFO"])
        go_on.wait(10)
        start_response("200 OK", [])
        return [b"done"]

    async def run() -> None:
        application = WsgiApplication(app, threads=1)
        first, second = FakeSession(application), FakeSession(application)
        first.router.get("/first")
        await until(lambda: runs)
        second.router.get("/second")
        second.router.cancel()
        go_on.set()
        await until(lambda: first.router.ends and CANCEL in second.router.signals)
        assert await application.settle(10) == 0
        assert runs == ["/first"]

    asyncio.run(run())


def test_what_cannot_be_stopped_is_counted() -> None:
    go_on = threading.Event()

    def app(environ: dict[str, Any], start_response: Start) -> Iterable[bytes]:
        go_on.wait(10)
        return []

    async def run() -> None:
        application = WsgiApplication(app)
        session = FakeSession(application)
        session.router.get()
        assert await application.settle(0.01) == 1
        go_on.set()
        assert await application.settle(10) == 0

    asyncio.run(run())


def test_the_body_is_a_file() -> None:
    def app(environ: dict[str, Any], start_response: Start) -> Iterable[bytes]:
        start_response("200 OK", [])
        return [b"|".join(io.BufferedReader(environ["wsgi.input"]))]

    assert answered(app, b"POST / HTTP/1.1\r\nhost: a\r\n\r\n", b"one\n", b"two").router.body == b"one\n|two"
