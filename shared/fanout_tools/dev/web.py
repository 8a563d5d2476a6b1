"""Web functions in this process: their handlers, called as a function URL calls them, one request at a time."""

from __future__ import annotations

import asyncio
import base64
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import uvicorn
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from fanout_tools.console.serve import HOST, listening
from fanout_tools.declarations.web import WebManifest
from fanout_tools.declarations.worker import worker_name
from fanout_tools.dev.code import BrokenError, Code
from fanout_tools.operate.topology import Topology

__all__ = ["LocalWeb", "environment_of", "serving_web", "webs_of"]

Handler = Callable[[dict[str, Any], Any], dict[str, Any]]
REMAINING_MS = 900_000
"""As long as it takes: a debugger may be in it."""


@dataclass(eq=False)
class LocalWeb:
    """A web function, as an ASGI application.

    :ivar broken: why its code cannot be run; requests are answered with it.
    """

    folder: Path
    manifest: WebManifest
    handler: Handler | None = field(default=None, init=False, repr=False)
    broken: str = field(default="", init=False)
    _thread: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(1, thread_name_prefix="web"), init=False, repr=False
    )

    @property
    def name(self) -> str:
        return worker_name(self.folder)

    def load(self, code: Code) -> None:
        """Import its code anew.

        :raises BrokenError: it cannot be imported.
        """
        self.close()
        try:
            self.handler, self.broken = self._thread.submit(code.load_handler, self.folder).result(), ""
        except BrokenError as error:
            self.handler, self.broken = None, str(error)
            raise

    def close(self) -> None:
        """Run its app's shutdown, if it is one of fanout's adapter."""
        shut_down = getattr(getattr(self.handler, "runtime", None), "close", None)
        self.handler = None
        if shut_down is not None:
            self._thread.submit(shut_down).result()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        response = await self._answer(request)
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        handler = self.handler
        if handler is None:
            return PlainTextResponse(self.broken, 500)
        event = _event(request, await request.body())
        context = SimpleNamespace(
            aws_request_id=str(uuid4()), get_remaining_time_in_millis=lambda: REMAINING_MS, function_name=self.name
        )
        loop = asyncio.get_running_loop()
        return _response(await loop.run_in_executor(self._thread, handler, event, context))


def _event(request: Request, body: bytes) -> dict[str, Any]:
    """https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html"""
    headers: dict[str, str] = {}
    for name, value in request.headers.items():
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    cookies = headers.pop("cookie", "")
    client = request.client.host if request.client else HOST
    path = request.scope["raw_path"].decode("latin-1")
    http = {"method": request.method, "path": request.url.path, "protocol": "HTTP/1.1", "sourceIp": client}
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": request.scope["query_string"].decode("latin-1"),
        "cookies": [it.strip() for it in cookies.split(";") if it.strip()],
        "headers": headers,
        "requestContext": {"http": http, "requestId": str(uuid4()), "domainName": request.url.hostname or HOST},
        "body": base64.b64encode(body).decode(),
        "isBase64Encoded": True,
    }


def _response(answer: Mapping[str, Any]) -> Response:
    text = str(answer.get("body") or "")
    body = base64.b64decode(text) if answer.get("isBase64Encoded") else text.encode()
    made = Response(body, int(answer.get("statusCode", 200)))
    for name, value in answer.get("headers", {}).items():
        made.headers[name] = str(value)
    for cookie in answer.get("cookies", ()):
        made.headers.append("set-cookie", cookie)
    return made


def webs_of(services: Path) -> list[LocalWeb]:
    """The project's web functions.

    :raises ManifestError: a web.yaml is wrong.
    """
    return [LocalWeb(file.parent, WebManifest.load(file)) for file in sorted(services.glob("*/web.yaml"))]


def environment_of(webs: Iterable[LocalWeb], topology: Topology) -> dict[str, str]:
    """The variables of all of them together: a name means the same in each."""
    found: dict[str, str] = {}
    for web in webs:
        found |= web.manifest.environment(topology.names, topology.account)
    return found


@contextmanager
def serving_web(webs: Iterable[LocalWeb], port: int) -> Iterator[list[tuple[str, str]]]:
    """Serve each from a thread of its own, inside; their names and URLs.

    :param port: of the first, if it is free; 0: any.
    """
    with ExitStack() as stack:
        yield [(web.name, stack.enter_context(_served(web, port and port + at))) for at, web in enumerate(webs)]


@contextmanager
def _served(web: LocalWeb, port: int) -> Iterator[str]:
    try:
        own = listening(port)
    except OSError:
        own = listening(0)
    with own:
        config = uvicorn.Config(web, log_level="error", access_log=False, lifespan="off", timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [own]}, name=web.name, daemon=True)
        thread.start()
        try:
            yield f"http://{HOST}:{own.getsockname()[1]}/"
        finally:
            server.should_exit = True
            thread.join(5)
            web.close()
