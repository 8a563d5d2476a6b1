"""The Lambda Runtime API of one execution environment.

AWS documents it under "Using the Lambda runtime API" in the Lambda developer guide.

The runtime interface client in the function's process asks for the next invocation, and posts the result or
an error. Everything it says is put on one queue, so that whoever runs the environment reads one ordered
story. Answers that are sent in parts are gathered.
"""

import base64
import json
import queue
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

__all__ = ["Answered", "Event", "Exited", "InitFailed", "Invocation", "Ready", "RuntimeApi"]

_PREFIX: Final = "/2018-06-01/runtime/"


@dataclass(frozen=True, kw_only=True)
class Invocation:
    """What the function is to be called with."""

    request_id: str
    payload: bytes
    function_arn: str
    trace_id: str
    deadline_ms: int
    """Unix time, in milliseconds, at which the function's time is up."""


@dataclass(frozen=True)
class Ready:
    """The function is initialised, and asks for an invocation."""


@dataclass(frozen=True)
class InitFailed:
    """The function could not be initialised."""

    error: bytes


@dataclass(frozen=True)
class Answered:
    """The function has returned a result, or raised an error."""

    request_id: str
    payload: bytes
    is_error: bool


@dataclass(frozen=True)
class Exited:
    """The function's process is gone."""

    exit_code: int


Event = Ready | InitFailed | Answered | Exited


class RuntimeApi:
    """An HTTP server on loopback that one function process talks to."""

    def __init__(self, events: "queue.Queue[Event]") -> None:
        self._events = events
        self._invocations: queue.Queue[Invocation | None] = queue.Queue()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_for(self))
        self._server.daemon_threads = True
        # Closing must not wait for the handler that is waiting for the next invocation.
        self._server.block_on_close = False
        # The short interval is how long closing the server takes.
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def environment(self) -> dict[str, str]:
        """What tells the runtime interface client where this is."""
        return {"AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self._server.server_address[1]}"}

    def invoke(self, invocation: Invocation) -> None:
        """Hand ``invocation`` to the function as soon as it asks."""
        self._invocations.put(invocation)

    def close(self) -> None:
        """Stop listening, at the first call; a function that waits for an invocation hears no more."""
        if not self._thread.is_alive():
            return
        self._invocations.put(None)
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def next_invocation(self) -> Invocation | None:
        """Wait for an invocation; None when the environment is shut down."""
        self._events.put(Ready())
        return self._invocations.get()

    def said(self, event: Event) -> None:
        """Take what the function's process has posted."""
        self._events.put(event)


def _handler_for(api: RuntimeApi) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Headers and body in one segment, at once: otherwise the body waits 40 ms for the headers' acknowledgement.
        wbufsize = -1
        disable_nagle_algorithm = True

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name in the base class
            """Say nothing: the gateway logs every invocation already."""

        def do_GET(self) -> None:
            if self.path != f"{_PREFIX}invocation/next":
                self._answer(404)
                return
            invocation = api.next_invocation()
            if invocation is None:
                self.close_connection = True
                return
            self._answer(200, invocation.payload, _headers_of(invocation))

        def do_POST(self) -> None:
            body = self._body()
            if self.headers.get("Lambda-Runtime-Function-Response-Mode") == "streaming":
                body = _gathered(body)
            event = _event_of(self.path, body)
            if event is None:
                self._answer(404)
                return
            api.said(event)
            self._answer(202, b'{"status":"OK"}')

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding") != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length") or 0))
            parts = []
            while size := int(self.rfile.readline(), 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            while self.rfile.readline().strip():
                pass  # trailers
            return b"".join(parts)

        def _answer(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Handler


def _headers_of(invocation: Invocation) -> dict[str, str]:
    return {
        "Lambda-Runtime-Aws-Request-Id": invocation.request_id,
        "Lambda-Runtime-Deadline-Ms": str(invocation.deadline_ms),
        "Lambda-Runtime-Invoked-Function-Arn": invocation.function_arn,
        "Lambda-Runtime-Trace-Id": invocation.trace_id,
    }


def _gathered(streamed: bytes) -> bytes:
    """A streamed answer as a whole one, as LocalStack's function URLs know but those."""
    prelude, _, body = streamed.partition(bytes(8))
    whole = {**json.loads(prelude), "body": base64.b64encode(body).decode(), "isBase64Encoded": True}
    return json.dumps(whole).encode()


def _event_of(path: str, body: bytes) -> Event | None:
    match path.removeprefix(_PREFIX).split("/"):
        case ["init", "error"]:
            return InitFailed(body)
        case ["invocation", request_id, "response"]:
            return Answered(request_id, body, is_error=False)
        case ["invocation", request_id, "error"]:
            return Answered(request_id, body, is_error=True)
        case _:
            return None
