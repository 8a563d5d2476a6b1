"""DynamoDB's client of one call, against a server of the test's own."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from fanout import aws
from fanout.idempotency.client import MAX_ATTEMPTS, Credentials, DynamoDBError, LeanDynamoDB

STATEMENTS = [{"Statement": 'SELECT * FROM "t"', "Parameters": [{"S": "é"}]}]


class Server(ThreadingHTTPServer):
    """Answers each request with the next of its answers: a status and a body, or None for hanging up."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: list[tuple[int, bytes] | None] = []
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self.connections: set[tuple[str, int]] = set()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.requests.append(({k.lower(): v for k, v in self.headers.items()}, body))
        self.server.connections.add(self.client_address)
        answer = self.server.answers.pop(0)
        if answer is None:
            self.close_connection = True
            return
        status, content = answer
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def slept() -> list[float]:
    return []


@pytest.fixture
def client(server: Server, slept: list[float]) -> Iterator[LeanDynamoDB]:
    made = LeanDynamoDB(
        Credentials("AKIA", "secret", "token"),
        "eu-central-1",
        endpoint=f"http://127.0.0.1:{server.server_port}",
        sleep=slept.append,
    )
    yield made
    made.close()


def error(code: str) -> bytes:
    return json.dumps({"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": "why"}).encode()


def test_a_call_is_a_signed_post_on_a_kept_connection(server: Server, client: LeanDynamoDB) -> None:
    """GIVEN a server WHEN called twice THEN it gets the statements, named and signed, on one connection."""
    server.answers = [(200, b'{"Responses": [{}]}')] * 2

    assert client.batch_execute_statement(Statements=STATEMENTS) == {"Responses": [{}]}
    client.batch_execute_statement(Statements=STATEMENTS)

    headers, body = server.requests[0]
    assert json.loads(body) == {"Statements": STATEMENTS}
    assert headers["x-amz-target"] == "DynamoDB_20120810.BatchExecuteStatement"
    assert headers["content-type"] == "application/x-amz-json-1.0"
    assert headers["x-amz-security-token"] == "token"
    assert headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKIA/")
    assert len(server.connections) == 1


@pytest.mark.parametrize("answer", [None, (500, b"oops"), (400, error("ThrottlingException"))])
def test_what_may_pass_is_tried_again(
    server: Server, client: LeanDynamoDB, slept: list[float], answer: tuple[int, bytes] | None
) -> None:
    """GIVEN a hang-up, a server's fault or a throttle WHEN called THEN the call is repeated after a wait."""
    server.answers = [answer, (200, b'{"Responses": []}')]

    assert client.batch_execute_statement(Statements=STATEMENTS) == {"Responses": []}
    assert len(slept) == 1


def test_in_the_end_it_gives_up(server: Server, client: LeanDynamoDB, slept: list[float]) -> None:
    """GIVEN a table that stays throttled WHEN called THEN the error has DynamoDB's code, after all attempts."""
    server.answers = [(400, error("ThrottlingException"))] * MAX_ATTEMPTS

    with pytest.raises(DynamoDBError, match="ThrottlingException: why") as raised:
        client.batch_execute_statement(Statements=STATEMENTS)
    assert raised.value.code == "ThrottlingException"
    assert len(slept) == MAX_ATTEMPTS - 1


def test_what_no_repetition_fixes_is_told_at_once(server: Server, client: LeanDynamoDB, slept: list[float]) -> None:
    """GIVEN a refusal WHEN called THEN there is one attempt."""
    server.answers = [(400, error("AccessDeniedException"))]

    with pytest.raises(DynamoDBError, match="AccessDeniedException"):
        client.batch_execute_statement(Statements=STATEMENTS)
    assert slept == []


def test_nobody_at_the_endpoint_is_an_error_with_its_address(slept: list[float]) -> None:
    """GIVEN an endpoint where nobody listens WHEN called THEN the error names it."""
    nobody = LeanDynamoDB(Credentials("a", "s"), "eu-central-1", endpoint="http://127.0.0.1:9", sleep=slept.append)

    with pytest.raises(DynamoDBError, match=r"ConnectionRefusedError: 127\.0\.0\.1:9"):
        nobody.batch_execute_statement(Statements=STATEMENTS)


def test_everything_else_is_boto3s(client: LeanDynamoDB, monkeypatch: pytest.MonkeyPatch) -> None:
    """GIVEN another operation WHEN it is asked for THEN boto3's client answers."""
    boto3s: Any = type("Client", (), {"put_item": "boto3's"})()
    monkeypatch.setattr(aws, "client", lambda service: boto3s if service == "dynamodb" else None)

    assert client.put_item == "boto3's"


def test_lambda_environment_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """GIVEN credentials and a region in the environment WHEN asked for THEN there is a client; without them none."""
    assert LeanDynamoDB.from_environment() is not None
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    assert LeanDynamoDB.from_environment() is None


@pytest.fixture
def limited() -> Iterator[None]:
    yield
    aws.finish_by(None)


@pytest.mark.usefixtures("limited")
def test_nothing_is_sent_when_the_time_is_up(server: Server, client: LeanDynamoDB) -> None:
    """GIVEN a time that has passed WHEN called THEN nothing is sent."""
    aws.finish_by(time.monotonic() - 1)

    with pytest.raises(DynamoDBError, match="OutOfTime"):
        client.batch_execute_statement(Statements=STATEMENTS)
    assert server.requests == []


@pytest.mark.parametrize(("left", "timeout"), [(None, 10), (60, 10), (6, 3), (0.1, 0.3)])
def test_an_attempt_may_take_half_of_what_is_left(
    server: Server, client: LeanDynamoDB, monkeypatch: pytest.MonkeyPatch, left: float | None, timeout: float
) -> None:
    """GIVEN a remaining time WHEN called on a kept connection THEN its time-out is half of it."""
    server.answers = [(200, b"{}")] * 2
    client.batch_execute_statement(Statements=STATEMENTS)
    monkeypatch.setattr(aws, "remaining_s", lambda: left)
    told: list[float] = []
    monkeypatch.setattr("socket.socket.settimeout", lambda _, seconds: told.append(seconds))
    client.batch_execute_statement(Statements=STATEMENTS)

    assert told == [timeout]
    assert len(server.connections) == 1


def test_no_pause_outlasts_the_time(
    server: Server, client: LeanDynamoDB, slept: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """GIVEN less time than the pause WHEN an attempt fails THEN its error is raised at once."""
    monkeypatch.setattr("fanout.idempotency.client.random.uniform", lambda _, most: most)
    monkeypatch.setattr(aws, "remaining_s", lambda: 0.09)
    server.answers = [(500, b"oops")]

    with pytest.raises(DynamoDBError, match="InternalServerError"):
        client.batch_execute_statement(Statements=STATEMENTS)
    assert slept == []


def test_half_an_answer_is_none(server: Server, client: LeanDynamoDB, slept: list[float]) -> None:
    """GIVEN an answer of 200 that ends halfway WHEN called THEN the call is repeated."""
    server.answers = [(200, b'{"Responses": ['), (200, b'{"Responses": []}')]

    assert client.batch_execute_statement(Statements=STATEMENTS) == {"Responses": []}
    assert len(slept) == 1
