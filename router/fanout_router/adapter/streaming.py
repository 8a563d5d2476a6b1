"""Lambda's Runtime API, for answers that are sent while the app makes them.

Python's managed runtime posts an answer when it is whole. A web function that streams is started by a wrapper script
(``AWS_LAMBDA_EXEC_WRAPPER``), which runs this module instead: it asks for invocations as the managed runtime does, and
posts the answer to a request of a function URL in chunks. Any other invocation is answered as ``serve`` answers it.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html#runtimes-custom-response-streaming
https://docs.aws.amazon.com/apigateway/latest/developerguide/response-transfer-mode-lambda.html
"""

import asyncio
import base64
import http.client
import json
import logging
import os
import sys
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

from fanout_router.adapter.call import Call
from fanout_router.adapter.events import Event, call_of, head_of_response
from fanout_router.adapter.runtime import Runtime, ServedApp, load
from fanout_router.errors import AdapterError
from fanout_router.messages import MessageReader

__all__ = ["main"]

_PREFIX: Final = "/2018-06-01/runtime"
_PRELUDE_ENDS: Final = bytes(8)
_ERROR_TYPE: Final = "Lambda-Runtime-Function-Error-Type"
_ERROR_BODY: Final = "Lambda-Runtime-Function-Error-Body"
_START: Final = (
    "Content-Type: application/vnd.awslambda.http-integration-response\r\n"
    "Lambda-Runtime-Function-Response-Mode: streaming\r\n"
    f"Trailer: {_ERROR_TYPE}, {_ERROR_BODY}\r\n"
    "Transfer-Encoding: chunked\r\n"
    "Connection: close\r\n\r\n"
)


_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Invocation:
    """What is to be done, as a Lambda context too."""

    aws_request_id: str
    invoked_function_arn: str
    deadline_ms: int
    event: Event

    def get_remaining_time_in_millis(self) -> int:
        """Until Lambda ends the environment."""
        return max(0, self.deadline_ms - int(time.time() * 1_000))


class RuntimeApi:
    """Asks for invocations, and says what came of them; on one connection, as only one thing goes on at a time."""

    def __init__(self, address: str) -> None:
        self.host, _, port = address.partition(":")
        self.port = int(port or 80)
        self._connection = http.client.HTTPConnection(self.host, self.port)  # without a time-out: the next may be long

    def next(self) -> Invocation:
        """Wait for an invocation."""
        self._connection.request("GET", f"{_PREFIX}/invocation/next")
        response = self._connection.getresponse()
        told, event = response.headers, json.loads(response.read())
        os.environ["_X_AMZN_TRACE_ID"] = told.get("Lambda-Runtime-Trace-Id", "")
        return Invocation(
            aws_request_id=told["Lambda-Runtime-Aws-Request-Id"],
            invoked_function_arn=told.get("Lambda-Runtime-Invoked-Function-Arn", ""),
            deadline_ms=int(told["Lambda-Runtime-Deadline-Ms"]),
            event=event,
        )

    def answer(self, request_id: str, result: Any) -> None:
        """Give the result of an invocation, whole."""
        self._post(f"invocation/{request_id}/response", result)

    def fail(self, request_id: str, error: BaseException) -> None:
        """Say that an invocation failed."""
        self._post(f"invocation/{request_id}/error", _told(error), {_ERROR_TYPE: type(error).__name__})

    def fail_to_start(self, error: BaseException) -> None:
        """Say that the handler cannot be loaded."""
        self._post("init/error", _told(error), {_ERROR_TYPE: f"Runtime.{type(error).__name__}"})

    def _post(self, path: str, content: Any, fields: Mapping[str, str] | None = None) -> None:
        body = json.dumps(content).encode()
        headers = {"Content-Type": "application/json", **(fields or {})}
        self._connection.request("POST", f"{_PREFIX}/{path}", body, headers)
        self._connection.getresponse().read()


class _Upload(asyncio.Protocol):
    """The connection that one answer is posted on."""

    transport: asyncio.Transport
    call: Call | None = None

    def __init__(self) -> None:
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.paused = False
        self._heard = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """There is a connection."""
        self.transport = cast("asyncio.Transport", transport)

    def pause_writing(self) -> None:
        """Lambda takes no more for now: its client reads slowly, or is held to 2 MB a second after the first 6 MB."""
        self.paused = True

    def resume_writing(self) -> None:
        """Lambda takes more."""
        self.paused = False
        if self.call and self.call.on_drained:
            self.call.on_drained()

    def data_received(self, data: bytes) -> None:
        """What Lambda says of the answer: that it has it, or that it wants no more of it."""
        self._heard += data
        if b"\r\n\r\n" in self._heard:
            if not self._heard.startswith(b"HTTP/1.1 2"):
                _log.error("Lambda took no answer: %s", self._heard.partition(b"\r\n")[0].decode("latin-1"))
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """Nobody hears the rest, if there is any."""
        if self.call and not self.call.finished:
            self.call.cancelled = True
            for act in (self.call.on_cancel, self.call.on_abandon if self.call.answered else None):
                if act:
                    act()
        self.closed.set_result(None)


