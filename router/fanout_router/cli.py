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
from pathlib import Path
from typing import Any

from fanout_router.admin import AdminProtocol
from fanout_router.config import RouterSettings
from fanout_router.errors import DispatchError
from fanout_router.processes import Supervisor
from fanout_router.server import Router

_LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s %(message)s"


def main(arguments: list[str] | None = None) -> int:
    """Run the router until SIGTERM or SIGINT; 0 after a clean drain, 2 when it could not start."""
    options = _parser().parse_args(arguments)
    try:
        settings = _settings(options)
        logging.basicConfig(level=settings.log_level, format=_LOG_FORMAT)
        _runner()(_serve(settings) if settings.processes == 1 else _supervise(settings))
    except (DispatchError, OSError) as error:
        print(f"fanout-router: {error}", file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="fanout-router", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("serve", help="serve the functions in DISPATCH_FUNCTIONS")
    run = commands.add_parser("run", help="serve one app from local processes")
    run.add_argument("app", help="module:app, an ASGI or WSGI callable")
    run.add_argument("--port", type=int, default=8080, help="port for clients (default 8080; 0: any)")
    run.add_argument("--admin-port", type=int, default=8081, help="port of /healthz, /readyz, /metrics")
    run.add_argument("--control-port", type=int, default=0, help="port on which processes call back (default any)")
    run.add_argument("--processes", type=int, default=2, help="processes at most (default 2)")
    run.add_argument("--minimum", type=int, default=1, help="processes kept (default 1)")
    run.add_argument("--channels", type=int, default=10, help="requests one process serves at a time")
    run.add_argument("--cold-start", type=float, default=0.0, metavar="SECONDS", help="simulate a cold start")
    run.add_argument("--access-log", action="store_true", help="one line of JSON per request")
    return parser


def _settings(options: argparse.Namespace) -> RouterSettings:
    if options.command == "serve":
        return RouterSettings.load()
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
        port=options.port,
        admin_port=options.admin_port,
        control_port=options.control_port,
        access_log=options.access_log,
        functions=[function],
    )


def _runner() -> Callable[[Coroutine[Any, Any, None]], None]:
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


def work(settings: RouterSettings, admin_socket: str) -> None:
    """Be one process of several; its supervisor answers for it."""
    logging.basicConfig(level=settings.log_level, format=_LOG_FORMAT)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # lines of several processes, each whole
    try:
        _runner()(_work(settings, admin_socket))
    except (DispatchError, OSError) as error:
        print(f"fanout-router: {error}", file=sys.stderr)
        sys.exit(2)


async def _work(settings: RouterSettings, admin_socket: str) -> None:
    stop = _stop_by_signal()
    _stop_with_supervisor(stop)
    router = Router(settings, admin_socket)
    await router.start()
    _calm_collector()
    Path(admin_socket).with_suffix(".up").touch()
    await stop.wait()
    await router.drain()


def _stop_with_supervisor(stop: asyncio.Event) -> None:
    """A supervisor that was killed leaves no process behind."""
    supervisor, loop = multiprocessing.parent_process(), asyncio.get_running_loop()
    if supervisor is None:
        return
    sentinel = supervisor.sentinel

    def gone() -> None:
        loop.remove_reader(sentinel)
        stop.set()

    loop.add_reader(sentinel, gone)


async def _supervise(settings: RouterSettings) -> None:
    stop = _stop_by_signal()
    supervisor = Supervisor(settings, work)
    supervisor.start()
    try:
        server = await asyncio.get_running_loop().create_server(
            lambda: AdminProtocol(supervisor.registry, supervisor.ready, supervisor.refresh),
            settings.admin_host,
            settings.admin_port,
        )
        admin_port = server.sockets[0].getsockname()[1]
        await supervisor.serve(stop, lambda: _announce(supervisor.settings, supervisor.settings.port, admin_port))
    finally:
        supervisor.close()


def _stop_by_signal() -> asyncio.Event:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


async def _serve(settings: RouterSettings) -> None:
    stop = _stop_by_signal()
    router = Router(settings)
    await router.start()
    _calm_collector()
    _announce(settings, router.ports["client"], router.ports["admin"])
    await stop.wait()
    await router.drain()


def _announce(settings: RouterSettings, port: int, admin_port: int) -> None:
    scheme = "https" if settings.certificate else "http"
    print(
        f"fanout-router: clients on {scheme}://{settings.host}:{port}, "
        f"health and metrics on http://{settings.admin_host}:{admin_port}",
        flush=True,
    )
