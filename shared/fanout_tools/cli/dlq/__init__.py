"""``fanout dlq``: what lies in a dead-letter queue, by cause, and back to its worker or away."""

import typer

from fanout_tools.cli.dlq import dropping, editing, looking, redriving

__all__ = ["app"]

app = typer.Typer(help="Look through a dead-letter queue, and work it off.", no_args_is_help=True)
app.command("ls")(looking.ls)
app.command("group")(looking.group)
app.command("show")(looking.show)
app.command("export")(looking.export)
app.command("redrive")(redriving.redrive)
app.command("drop")(dropping.drop)
app.command("edit")(editing.edit)
