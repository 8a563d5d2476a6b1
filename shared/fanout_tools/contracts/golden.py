"""Golden events: what was published under each version of each contract, kept to be read by every later version.

``shared/contracts/golden/<source>/<Name>.v<version>.<case>.json`` holds an event as a queue delivers it, so that the
envelope of its day is kept as well. A check reads each through the upcasters.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fanout.errors import EventError
from fanout.events import upcasting
from fanout.events.envelope import Envelope, Metadata
from fanout.events.event import Contract, Event

__all__ = ["Golden", "find", "problems", "record"]

_FILE = re.compile(r"([A-Za-z][A-Za-z0-9 ]*)\.v([1-9][0-9]*)\.([a-z0-9-]+)\.json")
_CASE = re.compile(r"[a-z0-9-]+")


@dataclass(frozen=True, slots=True)
class Golden:
    """One golden event."""

    path: Path
    contract: Contract
    """Whose event it was: of the version it was published under."""
    case: str
    """What it is an example of."""

    def delivered(self) -> bytes:
        """The message's body."""
        return self.path.read_bytes()


def find(directory: Path) -> list[Golden]:
    """Every golden event that is called like one, in the order of the names."""
    return [golden for golden in map(_golden, _files(directory)) if golden is not None]


def problems(contracts: Sequence[type[Event]], directory: Path) -> Iterator[str]:
    """Golden events that today's contracts cannot read, or that nobody declares; and versions that have none."""
    declared = {contract.contract.identifier: contract for contract in contracts}
    covered = set()
    for path in _files(directory):
        golden = _golden(path)
        if golden is None:
            yield f"{path}: is not called <Name>.v<version>.<case>.json, case of a-z, 0-9 and -; rename it"
        elif golden.contract.identifier not in declared:
            yield f"{path}: no contract declares {golden.contract.identifier}; declare it again or remove the file"
        else:
            covered.add(golden.contract)
            yield from _unreadable(golden, declared[golden.contract.identifier])
    yield from _uncovered(declared.values(), covered)


def record(contract: type[Event], data: Mapping[str, Any], case: str, directory: Path, *, version: int) -> Path:
    """Keep an event as golden.

    :param data: as it was published under ``version``.
    :raises EventError: the case is no part of a file's name, another golden event has it, or the contract cannot read
        the data.
    """
    declared = contract.contract
    if not _CASE.fullmatch(case):
        raise EventError(f"case {case!r}: must be of a-z, 0-9 and -, such as many-lines")
    upcasting.read(contract, data, version)
    if version == declared.version and not declared.aws_native:
        contract.from_input(dict(data))
    path = directory / declared.source / f"{declared.name}.v{version}.{case}.json"
    if path.exists():
        raise EventError(f"{path}: is there already, and events do not change; choose another --case")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(_delivered(declared, data, case, version), indent=2) + "\n", encoding="utf-8")
    return path


def _delivered(contract: Contract, data: Mapping[str, Any], case: str, version: int) -> dict[str, Any]:
    now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    metadata = Metadata(
        event_id=f"golden-{case}", schema_version=version, correlation_id=f"golden-{case}", published_at=now
    )
    return {
        "version": "0",
        "id": f"golden-{case}",
        "detail-type": contract.name,
        "source": contract.source,
        "account": "123456789012",
        "time": now,
        "region": "eu-central-1",
        "resources": [],
        "detail": dict(data) if contract.aws_native else {"metadata": metadata.to_json(), "data": dict(data)},
    }


def _files(directory: Path) -> Iterable[Path]:
    return sorted(path for path in directory.glob("*/*") if path.is_file())


def _golden(path: Path) -> Golden | None:
    found = _FILE.fullmatch(path.name)
    return Golden(path, Contract(path.parent.name, found[1], int(found[2])), found[3]) if found else None


def _unreadable(golden: Golden, contract: type[Event]) -> Iterator[str]:
    try:
        envelope = Envelope.decode(golden.delivered())
        held = Contract(envelope.source, envelope.name, envelope.metadata.schema_version)
        if held != golden.contract:
            yield f"{golden.path}: holds {held}; name the file after what it holds"
        else:
            upcasting.read(contract, envelope.data, held.version)
    except EventError as error:
        yield f"{golden.path}: {error}"


def _uncovered(contracts: Iterable[type[Event]], covered: set[Contract]) -> Iterator[str]:
    for contract in contracts:
        for version in upcasting.readable_versions(contract):
            wanted = replace(contract.contract, version=version)
            if wanted not in covered:
                yield (
                    f"{wanted}: has no golden event; keep one: "
                    f"`fanout contract golden '{wanted.identifier}' --version {version} --data '{{...}}'`"
                )
