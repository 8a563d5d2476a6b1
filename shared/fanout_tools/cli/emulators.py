"""``fanout up``, ``down``, ``reset`` and ``emulator-status``: AWS on this machine."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from fanout_tools import emulators
from fanout_tools.cli.options import MINISTACK, EmulatorName, Port

__all__ = ["down", "reset", "status", "up"]

Name = Annotated[EmulatorName, typer.Argument(help="Which one.")]
RunDir = Annotated[Path | None, typer.Option(help="For state, logs and pids; build/emulators/NAME unless given.")]


def up(
    emulator: Name = MINISTACK,
    *,
    port: Port = None,
    enforce_iam: Annotated[
        bool, typer.Option("--enforce-iam", help="ministack only; test/test is the root user.")
    ] = False,
    timeout: Annotated[float, typer.Option(help="Seconds to wait until it is healthy.")] = 300,
    run_dir: RunDir = None,
) -> None:
    """Start an emulator, wait until it is healthy, and print where it answers as NAME=value lines.

    Example: fanout up localstack --port 4566
    """
    _show(emulators.up(emulator, run_dir=run_dir, port=port, enforce_iam=enforce_iam, timeout_seconds=timeout))


def down(emulator: Name = MINISTACK, *, run_dir: RunDir = None) -> None:
    """Stop an emulator, with every process it has started.

    Example: fanout down localstack
    """
    stopped = emulators.down(emulator, run_dir=run_dir)
    print(f"{emulator} {'stopped' if stopped else 'was not running'}", file=sys.stderr)


def reset(emulator: Name = MINISTACK, *, run_dir: RunDir = None) -> None:
    """Empty a running emulator.

    Example: fanout reset localstack
    """
    _show(emulators.reset(emulator, run_dir=run_dir))


def status(emulator: Name = MINISTACK, *, run_dir: RunDir = None) -> None:
    """Say how an emulator's servers are; the exit code is 3 unless all are healthy.

    Example: fanout emulator-status localstack
    """
    states = emulators.status(emulator, run_dir=run_dir)
    for server, state in states.items():
        print(f"{server} {state}")
    if not states:
        print("not running")
    if not states or set(states.values()) != {"healthy"}:
        raise typer.Exit(3)


def _show(endpoints: emulators.Endpoints) -> None:
    for name, value in endpoints.environment().items():
        print(f"{name}={value}")
