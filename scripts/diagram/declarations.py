"""What the repository declares, with the schemas of every version that is still read."""

from pathlib import Path

from fanout import snapshots, web_manifest
from fanout.event import load_contracts
from fanout.manifest import load_all
from scripts.diagram.catalogue import Declarations

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
