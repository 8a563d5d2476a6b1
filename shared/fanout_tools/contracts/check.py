"""Today's contracts, held against those released before: what changed, whom it breaks, and the fix."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fanout.errors import ContractError
from fanout.events import personal, upcasting
from fanout.events.event import Contract, Event
from fanout_tools.contracts import snapshots
from fanout_tools.contracts.compatibility import Change, Reader, breaking

if TYPE_CHECKING:
    from fanout_tools.declarations.worker import Manifest

__all__ = ["Finding", "against", "committed", "refuse_breaking"]

Schemas = Mapping[Contract, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to say of a contract."""

    text: str
    """The thing, what is with it, and the fix."""
    breaking: bool
    """False: all readers can live with it, but the committed snapshots do not tell it yet."""


def committed(
    contracts: Sequence[type[Event]], directory: Path, manifests: Mapping[str, "Manifest"]
) -> Iterator[Finding]:
    """How the contracts stand to the snapshots in the repository, which are to say what the contracts say; and
    whether each older version that is kept there can still be read.

    :raises ContractError: a file there is no snapshot.
    """
    released = snapshots.read_all(directory) if directory.exists() else {}
    for contract in contracts:
        path = snapshots.path_of(contract.contract, directory)
        old = released.get(contract.contract)
        if old is None:
            yield Finding(f"{path}: is missing; run `fanout contract snapshot`", breaking=False)
        elif broken := list(_broken(contract, old, manifests)):
            yield from broken
        elif path.read_text(encoding="utf-8") != snapshots.text(contract):
            yield Finding(
                f"{path}: is not what {contract.__qualname__} declares, and compatible with it; "
                "run `fanout contract snapshot`",
                breaking=False,
            )
            yield from _marks(contract, old)
        yield from _older(contract, released, directory)
    yield from _orphans(contracts, released, directory)


def against(
    contracts: Sequence[type[Event]], directory: Path, reference: Path, manifests: Mapping[str, "Manifest"]
) -> Iterator[Finding]:
    """How the contracts, and the snapshots of their older versions, stand to the snapshots of another state of the
    repository, such as the branch that a change is to be merged into.

    :raises ContractError: a file there is no snapshot, or there is no such directory.
    """
    kept = snapshots.read_all(directory) if directory.exists() else {}
    classes = {contract.contract: contract for contract in contracts}
    for released, old in snapshots.read_all(reference).items():
        contract = classes.get(released)
        if contract is not None:
            yield from _broken(contract, old, manifests)
            yield from _marks(contract, old)
        elif released not in kept:
            yield Finding(
                f"{released}: is gone, though it was released; {_read_by(released, manifests)}; restore "
                f"{snapshots.path_of(released, directory)}, and a contract or an upcaster that reads it",
                breaking=True,
            )
        elif kept[released] != old:
            yield Finding(
                f"{snapshots.path_of(released, directory)}: is not as it was released; restore it: events of that "
                "version do not change any more",
                breaking=True,
            )


def refuse_breaking(contracts: Iterable[type[Event]], directory: Path) -> None:
    """Whether the contracts' snapshots may be written over those that are there.

    :raises ContractError: a line for each breaking change.
    """
    released = snapshots.read_all(directory) if directory.exists() else {}
    found = [
        finding.text
        for contract in contracts
        if contract.contract in released
        for finding in _broken(contract, released[contract.contract], None)
    ]
    if found:
        found.append("nothing is written; a snapshot that was never released may be removed and written anew")
        raise ContractError("\n".join(found))


def _broken(
    contract: type[Event], old: Mapping[str, Any], manifests: Mapping[str, "Manifest"] | None
) -> Iterator[Finding]:
    read_by = "" if manifests is None else f"{_read_by(contract.contract, manifests)}; "
    for change in breaking(old, snapshots.schema(contract)):
        if _matters(contract.contract, change):
            yield Finding(f"{contract.contract}: {change}; {read_by}{_fix(contract)}", breaking=True)


def _marks(contract: type[Event], old: Mapping[str, Any]) -> Iterator[Finding]:
    """Fields that are personal since, or no longer: no reader minds, and who keeps the data has to know."""
    was, now = set(personal.fields(old)), set(personal.fields(snapshots.schema(contract)))
    for path in sorted(now - was):
        text = f"{contract.contract}: {path}: marked as personal now; what was logged before still shows it"
        yield Finding(text, breaking=False)
    for path in sorted(was - now):
        text = f"{contract.contract}: {path}: no longer marked as personal; logs and commands show it, old events' too"
        yield Finding(text, breaking=False)


def _matters(contract: Contract, change: Change) -> bool:
    """AWS publishes its own events as it always did, whatever our reading of them: it may know less of them, but not
    refuse what it took."""
    return not contract.aws_native or (Reader.OF_OLD_EVENTS in change.breaks and not change.loss)


def _fix(contract: type[Event]) -> str:
    if contract.contract.aws_native:
        return "AWS publishes it as before: take the change back, or give the field a default"
    version = contract.contract.version
    return (
        f"take the change back, or declare version {version + 1} with "
        f"@upcasts({contract.__name__}, from_version={version})"
    )


def _read_by(contract: Contract, manifests: Mapping[str, "Manifest"]) -> str:
    workers = [
        worker
        for worker, manifest in manifests.items()
        if any(subscription.event in (contract.identifier, "*") for subscription in manifest.subscribes)
    ]
    return f"read by {', '.join(workers) or 'no worker here'}"


def _older(contract: type[Event], released: Schemas, directory: Path) -> Iterator[Finding]:
    """The versions before the contract's, by their upcasters and their files, both of which have to be there."""
    readable = upcasting.readable_versions(contract)
    for version in readable[:-1]:
        older = replace(contract.contract, version=version)
        if older not in released:
            yield Finding(
                f"{snapshots.path_of(older, directory)}: is missing, though an upcaster reads version {version}; "
                "restore it from version control",
                breaking=True,
            )
    for older in released:
        if older.identifier == contract.contract.identifier and older.version < readable.start:
            yield Finding(
                f"{snapshots.path_of(older, directory)}: no upcaster reads version {older.version}; declare "
                f"@upcasts({contract.__name__}, from_version={readable.start - 1}) beside the contract, or remove the "
                "file when no such event is left in queues and archive",
                breaking=True,
            )


def _orphans(contracts: Sequence[type[Event]], released: Schemas, directory: Path) -> Iterator[Finding]:
    newest = {contract.contract.identifier: contract.contract.version for contract in contracts}
    for contract in released:
        if contract.version > newest.get(contract.identifier, 0):
            path = snapshots.path_of(contract, directory)
            yield Finding(f"{path}: no contract declares it; declare it again or remove the file", breaking=True)
