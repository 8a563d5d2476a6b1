"""``fanout contract``: the event contracts, their committed snapshots and golden events."""

import json
from collections.abc import Iterable
from dataclasses import asdict
from enum import StrEnum
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any

import typer

from fanout.errors import EventError
from fanout.events import upcasting
from fanout.events.event import contract_of
from fanout_tools.cli.options import AsJson, Services
from fanout_tools.cli.output import complain, console, print_rows
from fanout_tools.contracts import asyncapi, golden, snapshots
from fanout_tools.contracts import check as contract_check
from fanout_tools.contracts.check import Finding
from fanout_tools.contracts.resting import resting
from fanout_tools.declarations.worker import load_all
from fanout_tools.project import DISTRIBUTION, project

__all__ = ["app"]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
"""Of the JSON Schemas that pydantic writes."""


class Format(StrEnum):
    JSON_SCHEMA = "json-schema"
    ASYNCAPI = "asyncapi"


app = typer.Typer(help="The event contracts.", no_args_is_help=True)


@app.callback()
def _contract() -> None:
    """The event contracts."""


@app.command("snapshot")
def snapshot() -> None:
    """Write the JSON Schema of every contract to the contracts' folder schemas, to be committed.

    Nothing is written over a snapshot that the change would break.

    Example: fanout contract snapshot
    """
    contracts = project().load_contracts()
    contract_check.refuse_breaking(contracts, project().schemas)
    changed = snapshots.write(contracts, project().schemas)
    for path in changed:
        console.print(str(path))
    console.print(f"{len(changed)} written")


@app.command("check")
def check(
    *,
    against: Annotated[
        Path | None, typer.Option(help="Another state of shared/contracts/schemas, such as the main branch's.")
    ] = None,
    services: Services,
) -> None:
    """Compare the contracts with their committed snapshots: is there a change that breaks a reader?

    Exit status 1 if there is. Who edits a snapshot by hand escapes this; --against does not let that pass.

    Example: fanout contract check --against origin/main
    """
    contracts, manifests = project().load_contracts(), load_all(services)
    for contract in contracts:
        upcasting.check(contract)
    broken = _tell(contract_check.committed(contracts, project().schemas, manifests))
    if against is not None:
        broken += _tell(contract_check.against(contracts, project().schemas, against, manifests))
    if broken:
        complain(f"fanout: {broken} breaking")
        raise typer.Exit(1)
    console.print("contracts: compatible")


@app.command("personal")
def personal(*, services: Services, as_json: AsJson = False) -> None:
    """List the personal fields of every event, and for how many days at most each worker's queue, dead-letter queue and
    idempotency records have them.

    Example: fanout contract personal
    """
    rows = [
        {**asdict(it), "fields": ", ".join(it.fields)} for it in resting(project().load_contracts(), load_all(services))
    ]
    columns = ["event", "fields", "worker", "queue_days", "dlq_days", "record_days"]
    print_rows(columns, rows, as_json=as_json, title="where personal data rest")


@app.command("golden")
def keep_golden(
    event: Annotated[str, typer.Argument(help="<source>/<Name>.")],
    data: Annotated[str, typer.Option(help="The event's data as JSON.")],
    case: Annotated[str, typer.Option(help="What it is an example of; part of the file's name.")] = "plain",
    version: Annotated[int | None, typer.Option(help="That the data are of; the newest unless given.")] = None,
) -> None:
    """Keep an event in the contracts' folder golden, to be committed: every later version has to read it.

    Example: fanout contract golden shop.orders/OrderPlaced --data "$(cat order.json)" --case gift
    """
    project().load_contracts()
    contract = contract_of(event)
    try:
        read = json.loads(data)
    except ValueError as error:
        raise EventError(f"--data: not JSON: {error}") from error
    except RecursionError as error:
        raise EventError("--data: nested too deeply") from error
    if not isinstance(read, dict):
        raise EventError("--data: must be a JSON object")
    of_version = contract.contract.version if version is None else version
    print(golden.record(contract, read, case, project().golden, version=of_version))


@app.command("export")
def export(
    *,
    form: Annotated[Format, typer.Option("--format", help="What to write.")],
    out: Annotated[Path | None, typer.Option(help="The directory to write into; standard output unless given.")] = None,
    services: Services,
) -> None:
    """Write the contracts, in every version that is still read, for those who do not write Python.

    json-schema: of each event's data, <source>/<Name>.v<version>.json. asyncapi: one AsyncAPI 3.0 document with the
    workers' subscriptions.

    Example: fanout contract export --format asyncapi --out build/contracts
    """
    contracts = project().load_contracts()
    schemas = dict(snapshots.readable(contracts, project().schemas))
    files: dict[str, Any]
    if form is Format.ASYNCAPI:
        workers = load_all(services, events={each.contract.identifier for each in contracts})
        examples = golden.find(project().golden)
        files = {
            "asyncapi.json": asyncapi.document(contracts, schemas, examples, workers, metadata.version(DISTRIBUTION))
        }
    else:
        files = {
            str(snapshots.path_of(contract, Path())): {"$schema": DIALECT, **schema}
            for contract, schema in sorted(schemas.items())
        }
    if out is None:
        typer.echo(json.dumps(files["asyncapi.json"] if form is Format.ASYNCAPI else files, indent=2))
        return
    for name, content in files.items():
        path = out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
        console.print(str(path))


def _tell(findings: Iterable[Finding]) -> int:
    """Say each finding; returns how many are breaking."""
    broken = 0
    for finding in findings:
        broken += finding.breaking
        (complain if finding.breaking else print)(finding.text)
    return broken
