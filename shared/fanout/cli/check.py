"""``fanout check``: everything a repository declares, held against its rules."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import typer

from fanout import snapshots
from fanout.cli.options import DEFAULT_SERVICES, Services
from fanout.cli.output import complain, console
from fanout.errors import ContractError, DeclarationError, ManifestError
from fanout.event import load_contracts
from fanout.manifest import load_all
from fanout.worker import Worker

__all__ = ["command"]


def command(services: Services = DEFAULT_SERVICES) -> None:
    """Check contracts, their snapshots, every worker.yaml, and that each subscribed event has a handler."""
    problems = list(_problems(services))
    for problem in problems:
        complain(problem)
    if problems:
        raise typer.Exit(1)
    console.print("declarations: all well")


def _problems(services: Path) -> Iterator[str]:
    try:
        contracts = load_contracts()
    except ContractError as error:
        yield str(error)
        return
    yield from snapshots.differences(contracts, snapshots.SCHEMAS)
    try:
        load_all(services, events={contract.contract.identifier for contract in contracts})
    except ManifestError as error:
        yield from str(error).splitlines()
        return
    sys.path.insert(0, str(services.resolve().parent))
    for path in sorted(services.glob("*/worker.yaml")):
        yield from _handler_problems(path.parent)


def _handler_problems(folder: Path) -> Iterator[str]:
    module = f"{folder.parent.name}.{folder.name}.handler"
    try:
        worker = getattr(importlib.import_module(module), "worker", None)
    except ModuleNotFoundError as error:
        yield f"{folder}/handler.py: cannot be imported: {error}"
        return
    except DeclarationError as error:
        yield f"{folder}/handler.py: {error}"
        return
    if not isinstance(worker, Worker):
        yield f"{folder}/handler.py: has no `worker = Worker(__file__)`; declare it"
        return
    for event in worker.missing_handlers():
        yield f"{folder}/handler.py: subscribes to {event} but nothing handles it; add a @worker.handles function"
