"""``python -m scripts.demo``."""

import typer

from fanout_tools.cli.app import main
from scripts.demo.command import command

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
app.command()(command)
main(app)
