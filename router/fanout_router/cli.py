"""``fanout-router``: ``run module:app`` on this machine alone, or ``serve`` what the environment
configures.
"""

import argparse
import asyncio
import gc
import logging
import multiprocessing
import signal
import sys
from collections.abc import Callable, Coroutine
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from fanout_router.admin import AdminProtocol
from fanout_router.config import RouterSettings
from fanout_router.errors import ConfigError, DispatchError, UnloadableError
from fanout_router.invokers.base import UNLOADABLE
from fanout_router.processes import Supervisor
from fanout_router.server import Router

_log = logging.getLogger(__name__)
_LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s %(message)s"


_FAILED, _INTERRUPTED = 2, 130


def main(arguments: list[str] | None = None) -> int:
    """Run the router until SIGTERM or SIGINT; 0 after a clean drain, 2 when it could not serve, 130 when it was told
    twice to stop.
    """
    options = _parser().parse_args(arguments)
    try:
        settings = _settings(options)
        logging.basicConfig(level=settings.log_level, format=_LOG_FORMAT)
        give_up = options.command == "run"
        return _runner()((_supervise if settings.processes > 1 else _serve)(settings, give_up=give_up))
    except (DispatchError, OSError) as error:
        print(f"fanout-router: {error}", file=sys.stderr)
        return _FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="fanout-router", description=__doc__)
    parser.add_argument("--version", action="version", version=f"fanout-router {_version()}")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("serve", help="serve the functions in DISPATCH_FUNCTIONS")
    run = commands.add_parser("run", help="serve one app from local processes")
    run.add_argument("app", help="module:app, an ASGI or WSGI callable")
    run.add_argument("--host", default="127.0.0.1", help="address for clients (default 127.0.0.1: this machine alone)")
    run.add_argument("--port", type=int, default=8080, help="port for clients (default 8080; 0: any)")
    run.add_argument("--admin-port", type=int, default=8081, help="port of /healthz, /readyz, /metrics")
    run.add_argument("--control-port", type=int, default=0, help="port on which processes call back (default any)")
    run.add_argument("--processes", type=int, default=2, help="processes at most (default 2)")
    run.add_argument("--minimum", type=int, default=1, help="processes kept (default 1)")
    run.add_argument("--channels", type=int, default=10, help="requests one process serves at a time")
    run.add_argument("--cold-start", type=float, default=0.0, metavar="SECONDS", help="simulate a cold start")
    run.add_argument("--access-log", action="store_true", help="one line of JSON per request")
    return parser


def _version() -> str:
    try:
        return version("fanout-bus")
    except PackageNotFoundError:  # from a checkout
        return "(not installed as a package)"


_OPTIONS = {
    "DISPATCH_HOST:": "--host:",
    "DISPATCH_PORT:": "--port:",
    "DISPATCH_ADMIN_PORT:": "--admin-port:",
    "DISPATCH_CONTROL_PORT:": "--control-port:",
    "DISPATCH_FUNCTIONS[0][channels]:": "--channels:",
    "DISPATCH_FUNCTIONS[0][minimum]:": "--minimum:",
    "DISPATCH_FUNCTIONS[0][maximum]:": "--processes:",
    "DISPATCH_FUNCTIONS[0][cold_start_s]:": "--cold-start:",
}
"""What is given on the command line, by the name that its error has."""


def _settings(options: argparse.Namespace) -> RouterSettings:
    if options.command == "serve":
        return RouterSettings.load()
    try:
        return _run_settings(options)
    except ConfigError as error:
        text = str(error)
        for variable, option in _OPTIONS.items():
            text = text.replace(variable, option)
        raise ConfigError(text) from None


def _run_settings(options: argparse.Namespace) -> RouterSettings:
    function = {
        "name": "app",
        "app": options.app,
        "channels": options.channels,
        "minimum": min(options.minimum, options.processes),
        "maximum": options.processes,
        "cold_start_s": options.cold_start,
        "open_timeout_s": 30.0 + options.cold_start,
    }
    return RouterSettings.load(
        host=options.host,
        port=options.port,
        admin_port=options.admin_port,
        control_port=options.control_port,
        access_log=options.access_log,
        functions=[function],
    )


def _runner() -> Callable[[Coroutine[Any, Any, int]], int]:
    try:
        import uvloop
    except ImportError:
        return asyncio.run
    return uvloop.run


