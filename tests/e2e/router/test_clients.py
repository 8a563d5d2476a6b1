"""Clients that people use, through the router: long bodies both ways, streams as they come, and leaving early."""

import random
from collections.abc import Iterator
from contextlib import closing
from hashlib import sha256

import pytest

from tests.e2e.router.clients import CLIENTS, Client, first_line
from tests.e2e.router.support import RunningRouter, eventually, running

PART = 20_000


@pytest.fixture(scope="module")
def router() -> Iterator[RunningRouter]:
    # One environment, for one request to tell another something within the app.
    with running("asgi", "--processes", "1", "--minimum", "1") as found:
        eventually(lambda: found.metric("dispatch_environments", state="serving") == 1)
        yield found


@pytest.fixture(params=CLIENTS)
def client(request: pytest.FixtureRequest) -> Client:
    return CLIENTS[request.param]()


def parts(whole: bytes) -> Iterator[bytes]:
    return (whole[start : start + PART] for start in range(0, len(whole), PART))


def test_a_body_of_unknown_length_arrives_whole(router: RunningRouter, client: Client) -> None:
    """GIVEN 5 MB WHEN they are sent in chunks, and echoed THEN they are as they were."""
    whole = random.Random(3).randbytes(5_000_000)

    told = client.send(f"http://127.0.0.1:{router.port}/hash", parts(whole))
    assert told == sha256(whole).hexdigest().encode()
    assert client.send(f"http://127.0.0.1:{router.port}/echo", parts(whole)) == whole


def test_an_empty_body_of_unknown_length_is_a_body(router: RunningRouter, client: Client) -> None:
    """GIVEN nothing WHEN it is sent in chunks THEN it is echoed."""
    assert client.send(f"http://127.0.0.1:{router.port}/echo", iter(())) == b""


def test_a_download_arrives_whole(router: RunningRouter, client: Client) -> None:
    """GIVEN 5 MB WHEN fetched THEN all of them come."""
    size = sum(map(len, client.stream(f"http://127.0.0.1:{router.port}/size/5000000")))
    assert size == 5_000_000


def test_server_sent_events_come_as_they_happen(router: RunningRouter, client: Client) -> None:
    """GIVEN an app that sends an event, and another when it is told to by a second request WHEN read THEN the first is
    there before the second has happened."""
    name = type(client).__name__
    with closing(client.stream(f"http://127.0.0.1:{router.port}/events/{name}")) as stream:  # type: ignore[type-var]
        line, rest = first_line(stream)
        assert line == b"data: waiting"
        assert router.request(f"/tell/{name}") == (200, b"told")
        assert b"".join(rest) == b"\ndata: told\n\n"


def test_who_leaves_a_stream_is_heard_of_by_the_app(router: RunningRouter, client: Client) -> None:
    """GIVEN someone who listens to events that never come WHEN they leave THEN the app's request ends, and its channel
    is free for the next."""
    departed = router.metric("dispatch_departed")
    with closing(client.stream(f"http://127.0.0.1:{router.port}/events/never")) as stream:  # type: ignore[type-var]
        assert first_line(stream)[0] == b"data: waiting"
        assert router.request("/listeners") == (200, b"1")

    eventually(lambda: router.request("/listeners") == (200, b"0"))
    eventually(lambda: router.metric("dispatch_channels_busy") == 0)
    assert router.metric("dispatch_departed") == departed + 1
