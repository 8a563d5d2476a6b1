"""The commands, and what an error of fanout's looks like to the operator."""

import sys
from collections.abc import Sequence

import typer

from fanout.errors import FanoutError
from fanout_tools.cli import (
    build,
    canary,
    check,
    compare,
    contract,
    deploy,
    dlq,
    doctor,
    emulators,
    logs,
    new,
    operations,
    outbox,
    pause,
    plans,
    publish,
    replay,
    status,
    tail,
    trace,
    tune,
)
from fanout_tools.cost import command as cost
from fanout_tools.errors import ToolError

__all__ = ["app", "main", "run"]

ERROR_LINES = 40
"""Lines of an error that are shown: a person reads these, and the first are the cause."""

EXITS = (
    "Exit status: 0 well, 1 failed, 2 wrong usage, 3 not found, 4 something is stuck or worse, 5 refused, "
    "130 interrupted."
)
"""The same for every command: a script need not know which it has called."""

DECLARE, DEPLOY, LOCAL, OPERATE = "Declare", "Plan and deploy", "Emulators", "Operate"

app = typer.Typer(
    name="fanout",
    help="Declare events and workers, deploy them, publish, look after them.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command("check", rich_help_panel=DECLARE)(check.command)
app.add_typer(contract.app, name="contract", rich_help_panel=DECLARE)
app.add_typer(new.app, name="new", rich_help_panel=DECLARE)
app.command("vendor", rich_help_panel=DECLARE)(new.vendor)
app.command("build", rich_help_panel=DEPLOY)(build.command)
app.command("plan", rich_help_panel=DEPLOY)(deploy.plan)
app.command("deploy", rich_help_panel=DEPLOY)(deploy.deploy)
app.command("destroy", rich_help_panel=DEPLOY)(deploy.destroy)
app.command("release", rich_help_panel=DEPLOY)(deploy.release)
app.command("drift", rich_help_panel=DEPLOY)(deploy.drift)
app.command("terraform", rich_help_panel=DEPLOY)(deploy.terraform)
app.command("check-plan", rich_help_panel=DEPLOY)(plans.check_plan)
app.command("diagram", rich_help_panel=DEPLOY)(plans.diagram)
app.command("cost", rich_help_panel=DEPLOY)(cost.command)
app.command("up", rich_help_panel=LOCAL)(emulators.up)
app.command("down", rich_help_panel=LOCAL)(emulators.down)
app.command("reset", rich_help_panel=LOCAL)(emulators.reset)
app.command("emulator-status", rich_help_panel=LOCAL)(emulators.status)
app.command("publish", rich_help_panel=OPERATE)(publish.command)
app.command("status", rich_help_panel=OPERATE)(status.command)
app.command("top", rich_help_panel=OPERATE)(status.top)
app.command("trace", rich_help_panel=OPERATE)(trace.trace_command)
app.command("why", rich_help_panel=OPERATE)(trace.why_command)
app.command("logs", rich_help_panel=OPERATE)(logs.command)
app.command("compare", rich_help_panel=OPERATE)(compare.command)
app.command("tune", rich_help_panel=OPERATE)(tune.command)
app.command("tail", rich_help_panel=OPERATE)(tail.command)
app.command("doctor", rich_help_panel=OPERATE)(doctor.command)
app.add_typer(dlq.app, name="dlq", rich_help_panel=OPERATE)
app.command("pause", rich_help_panel=OPERATE)(pause.pause)
app.command("resume", rich_help_panel=OPERATE)(pause.resume)
app.command("replay", rich_help_panel=OPERATE)(replay.command)
app.add_typer(operations.app, name="operations", rich_help_panel=OPERATE)
app.command("canary", rich_help_panel=OPERATE)(canary.command)
app.command("outbox", rich_help_panel=OPERATE)(outbox.command)


def _say_exits(commands: typer.Typer) -> None:
    """Under the help of each, and of those below it."""
    for command in commands.registered_commands:
        command.epilog = EXITS
    for group in commands.registered_groups:
        if group.typer_instance is not None:
            _say_exits(group.typer_instance)


_say_exits(app)


def main() -> None:
    """The entry point of ``fanout``."""
    sys.exit(run())


def run(arguments: Sequence[str] | None = None, application: typer.Typer = app) -> int:
    """Run one command and return its exit code; an error of fanout's, or of AWS, is one text on standard error and 1.

    :param arguments: of the command line, without the program; ``sys.argv`` unless given.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        application(args=None if arguments is None else list(arguments))
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except (FanoutError, ToolError, BotoCoreError, ClientError) as error:
        print(_bounded(f"fanout: {error}"), file=sys.stderr)
        return getattr(error, "exit_code", 1)
    return 0


def _bounded(text: str) -> str:
    lines = text.splitlines()
    if len(lines) <= ERROR_LINES:
        return text
    return "\n".join([*lines[:ERROR_LINES], f"... and {len(lines) - ERROR_LINES} more lines"])
