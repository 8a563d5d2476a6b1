"""Answers of a function URL are sent while the app makes them, by Lambda's Runtime API."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from fanout_router.adapter.streaming import streams

PATIENCE_S = 30.0
MODULE = "tests.unit.fanout_router.adapter.streamed"
Said = tuple[str, Any]


class FakeLambda:
    """The Runtime API of one environment, and the process that it talks to."""

    def __init__(self, gate: Path, handler: str = f"{MODULE}.handler") -> None:
        self.invocations: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self.said: queue.Queue[Said] = queue.Queue()
        self.hangs_up = False
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(self))
        self.server.daemon_threads, self.server.block_on_close = True, False
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        told = {"AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self.server.server_address[1]}", "_HANDLER": handler}
        command = [sys.executable, "-m", "fanout_router.adapter.streaming"]
        path = os.pathsep.join(sys.path)
        self.process = subprocess.Popen(command, env={**os.environ, **told, "GATE": str(gate), "PYTHONPATH": path})

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self.server.shutdown()
        self.server.server_close()

    def next(self, kind: str) -> Any:
        """What the process says next, which has to be of this kind."""
        found, value = self.said.get(timeout=PATIENCE_S)
        assert found == kind, (found, value)
        return value

    def answer(self, event: dict[str, Any]) -> tuple[dict[str, Any], bytes, dict[str, str]]:
        """Prelude, body and trailers of a streamed answer."""
        self.invocations.put(event)
        fields = self.next("start")
        assert fields["Lambda-Runtime-Function-Response-Mode"] == "streaming"
        assert fields["Content-Type"] == "application/vnd.awslambda.http-integration-response"
        parts: list[bytes] = []
        while True:
            kind, value = self.said.get(timeout=PATIENCE_S)
            if kind == "end":
                prelude, _, body = b"".join(parts).partition(bytes(8))
                return json.loads(prelude), body, value
            parts.append(value)


def _handler_of(fake: FakeLambda) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name in the base class
            pass

        def do_GET(self) -> None:
            event = fake.invocations.get()
            self.send_response(200)
            self.send_header("Lambda-Runtime-Aws-Request-Id", "request-1")
            self.send_header("Lambda-Runtime-Deadline-Ms", "99999999999999")
            self._end(json.dumps(event).encode())

        def do_POST(self) -> None:
            if self.headers.get("Transfer-Encoding") == "chunked":
                hangs_up = fake.hangs_up
                fake.said.put(("start", dict(self.headers)))
                if not self._chunks(hangs_up=hangs_up):
                    return
            else:
                told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                fake.said.put((self.path.removeprefix("/2018-06-01/runtime/"), told))
            self.send_response(202)
            self._end(b"{}")

        def _chunks(self, *, hangs_up: bool) -> bool:
            while size := int(self.rfile.readline(), 16):
                fake.said.put(("part", self.rfile.read(size)))
                self.rfile.readline()
                if hangs_up:
                    self.close_connection = True
                    return False
            trailers = {}
            while line := self.rfile.readline().strip().decode():
                name, _, value = line.partition(": ")
                trailers[name] = value
            fake.said.put(("end", trailers))
            return True

        def _end(self, body: bytes) -> None:
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Handler


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("gate") / "gate"
    os.mkfifo(path)
    return path


@pytest.fixture(scope="module")
def lambda_(gate: Path) -> Iterator[FakeLambda]:
    fake = FakeLambda(gate)
    yield fake
    fake.close()


def request(path: str, method: str = "GET", domain: str = "abc.lambda-url.us-east-1.on.aws") -> dict[str, Any]:
    http = {"method": method, "path": path, "sourceIp": "203.0.113.9"}
    return {
        "version": "2.0",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"host": domain},
        "requestContext": {"domainName": domain, "http": http},
        "body": base64.b64encode(b"third").decode(),
        "isBase64Encoded": True,
    }


def test_a_part_is_sent_while_the_app_makes_the_next(lambda_: FakeLambda, gate: Path) -> None:
    """GIVEN an app that makes its second part only once the first has come WHEN requested THEN both come."""
    lambda_.invocations.put(request("/gated"))
    lambda_.next("start")
    prelude, _, first = (lambda_.next("part") + lambda_.next("part")).partition(bytes(8))
    assert first == b"first"
    gate.write_bytes(b"")
    assert lambda_.next("part") == b"second third"
    assert lambda_.next("end") == {}
    told = json.loads(prelude)
    assert (told["statusCode"], told["cookies"]) == (201, ["a=1", "b=2"])
    assert told["headers"]["content-type"] == "text/plain"
    assert "set-cookie" not in told["headers"]


def test_more_than_lambda_takes_whole_is_unchanged(lambda_: FakeLambda) -> None:
    """GIVEN 25.6 MB, four times what an answer may have that is not streamed WHEN sent THEN it comes as it was."""
    _, body, trailers = lambda_.answer(request("/large"))
    wanted = b"".join(bytes([number]) * 100_000 for number in range(256)) + b"firstsecond third"
    assert hashlib.sha256(body).digest() == hashlib.sha256(wanted).digest()
    assert trailers == {}


def test_a_head_has_no_body(lambda_: FakeLambda) -> None:
    prelude, body, _ = lambda_.answer(request("/", "HEAD"))
    assert (prelude["statusCode"], body) == (201, b"")


def test_an_app_that_raises_is_answered_500(lambda_: FakeLambda) -> None:
    prelude, body, _ = lambda_.answer(request("/raises"))
    assert (prelude["statusCode"], body) == (500, b"Internal Server Error")


def test_an_answer_that_ends_too_soon_says_so(lambda_: FakeLambda) -> None:
    """GIVEN an app that raises amid its answer WHEN requested THEN Lambda is told, so that its client is too."""
    _, body, trailers = lambda_.answer(request("/amid"))
    assert body == b"first"
    assert trailers["Lambda-Runtime-Function-Error-Type"] == "Runtime.StreamError"
    assert json.loads(base64.b64decode(trailers["Lambda-Runtime-Function-Error-Body"]))["errorMessage"]


def test_an_app_that_fails_before_its_body_is_an_error(lambda_: FakeLambda) -> None:
    lambda_.invocations.put(request("/nothing"))
    assert lambda_.next("invocation/request-1/error")["errorType"] == "AdapterError"


def test_a_client_that_leaves_ends_its_request_and_no_other(lambda_: FakeLambda) -> None:
    """GIVEN an answer without end WHEN Lambda hangs up THEN the app is stopped, and the next request is served."""
    lambda_.hangs_up = True
    lambda_.invocations.put(request("/endless"))
    lambda_.next("start")
    lambda_.next("part")
    lambda_.hangs_up = False
    assert lambda_.answer(request("/"))[1] == b"firstsecond third"


@pytest.mark.parametrize("event", [request("/", domain="api.execute-api.us-east-1.amazonaws.com"), {"heartbeat": True}])
def test_other_callers_get_whole_answers(lambda_: FakeLambda, event: dict[str, Any]) -> None:
    """GIVEN an event of API Gateway, which hands on no parts, or a keep-warm ping WHEN served THEN it is as ever."""
    lambda_.invocations.put(event)
    told = lambda_.next("invocation/request-1/response")
    assert told == {"heartbeat": True} if "heartbeat" in event else told["body"] == "firstsecond third"


def test_an_interim_answer_is_left_out(gate: Path) -> None:
    """GIVEN a server that sends Early Hints WHEN requested THEN Lambda, which takes one head, gets the final one."""
    fake = FakeLambda(gate, f"{MODULE}.hinting")
    try:
        prelude, body, _ = fake.answer(request("/"))
        assert (prelude["statusCode"], body) == (200, b"whole")
    finally:
        fake.close()


def test_an_event_that_is_none_fails_alone(lambda_: FakeLambda) -> None:
    lambda_.invocations.put({"Records": []})
    assert "no HTTP request" in lambda_.next("invocation/request-1/error")["errorMessage"]
    assert not streams([])


@pytest.mark.parametrize(
    ("handler", "said"),
    [(f"{MODULE}.own", "not what serve(app) returned"), ("no.such.module", "cannot be imported")],
)
def test_a_handler_that_cannot_stream_is_told_at_once(gate: Path, handler: str, said: str) -> None:
    fake = FakeLambda(gate, handler)
    try:
        assert said in fake.next("init/error")["errorMessage"]
        assert fake.process.wait(PATIENCE_S) == 1
    finally:
        fake.close()
