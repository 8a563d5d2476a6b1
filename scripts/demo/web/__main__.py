"""Serve the storefront by the router from local processes, with its events on the deployment at AWS_ENDPOINT_URL.

python -m scripts.demo.web --port 8080
python -m scripts.demo.web --check      # on a free port: try everything once as a client, and end

Runs until SIGINT or SIGTERM, and drains then. Exit code 1 when the check fails, 2 when it could not start.
"""

import argparse
import asyncio
import logging
import os
import signal
import sys
from collections.abc import Sequence

import httpx
from botocore.exceptions import BotoCoreError, ClientError

from fanout.errors import FanoutError
from fanout_router.config import RouterSettings
from fanout_router.errors import DispatchError
from fanout_router.server import Router
from fanout_tools.cli.deployment import Deployment
from fanout_tools.cli.endpoint import reach
from fanout_tools.cli.options import LOCAL
from fanout_tools.declarations import web as web_manifest
from fanout_tools.declarations.naming import Names
from fanout_tools.declarations.worker import load_all
from fanout_tools.project import project
from scripts.demo import shelf
from scripts.demo.web.walk import CheckError, walk
from scripts.paths import REPOSITORY

APP = "services.storefront.app:app"
CONTRACTS = str(project(REPOSITORY).contracts.parent)
"""Where the environments' processes find the contracts, which a package holds for a function."""
DRAIN_S = 5.0
"""Someone may watch an order that never ends."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run it; returns the exit code."""
    given = _arguments().parse_args(argv)
    logging.basicConfig(level="WARNING", format="%(levelname)s %(name)s %(message)s")
    try:
        os.environ.update(_prepare(reach(LOCAL, given.namespace)))
        os.chdir(REPOSITORY)  # where the environments find the app
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [CONTRACTS, os.environ.get("PYTHONPATH")]))
        asyncio.run(_serve(_settings(0 if given.check else given.port), check=given.check))
    except CheckError as error:
        print(f"demo-web: {error}", file=sys.stderr)
        return 1
    except (FanoutError, DispatchError, BotoCoreError, ClientError, OSError) as error:
        print(f"demo-web: {error}", file=sys.stderr)
        return 2
    return 0


def _prepare(names: Names) -> dict[str, str]:
    """Fill the shelf; returns the storefront's environment, as Terraform would give it."""
    workers = load_all(REPOSITORY / "services")
    deployment = Deployment(names, workers)
    deployment.depths()  # says what is missing before anything is served
    shelf.fill(names.table("stock"))
    storefront = web_manifest.load_all(REPOSITORY / "services", workers)["storefront"]
    return storefront.environment(names, deployment.account)


def _settings(port: int) -> RouterSettings:
    # Each page that is open keeps a channel, for its events.
    function = {"name": "storefront", "app": APP, "minimum": 1, "maximum": 1, "channels": 50}
    return RouterSettings.load(port=port, admin_port=0, control_port=0, drain_s=DRAIN_S, functions=[function])


async def _serve(settings: RouterSettings, *, check: bool) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    router = Router(settings)
    await router.start()
    try:
        address = f"http://{settings.host}:{router.ports['client']}"
        health = f"http://{settings.admin_host}:{router.ports['admin']}"
        print(f"the shop: {address}   health and metrics: {health}   Ctrl-C ends", flush=True)
        if check:
            await _check(address, stop)
        else:
            await stop.wait()
    finally:
        await router.drain()
    print(f"drained; requests served: {sum(fleet.served for fleet in router.fleets)}", flush=True)


async def _check(address: str, stop: asyncio.Event) -> None:
    """
    :raises CheckError: something is not as it must be; or it was interrupted.
    """
    walking, stopped = asyncio.create_task(walk(address)), asyncio.create_task(stop.wait())
    await asyncio.wait((walking, stopped), return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if not walking.done():
        walking.cancel()
        raise CheckError("interrupted")
    try:
        await walking
    except httpx.HTTPError as error:
        raise CheckError(f"a request failed: {type(error).__name__}: {error}") from error


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m scripts.demo.web", description=__doc__)
    parser.add_argument("--port", type=int, default=8080, help="for browsers, on loopback (8080; 0: any)")
    parser.add_argument("--check", action="store_true", help="try everything once, and end")
    parser.add_argument("--namespace", default=os.environ.get("FANOUT_NAMESPACE"))
    return parser


if __name__ == "__main__":
    sys.exit(main())
