"""``fanout dev``: the project's workers on this machine, without AWS and without an emulator."""

from __future__ import annotations

import signal
import socket
import time
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from fanout_tools.cli.lines import lines, wrapped
from fanout_tools.cli.output import complain
from fanout_tools.errors import ToolError
from fanout_tools.project import project

if TYPE_CHECKING:
    from fanout_tools.dev.session import Session

__all__ = ["command"]


def command(
    *,
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Of the console on 127.0.0.1; 0: any.")] = 8766,
    opened: Annotated[bool, typer.Option("--open", help="Open the console in the browser.")] = False,
    replay: Annotated[
        Path | None, typer.Option(help="JSON lines, each with event and data, that are sent at the start.")
    ] = None,
    seed: Annotated[
        Path | None, typer.Option(help="A Python file that fills tables, buckets and parameters at the start.")
    ] = None,
    once: Annotated[bool, typer.Option(help="End when nothing waits any more: for scripts.")] = False,
) -> None:
    """The project's workers in this process, until Ctrl-C: a bus that routes by the declared rules and filters, queues
    with receives, backoff and DLQ, and the core that runs in Lambda. A handler that is saved runs with the next event.
    Nothing of AWS is needed or reached; what handlers call of it is moto's.

    The console that it prints the URL of sends events, and shows what becomes of them. breakpoint() works in handlers.

    Example: fanout dev --seed dev_seed.py --replay orders.jsonl
    """
    began = time.monotonic()
    try:
        from fanout_tools.console.serve import listening
        from fanout_tools.dev.console import serving
        from fanout_tools.dev.web import environment_of, serving_web, webs_of
    except ModuleNotFoundError as error:
        raise ToolError(f"{error.name} is missing: pip install 'fanout-bus[local]'") from error
    from fanout_tools.dev.environment import in_force
    from fanout_tools.dev.history import History
    from fanout_tools.dev.local import Local
    from fanout_tools.dev.session import session_of
    from fanout_tools.dev.terminal import Terminal

    history = History()
    terminal = Terminal(Console(highlight=False, markup=False, soft_wrap=True), history, time.time)
    local = Local(project(), terminal)
    terminal.queue_of = lambda name: local.workers[name].queue if name in local.workers else None
    webs = [] if once else webs_of(local.project.services)
    with session_of(local, history) as session, in_force(environment_of(webs, local.topology)):
        session.webs = webs
        session.begin(seed)
        if not session.complete:
            complain("fanout: without moto handlers reach nothing of AWS: pip install 'fanout-bus[local]'")
        if replay is not None:
            _send(session, replay)
        if once:
            session.settle(lambda until: time.sleep(max(0.0, until - time.time())))
            return
        with (
            _socket(listening, port) as own,
            serving(session, history, own) as url,
            serving_web(webs, port and port + 1) as addresses,
        ):
            for name, address in addresses:
                terminal.say(f"{name}: {address}")
            seconds = time.monotonic() - began
            terminal.say(f"Up after {seconds:.1f} s, workers: {len(local.workers)}; Ctrl-C ends it. Send events: {url}")
            if opened:
                webbrowser.open(url)
            with suppress(KeyboardInterrupt), _ended_by_interrupt(session):
                session.run()


@contextmanager
def _ended_by_interrupt(session: Session) -> Iterator[None]:
    """To the core an interrupted handler is a record that failed: the session has to know by itself."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        session.stop()
        signal.default_int_handler(number, frame)

    former = signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, former)


def _socket(listening: Callable[[int], socket.socket], port: int) -> socket.socket:
    try:
        return listening(port)
    except OSError as error:
        raise ToolError(f"port {port}: {error.strerror}; choose another with --port, or 0") from error


def _send(session: Session, file: Path) -> None:
    refused: list[str] = []
    for envelope in wrapped(lines(None, None, file), None, refused, cloudevents=False):
        session.publish(envelope)
    if refused:
        complain(f"fanout: {len(refused)} refused")
