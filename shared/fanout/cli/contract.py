"""``fanout contract``: the event contracts and their committed snapshots."""

import typer

from fanout import snapshots
from fanout.cli.output import console
from fanout.event import load_contracts

__all__ = ["app"]

app = typer.Typer(help="The event contracts.", no_args_is_help=True)


@app.callback()
def _contract() -> None:
    """The event contracts."""


@app.command("snapshot")
def snapshot() -> None:
    """Write the JSON Schema of every contract to shared/contracts/schemas, to be committed."""
    changed = snapshots.write(load_contracts(), snapshots.SCHEMAS)
    for path in changed:
        console.print(str(path))
    console.print(f"{len(changed)} written")
