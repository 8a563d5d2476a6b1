"""The commands, and what an error of fanout's looks like to the operator.

A command's module is imported when the command is run: all of them take a quarter of a second, and who looks at a
deployment at night looks often.
"""

import sys
from collections.abc import Collection, Mapping, Sequence
from functools import cache
from importlib import import_module
from typing import Any, Final

import typer

from fanout.errors import FanoutError
from fanout_tools.errors import ToolError

__all__ = ["COMMANDS", "application", "main", "run"]

ERROR_LINES = 40
"""Lines of an error that are shown: a person reads these, and the first are the cause."""

EXITS = (
    "Exit status: 0 well, 1 failed, 2 wrong usage, 3 not found, 4 something is stuck or worse, 5 refused, "
    "130 interrupted."
)
"""The same for every command: a script need not know which it has called."""

DECLARE, DEPLOY, LOCAL, OPERATE = "Declare", "Plan and deploy", "On this machine", "Operate"

COMMANDS: Final[Mapping[str, tuple[str, str, str]]] = {
    "check": (DECLARE, "fanout_tools.cli.check", "command"),
    "contract": (DECLARE, "fanout_tools.cli.contract", "app"),
    "new": (DECLARE, "fanout_tools.cli.new", "app"),
    "vendor": (DECLARE, "fanout_tools.cli.new", "vendor"),
    "build": (DEPLOY, "fanout_tools.cli.build", "command"),
    "plan": (DEPLOY, "fanout_tools.cli.deploy", "plan"),
    "deploy": (DEPLOY, "fanout_tools.cli.deploy", "deploy"),
    "destroy": (DEPLOY, "fanout_tools.cli.deploy", "destroy"),
    "rollback": (DEPLOY, "fanout_tools.cli.stacks", "roll_back"),
    "remove": (DEPLOY, "fanout_tools.cli.stacks", "remove"),
    "split": (DEPLOY, "fanout_tools.cli.stacks", "split"),
    "release": (DEPLOY, "fanout_tools.cli.deploy", "release"),
    "drift": (DEPLOY, "fanout_tools.cli.deploy", "drift"),
    "terraform": (DEPLOY, "fanout_tools.cli.deploy", "terraform"),
    "check-plan": (DEPLOY, "fanout_tools.cli.plans", "check_plan"),
    "deployer-policy": (DEPLOY, "fanout_tools.cli.deployer_policy", "command"),
    "diagram": (DEPLOY, "fanout_tools.cli.plans", "diagram"),
    "cost": (DEPLOY, "fanout_tools.cost.command", "command"),
    "dev": (LOCAL, "fanout_tools.cli.dev", "command"),
    "up": (LOCAL, "fanout_tools.cli.emulators", "up"),
    "down": (LOCAL, "fanout_tools.cli.emulators", "down"),
    "reset": (LOCAL, "fanout_tools.cli.emulators", "reset"),
    "emulator-status": (LOCAL, "fanout_tools.cli.emulators", "status"),
    "publish": (OPERATE, "fanout_tools.cli.publish", "command"),
    "status": (OPERATE, "fanout_tools.cli.status", "command"),
    "top": (OPERATE, "fanout_tools.cli.status", "top"),
    "trace": (OPERATE, "fanout_tools.cli.trace", "trace_command"),
    "why": (OPERATE, "fanout_tools.cli.trace", "why_command"),
    "logs": (OPERATE, "fanout_tools.cli.logs", "command"),
    "compare": (OPERATE, "fanout_tools.cli.compare", "command"),
    "tune": (OPERATE, "fanout_tools.cli.tune", "command"),
    "tail": (OPERATE, "fanout_tools.cli.tail", "command"),
    "doctor": (OPERATE, "fanout_tools.cli.doctor", "command"),
    "dlq": (OPERATE, "fanout_tools.cli.dlq", "app"),
    "pause": (OPERATE, "fanout_tools.cli.pause", "pause"),
    "resume": (OPERATE, "fanout_tools.cli.pause", "resume"),
    "replay": (OPERATE, "fanout_tools.cli.replay", "command"),
    "operations": (OPERATE, "fanout_tools.cli.operations", "app"),
    "console": (OPERATE, "fanout_tools.cli.console", "command"),
    "canary": (OPERATE, "fanout_tools.cli.canary", "command"),
    "outbox": (OPERATE, "fanout_tools.cli.outbox", "command"),
}
"""Each with the heading it stands under in the help, its module, and its name there: a function or a group."""


def application(names: Collection[str] = COMMANDS.keys()) -> typer.Typer:
    """``fanout`` with these commands."""
    return _application(tuple(names))


@cache
def _application(names: tuple[str, ...]) -> typer.Typer:
    made = typer.Typer(
        name="fanout",
        help="Declare events and workers, deploy them, publish, look after them.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
    )
    made.callback()(lambda: None)  # else a single command would be taken for the whole program
    for name in names:
        heading, module, attribute = COMMANDS[name]
        found = getattr(import_module(module), attribute)
        if isinstance(found, typer.Typer):
            made.add_typer(found, name=name, rich_help_panel=heading)
        else:
            made.command(name, rich_help_panel=heading)(found)
    _say_exits(made)
    return made


def _say_exits(commands: typer.Typer) -> None:
    """Under the help of each, and of those below it."""
    for command in commands.registered_commands:
        command.epilog = EXITS
    for group in commands.registered_groups:
        if group.typer_instance is not None:
            _say_exits(group.typer_instance)


def main() -> None:
    """The entry point of ``fanout``."""
    sys.exit(run())


def run(arguments: Sequence[str] | None = None, app: typer.Typer | None = None) -> int:
    """Run one command and return its exit code; an error of fanout's, or of AWS, is one text on standard error and 1.

    :param arguments: of the command line, without the program; ``sys.argv`` unless given.
    :param app: of other commands than fanout's own.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        (app or application(_meant(given)))(args=given)
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except Exception as error:
        if not isinstance(error, (FanoutError, ToolError, *_errors_of_aws())):
            raise
        print(_bounded(f"fanout: {error}"), file=sys.stderr)
        return getattr(error, "exit_code", 1)
    return 0


def _meant(arguments: Sequence[str]) -> Collection[str]:
    """The command that is named first; all where there is none of that name, for the help and for what is near."""
    return arguments[:1] if arguments[:1] and arguments[0] in COMMANDS else COMMANDS.keys()


def _errors_of_aws() -> tuple[type[Exception], ...]:
    """Those of AWS's clients, if anything has imported them: nothing else can have raised one."""
    exceptions: Any = sys.modules.get("botocore.exceptions")
    return () if exceptions is None else (exceptions.BotoCoreError, exceptions.ClientError)


def _bounded(text: str) -> str:
    lines = text.splitlines()
    if len(lines) <= ERROR_LINES:
        return text
    return "\n".join([*lines[:ERROR_LINES], f"... and {len(lines) - ERROR_LINES} more lines"])
