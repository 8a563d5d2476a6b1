"""``fanout new`` and ``fanout vendor``: the pieces of a project, written so that they pass every check as they are."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from fanout_tools import scaffold
from fanout_tools.declarations.web import Via
from fanout_tools.project import project
from fanout_tools.scaffold.web import Auth

__all__ = ["app", "vendor"]

app = typer.Typer(help="Write a project, an event, a worker or a web function.", no_args_is_help=True)


@app.command("project")
def new_project(
    folder: Annotated[Path, typer.Argument(help="A new or empty folder; its name begins every name in AWS.")],
) -> None:
    """Write a project: an event, a worker with its test, an environment on an emulator and one on AWS.

    fanout's Terraform modules are copied into it, as `fanout vendor` does.

    Example: fanout new project shop
    """
    _tell(scaffold.new_project(folder))
    change = "" if folder.resolve() == Path.cwd() else f"cd {folder} && "
    print(f"next: {change}make check test deploy")


@app.command("event")
def new_event(
    event: Annotated[str, typer.Argument(help="<source>/<Name>, such as shop.orders/OrderShipped.")],
    *,
    field: Annotated[
        list[str] | None, typer.Option(help="name:type, once for each; types are str, int, decimal, date ...")
    ] = None,
) -> None:
    """Declare an event: its contract, its JSON Schema, and a golden event, which every later version has to read.

    Example: fanout new event shop.shipping/ParcelSent --field parcel_id:str
    """
    _tell(scaffold.new_event(project(), event, field or ["id:str"]))


@app.command("worker")
def new_worker(
    name: str,
    *,
    on: Annotated[list[str] | None, typer.Option(help="An event that it handles, <source>/<Name>; repeatable.")] = None,
    s3: Annotated[str | None, typer.Option(help="A bucket of its own, whose new objects it handles.")] = None,
    schedule: Annotated[str | None, typer.Option(help="The clock: 'rate(1 day)', 'cron(0 6 * * ? *)'.")] = None,
    from_queue: Annotated[
        str | None,
        typer.Option(help="A queue that is not the platform's, by name or ARN: its messages are the event of --on."),
    ] = None,
    field: Annotated[
        list[str] | None,
        typer.Option(help="name:type, of --from-queue's messages where no --on names a declared event; repeatable."),
    ] = None,
) -> None:
    """Write a worker: its declaration, its handler, and a test that delivers golden events to it.

    Example: fanout new worker tracking --on shop.shipping/ParcelSent
    """
    made = scaffold.new_worker(
        project(), name, on=on or [], bucket=s3, schedule=schedule, queue=from_queue, fields=field or []
    )
    _tell(made)


@app.command("web")
def new_web(
    name: str,
    *,
    via: Annotated[Via, typer.Option(help="How requests reach it.")] = "router",
    auth: Annotated[
        Auth | None, typer.Option(help="Who may call: iam (url) or jwt (http_api), unless it is none: everybody.")
    ] = None,
    streaming: Annotated[
        bool, typer.Option("--streaming", help="Send answers while the app makes them: by way of a url.")
    ] = False,
) -> None:
    """Write a web function: an ASGI application, and its test.

    fanout new web hooks --via url --auth none
    """
    _tell(scaffold.new_web(project(), name, via=via, auth=auth, streaming=streaming))


def vendor(
    *,
    diff: Annotated[bool, typer.Option("--diff", help="Show what would change, and change nothing.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Write over files that were edited.")] = False,
) -> None:
    """Bring the project's terraform/modules to the installed version of fanout.

    Example: fanout vendor --diff
    """
    if diff:
        sys.stdout.writelines(scaffold.vendor_diff(project()))
        return
    done = scaffold.vendor(project(), force=force)
    _tell([*done.written, *done.removed])
    print(f"terraform/modules: {done.before or 'none'} -> {done.version}, {len(done.written)} files written")


def _tell(paths: Sequence[Path]) -> None:
    for path in paths:
        print(path)