def _calm_collector() -> None:
    """A request leaves no cycles, so that collecting after every few hundred of them finds nothing and costs 5 %."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


class _Stop:
    """What ends the router: a signal, a second one, or an app that cannot be loaded."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.at_once = asyncio.Event()
        self.unloadable = False

    def listen(self, *signals: signal.Signals) -> None:
        """Be asked by these signals."""
        for number in signals:
            asyncio.get_running_loop().add_signal_handler(number, self.signalled)

    def signalled(self) -> None:
        """Stop in order; when asked again, at once."""
        (self.at_once if self.asked.is_set() else self.asked).set()

    def cannot_load(self) -> None:
        """There is nothing to serve."""
        self.unloadable = True
        self.asked.set()
        self.at_once.set()

    async def before(self, ending: Coroutine[Any, Any, object]) -> bool:
        """Whether this came to its end before the router was asked to stop at once; else it is cancelled."""
        loop = asyncio.get_running_loop()
        task, again = loop.create_task(ending), loop.create_task(self.at_once.wait())
        await asyncio.wait({task, again}, return_when=asyncio.FIRST_COMPLETED)
        again.cancel()
        if task.done():
            await task
            return True
        task.cancel()
        return False


async def _serve(settings: RouterSettings, *, give_up: bool) -> int:
    """Serve until stopped. With ``give_up`` an app that cannot be loaded ends it: nobody will fix it meanwhile."""
    stop = _Stop()
    stop.listen(signal.SIGTERM, signal.SIGINT)
    router = Router(settings)
    await router.start()
    if give_up:
        _give_up(router, stop)
    _announce(settings, router.ports["client"], router.ports["admin"])
    return await _until_stopped(router, stop)


def _give_up(router: Router, stop: _Stop) -> None:
    for fleet in router.fleets:
        fleet.on_unloadable = stop.cannot_load


async def _until_stopped(router: Router, stop: _Stop) -> int:
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, _reload, router)
    _calm_collector()
    await stop.asked.wait()
    drained = await stop.before(router.drain())
    if not drained:
        await router.close(0.0)
    if stop.unloadable:
        raise UnloadableError
    return 0 if drained else _INTERRUPTED


def _reload(router: Router) -> None:
    try:
        router.reload_certificates()
        _log.info("the certificates are read anew")
    except DispatchError as error:
        _log.error("the certificates stay as they were: %s", error)


def work(settings: RouterSettings, admin_socket: str, *, give_up: bool) -> None:
    """Be one process of several; its supervisor answers for it."""
    logging.basicConfig(level=settings.log_level, format=_LOG_FORMAT)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # lines of several processes, each whole
    try:
        _runner()(_work(settings, admin_socket, give_up=give_up))
    except UnloadableError:
        sys.exit(UNLOADABLE)
    except (DispatchError, OSError) as error:
        print(f"fanout-router: {error}", file=sys.stderr)
        sys.exit(_FAILED)


async def _work(settings: RouterSettings, admin_socket: str, *, give_up: bool) -> int:
    stop = _Stop()
    stop.listen(signal.SIGTERM)
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, lambda: None)  # Ctrl-C is for the supervisor to say
    _stop_with_supervisor(stop)
    router = Router(settings, admin_socket)
    await router.start()
    if give_up:
        _give_up(router, stop)
    Path(admin_socket).with_suffix(".up").touch()
    return await _until_stopped(router, stop)


def _stop_with_supervisor(stop: _Stop) -> None:
    """A supervisor that was killed leaves no process behind."""
    supervisor, loop = multiprocessing.parent_process(), asyncio.get_running_loop()
    if supervisor is None:
        return
    sentinel = supervisor.sentinel

    def gone() -> None:
        loop.remove_reader(sentinel)
        stop.asked.set()

    loop.add_reader(sentinel, gone)


async def _supervise(settings: RouterSettings, *, give_up: bool) -> int:
    stop = _Stop()
    stop.listen(signal.SIGTERM, signal.SIGINT)
    supervisor = Supervisor(settings, partial(work, give_up=give_up))
    supervisor.start()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGHUP, supervisor.reload)
    try:
        server = await loop.create_server(
            lambda: AdminProtocol(supervisor.registry, supervisor.ready, supervisor.refresh),
            settings.admin_host,
            settings.admin_port,
        )
        admin_port = server.sockets[0].getsockname()[1]
        announce = partial(_announce, supervisor.settings, supervisor.settings.port, admin_port)
        return 0 if await stop.before(supervisor.serve(stop.asked, announce)) else _INTERRUPTED
    finally:
        supervisor.close()


def _announce(settings: RouterSettings, port: int, admin_port: int) -> None:
    scheme = "https" if settings.certificate else "http"
    print(
        f"fanout-router: clients on {scheme}://{settings.host}:{port}, "
        f"health and metrics on http://{settings.admin_host}:{admin_port}",
        flush=True,
    )
