"""The console as a local server, until Ctrl-C."""

from __future__ import annotations

import logging
import socket
import sys
import webbrowser
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

import uvicorn

from fanout import aws
from fanout_tools.console.access import UNTYPED, Access, Role
from fanout_tools.console.app import make
from fanout_tools.console.console import Console
from fanout_tools.console.ledger import Ledger
from fanout_tools.console.looking import Looking, fresh_for
from fanout_tools.operate.identity import credentials
from fanout_tools.operate.masking import Masking
from fanout_tools.operate.operating import Operating
from fanout_tools.operate.reading import Reading
from fanout_tools.operate.status import Numbers
from fanout_tools.operate.topology import Topology
from fanout_tools.operate.tracing import Tracing

__all__ = ["HOST", "console_of", "listening", "serve"]

HOST = "127.0.0.1"
"""Nobody else's machine can reach it."""


def console_of(
    topology: Topology, *, env: str, role: Role, masking: Masking, port: int, folder: Path, services: Path
) -> Console:
    """A console over AWS, or over an emulator, with this process's own credentials."""
    ledger = Ledger()
    hosts = frozenset({f"{HOST}:{port}", f"localhost:{port}"})

    def client(service: Any) -> Any:
        return ledger.watch(aws.client(service))

    looking = Looking(topology, ledger, credentials, Numbers(fresh_for(topology)[1]))
    return Console(
        env=env,
        operating=Operating(topology, client, said=_complain),
        look=looking.look,
        series=looking.series,
        causes=looking.causes,
        tracing=Tracing(topology, Reading(topology, client), services),
        access=Access(role, hosts, typed=env not in UNTYPED),
        masking=masking,
        folder=folder,
        services=services,
        ledger=ledger,
    )


def listening(port: int) -> socket.socket:
    """A socket on the loopback address.

    :param port: 0: any that is free.
    :raises OSError: another process has the port.
    """
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((HOST, port))
        made.listen()
    except OSError:
        made.close()
        raise
    return made


class _Server(uvicorn.Server):
    """What is cut off by Ctrl-C is no error."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        super().handle_exit(sig, frame)


def _complain(text: str) -> None:
    print(f"fanout: {text}", file=sys.stderr, flush=True)


def _say(text: str) -> None:
    print(text, flush=True)


def serve(console: Console, own: socket.socket, *, opened: bool, said: Callable[[str], None] = _say) -> None:
    """Serve it until Ctrl-C; what is being carried out then stays in the journal, to be resumed."""
    config = uvicorn.Config(
        make(console), log_level="warning", access_log=False, lifespan="off", server_header=False,
        timeout_graceful_shutdown=2,
    )  # fmt: skip
    url = f"http://{HOST}:{own.getsockname()[1]}/?token={console.access.token}"
    said(f"fanout console of {console.topology.names.namespace}, as {console.access.role}: {url}")
    if opened:
        webbrowser.open(url)
    with suppress(KeyboardInterrupt):
        _Server(config).run(sockets=[own])
    for work in console.works:
        if work.is_alive():
            _complain(f"{work.name} is cut off: `fanout operations resume {work.name}`")
