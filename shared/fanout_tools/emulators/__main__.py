"""``python -m fanout_tools.emulators up|down|reset|status EMULATOR``."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from fanout_tools.emulators import EMULATORS, EmulatorError, Endpoints, down, reset, status, up


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code: 0 done, 1 failed, 3 (``status``) not running."""
    given = _arguments().parse_args(argv)
    try:
        return _run(given)
    except EmulatorError as error:
        print(f"{given.emulator}: {error}", file=sys.stderr)
        return 1


def _run(given: argparse.Namespace) -> int:
    match given.command:
        case "up":
            _show(
                up(
                    given.emulator,
                    run_dir=given.run_dir,
                    port=given.port,
                    enforce_iam=given.enforce_iam,
                    timeout_seconds=given.timeout,
                )
            )
        case "reset":
            _show(reset(given.emulator, run_dir=given.run_dir))
        case "down":
            stopped = down(given.emulator, run_dir=given.run_dir)
            print(f"{given.emulator} {'stopped' if stopped else 'was not running'}", file=sys.stderr)
        case "status":
            return _show_status(status(given.emulator, run_dir=given.run_dir))
    return 0


def _show(endpoints: Endpoints) -> None:
    for name, value in endpoints.environment().items():
        print(f"{name}={value}")


def _show_status(states: dict[str, str]) -> int:
    for server, state in states.items():
        print(f"{server} {state}")
    if not states:
        print("not running")
    return 0 if states and set(states.values()) == {"healthy"} else 3


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m fanout_tools.emulators", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in (
        ("up", "start it, wait until it is healthy, and print where it answers as NAME=value lines"),
        ("down", "stop it, with every process it has started"),
        ("reset", "empty it"),
        ("status", "say how its servers are; exit code 3 unless all are healthy"),
    ):
        command = commands.add_parser(name, help=text, description=text)
        command.add_argument("emulator", choices=sorted(EMULATORS))
        command.add_argument("--run-dir", type=Path, help="for state, logs and pids (build/emulators/EMULATOR)")
        if name == "up":
            _add_up_options(command)
    return parser


def _add_up_options(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--port", type=int, help="on loopback; 0 takes a free one (4566, or a free one where that is taken)"
    )
    command.add_argument("--enforce-iam", action="store_true", help="ministack only; test/test is the root user")
    command.add_argument("--timeout", type=float, default=300, help="seconds to wait until it is healthy (300)")


if __name__ == "__main__":
    sys.exit(main())
