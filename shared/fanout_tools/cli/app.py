"""The commands, and what an error of fanout's looks like to the operator."""

import sys

import typer

from fanout.errors import FanoutError
from fanout_tools.cli import canary, check, contract, outbox, publish, status
from fanout_tools.cost import command as cost
from fanout_tools.errors import ToolError

__all__ = ["app", "main"]

app = typer.Typer(
    name="fanout",
    help="Publish events, look after workers, check declarations.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("publish")(publish.command)
app.command("status")(status.command)
app.command("canary")(canary.command)
app.command("outbox")(outbox.command)
app.command("check")(check.command)
app.command("cost")(cost.command)
app.add_typer(contract.app, name="contract")


def main(application: typer.Typer = app) -> None:
    """The entry point: an error of fanout's, or of AWS, is one text on standard error and exit status 1."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        application()
    except (FanoutError, ToolError, BotoCoreError, ClientError) as error:
        print(f"fanout: {error}", file=sys.stderr)
        sys.exit(1)
