"""``fanout check``: everything a repository declares, held against its rules."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import typer

from fanout.errors import ContractError, ManifestError
from fanout.events import upcasting
from fanout.events.event import Event
from fanout_tools import handlers
from fanout_tools.cli.options import Services
from fanout_tools.cli.output import complain, console
from fanout_tools.contracts import check as contract_check
from fanout_tools.contracts import golden
from fanout_tools.declarations import filters
from fanout_tools.declarations import web as web_manifest
from fanout_tools.declarations.key_fields import unknown_key_fields
from fanout_tools.declarations.worker import Manifest, load_all
from fanout_tools.project import project

__all__ = ["command", "refused"]


def command(services: Services) -> None:
    """Check contracts, their upcasters, snapshots and golden events, every worker.yaml and web.yaml, that events
    have the fields of idempotency keys and filters, and that each
    function can be imported, is handed what it takes, and names only what it declares.

    Example: fanout check
    """
    if refused(services):
        raise typer.Exit(1)
    console.print("declarations: all well")


def refused(services: Path) -> bool:
    """Whether anything declared there is wrong; each problem is told on standard error."""
    found = list(_problems(services))
    for problem in found:
        complain(problem)
    return bool(found)


def _problems(services: Path) -> Iterator[str]:
    try:
        contracts = project().load_contracts()
        for contract in contracts:
            upcasting.check(contract)
    except ContractError as error:
        yield str(error)
        return
    events = {contract.contract.identifier for contract in contracts}
    try:
        manifests = load_all(services, events=events)
        web = web_manifest.load_all(services, manifests, events=events)
    except ManifestError as error:
        yield from str(error).splitlines()
        return
    yield from unknown_key_fields(contracts, manifests)
    yield from _filter_problems(contracts, manifests, services)
    yield from _contract_problems(contracts, manifests)
    yield from handlers.problems(services, project().contracts, manifests, web)


def _filter_problems(
    contracts: Sequence[type[Event]], manifests: Mapping[str, Manifest], services: Path
) -> Iterator[str]:
    try:
        live = filters.live(contracts, project().schemas)
    except ContractError:
        return  # told of the contracts
    try:
        found = [*filters.unmet_filters(live, manifests), *filters.unmet_workflow_filters(live, services)]
    except ManifestError as error:
        yield from str(error).splitlines()
        return
    for finding in found:
        if finding.certain:
            yield finding.text
        else:
            complain(f"{finding.text} (a warning: the contract models a part of AWS's event)")


def _contract_problems(contracts: Sequence[type[Event]], manifests: Mapping[str, Manifest]) -> Iterator[str]:
    try:
        for finding in contract_check.committed(contracts, project().schemas, manifests):
            yield finding.text
    except ContractError as error:
        yield from str(error).splitlines()
    yield from golden.problems(contracts, project().golden)
