"""The adapter's entry points: a Lambda handler, and a local process that stands for a Lambda environment."""

import asyncio
import contextlib
import importlib
import inspect
import json
import os
import sys
from collections.abc import Callable
from typing import Any, cast

from fanout_router.adapter.asgi import AsgiApplication, AsgiCallable
from fanout_router.adapter.call import Application
from fanout_router.adapter.events import answer, is_http
from fanout_router.adapter.session import Callback, Session, seconds_left
from fanout_router.adapter.wsgi import WsgiApplication, WsgiCallable
from fanout_router.errors import AdapterError

_DRAIN_MARGIN_S = 15.0

Handler = Callable[[dict[str, Any], Any], Any]


def _new_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return cast("asyncio.AbstractEventLoop", uvloop.new_event_loop())


class Runtime:
    """An app and the event loop it lives on, from the environment's init phase to its end."""

    def __init__(self, app: Application) -> None:
        self._app = app
        self._loop = _new_loop()
        self._loop.run_until_complete(app.startup())

    def handle(self, event: dict[str, Any], context: Any) -> Any:
        """Serve an invocation: an order of the router, an HTTP event of another front door, or a keep-warm ping.

        :raises AdapterError: the event is none of them.
        """
        if "dispatch" in event:
            callback = Callback.parse(event["dispatch"])
            drain_after = max(seconds_left(context) - _DRAIN_MARGIN_S, 1.0)
            return self._loop.run_until_complete(Session.run(self._app, callback, drain_after))
        if is_http(event):
            return self._loop.run_until_complete(answer(self._app, event))
        if event.get("heartbeat"):
            return {"heartbeat": True}
        raise AdapterError("the event is no order of the router, no HTTP request and no keep-warm ping")

    def close(self) -> None:
        """Run the app's shutdown."""
        self._loop.run_until_complete(self._app.shutdown())
        self._loop.close()


def adapt(app: Any) -> Application:
    """Adapt an ASGI or WSGI app, told apart by whether calling it gives an awaitable; an Application stays as it is.

    :raises AdapterError: it is not callable.
    """
    if hasattr(app, "handle") and hasattr(app, "startup"):
        return cast("Application", app)
    if not callable(app):
        raise AdapterError(f"{app!r} is no app: an ASGI or WSGI callable is needed")
    function = app if inspect.isroutine(app) else app.__call__
    if inspect.iscoroutinefunction(function):
        return AsgiApplication(cast("AsgiCallable", app))
    return WsgiApplication(cast("WsgiCallable", app))


def serve(app: Any) -> Handler:
    """A Lambda handler that serves ``app`` through the router: ``handler = serve(app)`` is all a module
    needs.

    The app starts at once, in Lambda's init phase.
    """
    return Runtime(adapt(app)).handle


def load(name: str) -> Any:
    """The object that ``module:attribute`` names.

    :raises AdapterError: there is none.
    """
    module, _, attribute = name.partition(":")
    if not attribute:
        raise AdapterError(f"{name!r} does not name an app: write module:attribute")
    try:
        return getattr(importlib.import_module(module), attribute)
    except ImportError as error:
        raise AdapterError(f"module {module!r} cannot be imported: {error}") from error
    except AttributeError:
        raise AdapterError(f"module {module!r} has no {attribute!r}") from None


def main(arguments: list[str] | None = None) -> int:
    """Serve one order from standard input; the summary goes to standard output as one line of JSON."""
    (name,) = sys.argv[1:] if arguments is None else arguments
    sys.path.insert(0, "")
    try:
        runtime = Runtime(adapt(load(name)))
        try:
            summary = runtime.handle(json.load(sys.stdin), None)
        finally:
            runtime.close()
    except AdapterError as error:
        print(f"fanout adapter: {error}", file=sys.stderr)
        return 1
    with contextlib.suppress(BrokenPipeError):  # the router may be gone, and with it who would read this
        os.write(1, json.dumps(summary).encode() + b"\n")
    return 0
