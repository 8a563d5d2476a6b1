"""Whatever an ASGI app does, and whenever its client leaves: its channel comes back, or another takes its place."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import pytest

from fanout_router.adapter.asgi import AsgiApplication
from fanout_router.messages import CANCEL
from tests.unit.fanout_router.adapter.support import FakeSession, Message, Receive, Send, asgi, settle

App = Callable[[Message, Receive, Send], Awaitable[None]]
HANDSHAKE = (
    "connection: upgrade",
    "upgrade: websocket",
    "sec-websocket-version: 13",
    "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==",
)
START: Message = {"type": "http.response.start", "status": 200, "headers": []}
PART: Message = {"type": "http.response.body", "body": b"part", "more_body": True}


async def endless(scope: Message, receive: Receive, send: Send) -> None:
    await send({**START})
    while True:
        await send({**PART})
        await asyncio.sleep(0)


async def flood(scope: Message, receive: Receive, send: Send) -> None:
    await send({**START})
    while True:
        await send({**PART, "body": b"x" * 100_000})


async def waits_for_the_client(scope: Message, receive: Receive, send: Send) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def raises(scope: Message, receive: Receive, send: Send) -> None:
    await asyncio.sleep(0)
    raise ValueError("trouble")


async def raises_amid(scope: Message, receive: Receive, send: Send) -> None:
    await send({**START})
    await send({**PART})
    await asyncio.sleep(0)
    raise ValueError("trouble")


async def exits(scope: Message, receive: Receive, send: Send) -> None:
    await asyncio.sleep(0)
    raise SystemExit(3)


async def cancels_itself(scope: Message, receive: Receive, send: Send) -> None:
    await asyncio.sleep(0)
    raise asyncio.CancelledError


async def groups(scope: Message, receive: Receive, send: Send) -> None:
    await asyncio.sleep(0)
    raise BaseExceptionGroup("both", [SystemExit(1), ValueError("trouble")])


async def never_sends(scope: Message, receive: Receive, send: Send) -> None:
    await asyncio.sleep(0)


async def swallows_what_send_raises(scope: Message, receive: Receive, send: Send) -> None:
    for message in ({**START}, {**PART}, {**PART}):
        await asyncio.sleep(0)
        with contextlib.suppress(OSError):
            await send(message)


async def leaks_a_task(scope: Message, receive: Receive, send: Send) -> None:
    scope["state"]["leaked"] = asyncio.get_running_loop().create_task(asyncio.sleep(0))
    await send({**START})
    await send({"type": "http.response.body"})


async def cleans_up_slowly(scope: Message, receive: Receive, send: Send) -> None:
    try:
        await endless(scope, receive, send)
    finally:
        for _ in range(5):
            await asyncio.sleep(0)


APPS: dict[str, App] = {app.__name__: app for app in (
    endless, flood, waits_for_the_client, raises, raises_amid, exits, cancels_itself, groups, never_sends,
    swallows_what_send_raises, leaks_a_task, cleans_up_slowly,
)}  # fmt: skip


def usable(session: FakeSession) -> bool:
    """Whether the channel takes a request now."""
    return session.peer.call is None and not session.router.stream.closed


@pytest.mark.parametrize("turns", [0, 1, 2, 5])
@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("name", APPS)
def test_a_client_that_leaves_gives_its_channel_back(name: str, method: str, turns: int) -> None:
    """GIVEN an app WHEN its client leaves after some turns of the loop THEN the channel is free, and confirmed once."""

    async def run() -> None:
        session = asgi(APPS[name])
        session.router.credits = name != "flood"
        session.router.ask(f"{method} / HTTP/1.1\r\nhost: a\r\n\r\n".encode())
        for _ in range(turns):
            await asyncio.sleep(0)
        session.router.cancel()
        await settle()
        assert usable(session)
        assert session.router.signals.count(CANCEL) == 1

    asyncio.run(run())


@pytest.mark.parametrize("turns", [0, 1, 2, 5])
@pytest.mark.parametrize("accepts", [True, False])
def test_a_client_that_leaves_its_websocket_gives_its_channel_back(accepts: bool, turns: int) -> None:
    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await receive()
        if accepts:
            await send({"type": "websocket.accept"})
        while (await receive())["type"] != "websocket.disconnect":
            pass

    async def run() -> None:
        session = asgi(app)
        session.router.ask("\r\n".join(["GET /ws HTTP/1.1", "host: a", *HANDSHAKE]).encode() + b"\r\n\r\n", end=False)
        for _ in range(turns):
            await asyncio.sleep(0)
        session.router.cancel()
        await settle()
        assert usable(session)
        assert session.router.signals.count(CANCEL) == 1

    asyncio.run(run())


@pytest.mark.parametrize("name", ["raises", "exits", "groups", "never_sends", "cancels_itself"])
def test_an_app_that_does_not_answer_is_500_and_its_channel_free(name: str) -> None:
    async def run() -> None:
        session = asgi(APPS[name])
        session.router.get()
        await settle()
        assert session.router.status == 500
        assert usable(session)

    asyncio.run(run())


def test_a_call_that_does_not_end_is_left_behind_and_ended_where_it_answers() -> None:
    """GIVEN an answering app that ignores its client's leaving WHEN its channel is reset THEN its task is cancelled."""

    async def run() -> None:
        ended = []

        async def deaf(scope: Message, receive: Receive, send: Send) -> None:
            await send({**START})
            await send({**PART})
            try:
                await asyncio.sleep(3_600)
            finally:
                ended.append(True)

        session = asgi(deaf)
        session.router.ask(b"POST / HTTP/1.1\r\nhost: a\r\n\r\n")
        await settle()
        session.router.cancel()
        await settle()
        assert not usable(session)
        session.router.stream.reset(8)
        assert session.closed_peers == [(session.peer, True)]
        await settle()
        assert ended == [True]
        assert not session.abandoned

    asyncio.run(run())


@pytest.mark.parametrize("leaves", [True, False])
def test_a_framework_s_own_error_is_no_trouble_once_the_client_has_left(
    leaves: bool, caplog: pytest.LogCaptureFixture
) -> None:
    going_on = asyncio.Event()

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        try:
            await send({**START})
            await going_on.wait()
            await send({**PART})
        except OSError:
            raise ValueError("ClientDisconnect") from None
        raise ValueError("trouble")

    async def run() -> None:
        session = asgi(app)
        session.router.ask(b"POST / HTTP/1.1\r\nhost: a\r\n\r\n")
        await settle()
        if leaves:
            session.router.cancel()
        going_on.set()
        await settle()

    asyncio.run(run())
    assert bool(caplog.records) is not leaves


def test_what_is_sent_after_the_end_is_an_error_of_the_app() -> None:
    async def run() -> None:
        errors: list[Exception] = []

        async def talkative(scope: Message, receive: Receive, send: Send) -> None:
            await send({**START})
            await send({"type": "http.response.body"})
            try:
                await send({"type": "http.response.body"})
            except RuntimeError as error:
                errors.append(error)

        session = asgi(talkative)
        session.router.get()
        await settle()
        assert session.router.status == 200
        assert len(errors) == 1

    asyncio.run(run())


def test_an_application_that_raises_ends_its_call_alone() -> None:
    """GIVEN an Application of any kind WHEN its ``handle`` raises THEN the request is 500, the channel stays."""

    class Broken(AsgiApplication):
        def handle(self, call: object) -> None:
            raise KeyError("trouble")

    async def run() -> None:
        session = FakeSession(Broken(endless))
        session.router.get()
        await settle()
        assert session.router.status == 500
        assert usable(session)

    asyncio.run(run())
