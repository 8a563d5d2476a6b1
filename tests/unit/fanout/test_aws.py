"""Clients follow the invocation's remaining time."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from threading import Thread
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ReadTimeoutError

from fanout import aws

Serve = Callable[[socket.socket], None]


class Server:
    """A loopback server: ``serve`` is called with each connection once its request has come."""

    def __init__(self, serve: Serve) -> None:
        self.requests = 0
        self._serve = serve
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.kept: list[socket.socket] = []
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.kept.append(connection)
            Thread(target=self._connection, args=(connection,), daemon=True).start()

    def _connection(self, connection: socket.socket) -> None:
        try:
            while received := connection.recv(65536):
                if not received.startswith(b"POST"):
                    continue  # a body that came apart from its head
                self.requests += 1
                self._serve(connection)
        except OSError:
            return

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()
        for connection in self.kept:
            connection.close()


def answering(connection: socket.socket) -> None:
    body = b'{"TableNames": []}'
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/x-amz-json-1.0\r\ncontent-length: %d\r\n\r\n" % len(body)
    connection.sendall(head + body)


def silent(_: socket.socket) -> None:
    return


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Serve], Server]]:
    servers: list[Server] = []
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")

    def start(how: Serve) -> Server:
        servers.append(Server(how))
        monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", servers[-1].url)
        aws.forget_clients()
        return servers[-1]

    yield start
    aws.finish_by(None)
    aws.client("dynamodb").close()
    aws.forget_clients()
    for server in servers:
        server.close()


def test_nothing_is_sent_when_the_time_is_up(serve: Callable[[Serve], Server]) -> None:
    """GIVEN a time that has passed WHEN a call is made THEN it raises OutOfTime once, and nothing was sent."""
    server = serve(answering)
    aws.finish_by(time.monotonic() - 1)

    with pytest.raises(aws.OutOfTime, match="time is up") as raised:
        aws.client("dynamodb").list_tables()
    assert isinstance(raised.value, BotoCoreError)
    assert server.requests == 0


def test_a_server_that_never_answers_ends_within_the_time(serve: Callable[[Serve], Server]) -> None:
    """GIVEN a server that never answers and 0.7 s left WHEN called THEN the call ends before the time does."""
    server = serve(silent)
    aws.client("dynamodb")
    aws.finish_by(end := time.monotonic() + 0.7)

    with pytest.raises(ReadTimeoutError):
        aws.client("dynamodb").list_tables()
    assert time.monotonic() < end + 15, "without the bound it waits for 20 s, four times"
    assert server.requests == 1


@pytest.mark.parametrize("left", [None, 1000.0, 39.0])
def test_a_server_that_answers_is_heard(serve: Callable[[Serve], Server], left: float | None) -> None:
    """GIVEN time enough WHEN called twice THEN each call returns, over one connection."""
    server = serve(answering)
    aws.client("dynamodb")  # takes seconds on a busy machine, and with less time left there is another connection
    aws.finish_by(None if left is None else time.monotonic() + left)

    for _ in range(2):
        assert aws.client("dynamodb").list_tables()["TableNames"] == []
    assert server.requests == 2
    assert len(server.kept) == 1


@pytest.mark.parametrize(("left", "timeout"), [(100, 20), (39, 10), (30, 10), (9, 2), (3, 1), (1, 0.3), (0.1, 0.3)])
def test_an_attempt_may_take_half_of_what_is_left(monkeypatch: pytest.MonkeyPatch, left: float, timeout: float) -> None:
    """GIVEN a remaining time WHEN a request is sent THEN its time-out is the largest step within half of it."""
    sent: list[float] = []

    class Session:
        def __init__(self, timeout: float) -> None:
            self.timeout = timeout

        def send(self, _: Any) -> None:
            sent.append(self.timeout)

    session = aws.BoundedSession(Session(20), make=lambda _, step: Session(step))
    monkeypatch.setattr(aws, "remaining_s", lambda: left)
    session.send(None)

    assert sent == [timeout]


@pytest.mark.parametrize(("attempts", "left", "answer"), [(1, 0.9, False), (1, 1.1, None), (3, 3.9, False)])
def test_no_pause_outlasts_the_time(
    monkeypatch: pytest.MonkeyPatch, attempts: int, left: float, answer: bool | None
) -> None:
    """GIVEN a pause that could outlast the time WHEN botocore asks THEN the attempts end."""
    monkeypatch.setattr(aws, "remaining_s", lambda: left)
    assert aws.forbid_late_retry(attempts) is answer
