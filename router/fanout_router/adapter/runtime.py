"""The adapter's entry points: a Lambda handler, and a local process that stands for a Lambda environment."""

import asyncio
import contextlib
import importlib
import inspect
import json
import logging
import os
import sys
import threading
import traceback
from collections.abc import Coroutine
from typing import Any, TypeVar, cast

from fanout_router.adapter.asgi import AsgiApplication, AsgiCallable
from fanout_router.adapter.call import Application
from fanout_router.adapter.events import answer, is_http
from fanout_router.adapter.session import Callback, Session, seconds_left
from fanout_router.adapter.wsgi import WsgiApplication, WsgiCallable
from fanout_router.errors import AdapterError
from fanout_router.invokers.base import UNLOADABLE

_DRAIN_MARGIN_S = 15.0
_SETTLE_S = 30.0
"""What runs behind a session's answers, such as background tasks, has this long after it."""
_ANSWER_MARGIN_S = 1.0
_EXIT_WITHIN_S = 5.0
_log = logging.getLogger(__name__)

_Result = TypeVar("_Result")


def _new_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return cast("asyncio.AbstractEventLoop", uvloop.new_event_loop())


class Runtime:
    """An app and the event loop it lives on, from the environment's init phase to its end."""

    def __init__(self, app: Application) -> None:
        self.app = app
        """What is served."""
        self._loop = _new_loop()
        self.stuck = False
        """Something of the app could not be ended: the environment is to be replaced."""
        self.complete(app.startup())

    def complete(self, what: Coroutine[Any, Any, _Result]) -> _Result:
        """Run to the end. A task of the app's own that exits is not allowed to take its neighbours with it."""
        task = self._loop.create_task(what)
        while True:
            try:
                return self._loop.run_until_complete(task)
            except SystemExit:
                if task.done():
                    raise
                _log.exception("a task of the app asked to exit")

    def handle(self, event: dict[str, Any], context: Any) -> Any:
        """Serve an invocation: an order of the router, an HTTP event of another front door, or a keep-warm ping.

        :raises AdapterError: the event is none of them.
        """
        self.restart()
        if "dispatch" in event:
            callback = Callback.parse(event["dispatch"])
            drain_after = max(seconds_left(context) - _DRAIN_MARGIN_S, 1.0)
            summary = self.complete(Session.run(self.app, callback, drain_after))
            self._settle(min(_SETTLE_S, seconds_left(context) - _ANSWER_MARGIN_S))
            return summary
        if is_http(event):
            response = self.complete(answer(self.app, event))
            self.settle_before(context)
            return response
        if event.get("heartbeat"):
            return {"heartbeat": True}
        raise AdapterError("the event is no order of the router, no HTTP request and no keep-warm ping")

    def restart(self) -> None:
        """Start the app again where it has ended."""
        if self.app.ended:
            self.complete(self.app.startup())

    def settle_before(self, context: Any) -> None:
        """Let what runs behind an answer end, while there is time."""
        self._settle(seconds_left(context) - _ANSWER_MARGIN_S)

    def _settle(self, patience_s: float) -> None:
        left = self.complete(self.app.settle(patience_s))
        if left:
            self.stuck = True
            _log.error("%d calls of the app cannot be ended: this environment is replaced", left)

    def close(self) -> None:
        """Run the app's shutdown."""
        self.complete(self.app.shutdown())
        self._loop.close()


def adapt(app: Any) -> Application:
    """Adapt an ASGI or WSGI app, told apart by whether calling it gives an awaitable; an Application stays as it is.

    :raises AdapterError: it is not callable.
    """
    if isinstance(app, Application):
        return app
    if not callable(app):
        raise AdapterError(f"{app!r} is no app: an ASGI or WSGI callable is needed")
    function = app if inspect.isroutine(app) else app.__call__
    if inspect.iscoroutinefunction(function):
        return AsgiApplication(cast("AsgiCallable", app))
    return WsgiApplication(cast("WsgiCallable", app))


class ServedApp:
    """The Lambda handler of an app."""

    def __init__(self, app: Any) -> None:
        self.runtime = Runtime(adapt(app))
        """The app, and the loop it lives on."""

    def __call__(self, event: dict[str, Any], context: Any) -> Any:
        """Serve an invocation; see :meth:`Runtime.handle`."""
        result = self.runtime.handle(event, context)
        if self.runtime.stuck and "dispatch" in event:
            raise SystemExit("the app cannot be ended")  # Lambda then takes another environment
        return result


def serve(app: Any) -> ServedApp:
    """A Lambda handler that serves ``app``, through the router, a function URL or API Gateway: ``handler = serve(app)``
    is all a module needs.

    The app starts at once, in Lambda's init phase.
    """
    return ServedApp(app)


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
    """Serve one order from standard input; the summary goes as one line of JSON to the file descriptor that the
    second argument names (without it: standard output).
    """
    name, *rest = sys.argv[1:] if arguments is None else arguments
    sys.path.insert(0, "")
    try:
        runtime = Runtime(adapt(load(name)))
    except BaseException as error:  # noqa: BLE001 - an import may raise anything, and exit too
        traceback.print_exception(error.__cause__ or error)
        if isinstance(error, AdapterError):
            print(f"fanout adapter: {error}", file=sys.stderr)
        return UNLOADABLE
    try:
        summary = runtime.handle(json.load(sys.stdin), None)
    except AdapterError as error:
        print(f"fanout adapter: {error}", file=sys.stderr)
        return 1
    finally:
        runtime.close()
    with contextlib.suppress(BrokenPipeError):  # the router may be gone, and with it who would read this
        os.write(int(rest[0]) if rest else 1, json.dumps(summary).encode() + b"\n")
    _exit_soon()
    return 0


def _exit_soon() -> None:
    """Threads of the app that do not end must not keep the process."""
    timer = threading.Timer(_EXIT_WITHIN_S, os._exit, [0])
    timer.daemon = True
    timer.start()
