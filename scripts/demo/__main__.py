"""``python -m scripts.demo``."""

import sys

import typer

from fanout_tools.cli.app import run
from scripts.demo.command import command

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
app.command()(command)
sys.exit(run(app=app))
