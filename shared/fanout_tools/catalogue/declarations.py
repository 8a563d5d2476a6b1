"""What the repository declares, with the schemas of every version that is still read."""

from pathlib import Path

from fanout.events.event import load_contracts
from fanout_tools.catalogue.catalogue import Declarations
from fanout_tools.contracts import snapshots
from fanout_tools.declarations import web as web_manifest
from fanout_tools.declarations.worker import load_all

__all__ = ["declarations"]


def declarations(services: Path, schemas: Path) -> Declarations:
    """Contracts, workers and schemas.

    :raises ContractError: a contract is declared wrongly, or the schema of an older version is missing.
    :raises ManifestError: a worker.yaml or web.yaml is wrong.
    """
    contracts = load_contracts()
    events = {it.contract.identifier for it in contracts}
    manifests = load_all(services, events=events)
    return Declarations(
        contracts=contracts,
        manifests=manifests,
        web=web_manifest.load_all(services, manifests, events=events),
        schemas=dict(snapshots.readable(contracts, schemas)),
    )