class _Answer(MessageReader):
    """Stands for a channel: sends on what a call answers, as it comes."""

    def __init__(self, upload: _Upload, start: str, *, bodiless: bool) -> None:
        super().__init__()
        self._upload = upload
        self._start = start.encode()
        self._bodiless = bodiless
        self.begun = False

    def write(self, data: bytes, prefix: bytes = b"") -> bool:
        """A part of the answer; False while Lambda takes no more, and once it has hung up: the app then waits to be
        told so, where it might go on for ever.
        """
        self.feed(prefix + data)
        return not (self._upload.paused or self._upload.transport.is_closing())

    def credit(self) -> None:
        """The whole request has come already."""

    def call_finished(self, call: Call, failed: bool = False) -> None:  # noqa: ARG002
        """The call is over; amid an answer, Lambda is told that the rest is missing."""
        if not self.begun:
            self._upload.transport.close()
            return
        told = base64.b64encode(json.dumps({"errorMessage": "the app failed amid its answer"}).encode()).decode()
        trailer = f"{_ERROR_TYPE}: Runtime.StreamError\r\n{_ERROR_BODY}: {told}\r\n" if failed else ""
        self._send(f"0\r\n{trailer}\r\n".encode())

    def head_received(self, head: bytes, end: bool, alone: bool) -> None:  # noqa: ARG002
        """The head of the answer, of which Lambda makes status and fields; it takes one, and no interim ones."""
        told = head_of_response(head)
        if told["statusCode"] < 200:
            return
        prelude = json.dumps(told).encode() + _PRELUDE_ENDS
        self.begun = True
        self._send(self._start + _chunk(prelude))

    def body_received(self, data: bytes | memoryview, end: bool) -> None:  # noqa: ARG002
        """A part of its body."""
        if data and not self._bodiless:
            self._send(_chunk(data))

    def signal_received(self, signal: int) -> None:
        """FAILED; ``call_finished`` tells."""

    def _send(self, data: bytes) -> None:
        if not self._upload.transport.is_closing():
            self._upload.transport.write(data)


def _chunk(data: bytes | memoryview) -> bytes:
    return b"%x\r\n" % len(data) + bytes(data) + b"\r\n"


async def _stream(runtime: Runtime, api: RuntimeApi, invocation: Invocation) -> None:
    """Have the app answer a request, and post the answer as it comes.

    :raises AdapterError: the event is no request, or the app failed before it said anything.
    """
    loop, upload = asyncio.get_running_loop(), _Upload()
    path = f"{_PREFIX}/invocation/{invocation.aws_request_id}/response"
    start = f"POST {path} HTTP/1.1\r\nHost: {api.host}:{api.port}\r\n{_START}"
    method = invocation.event["requestContext"]["http"]["method"]
    answer = _Answer(upload, start, bodiless=method == "HEAD")
    call = call_of(answer, invocation.event)
    await loop.create_connection(lambda: upload, api.host, api.port)
    upload.call = call
    runtime.app.handle(call)
    await upload.closed
    if not answer.begun:
        raise AdapterError("the app failed before it sent anything")


def streams(event: Any) -> bool:
    """Whether an event is a request to a function URL, which alone hands on an answer in parts."""
    context = event.get("requestContext") if isinstance(event, dict) else None
    return isinstance(context, dict) and "http" in context and ".lambda-url." in str(context.get("domainName"))


def _serve(runtime: Runtime, api: RuntimeApi, invocation: Invocation) -> None:
    try:
        if streams(invocation.event):
            runtime.restart()
            runtime.complete(_stream(runtime, api, invocation))
            runtime.settle_before(invocation)
        else:
            api.answer(invocation.aws_request_id, runtime.handle(invocation.event, invocation))
    except Exception as error:  # noqa: BLE001 - of any kind of app
        _log.exception("the invocation failed")
        api.fail(invocation.aws_request_id, error)


def _load(name: str) -> ServedApp:
    module, _, attribute = name.replace("/", ".").rpartition(".")
    found = load(f"{module}:{attribute}")
    if not isinstance(found, ServedApp):
        raise AdapterError(f"{name} is not what serve(app) returned: only that can stream")
    return found


def _told(error: BaseException) -> dict[str, Any]:
    trace = traceback.format_exception(error)
    return {"errorMessage": str(error), "errorType": type(error).__name__, "stackTrace": trace}


def main() -> int:
    """Serve invocations until something of the app cannot be ended; Lambda then takes another environment."""
    logging.basicConfig(format="[%(levelname)s] %(name)s: %(message)s", stream=sys.stdout)
    api = RuntimeApi(os.environ["AWS_LAMBDA_RUNTIME_API"])
    try:
        runtime = _load(os.environ["_HANDLER"]).runtime
    except BaseException as error:  # noqa: BLE001 - an import may raise anything, and exit too
        traceback.print_exception(error)
        api.fail_to_start(error)
        return 1
    while not runtime.stuck:
        _serve(runtime, api, api.next())
    return 1


if __name__ == "__main__":
    sys.exit(main())
