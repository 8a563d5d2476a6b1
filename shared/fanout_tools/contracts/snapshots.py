"""The contracts' JSON Schemas as files: ``shared/contracts/schemas/<source>/<Name>.v<version>.json``.

They are what other languages read, what Terraform knows the declared events by, and what a change is judged against
(:mod:`fanout_tools.contracts.check`). The files of older versions stay as long as upcasters read such events.
"""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from fanout.errors import ContractError
from fanout.events import upcasting
from fanout.events.event import Contract, Event

__all__ = ["contract_in", "path_of", "read_all", "readable", "schema", "text", "write"]

_FILE = re.compile(r"([A-Za-z][A-Za-z0-9 ]*)\.v([1-9][0-9]*)\.json")


def schema(contract: type[Event]) -> dict[str, Any]:
    """The JSON Schema of the data of the contract's events, as published."""
    return {
        "$id": f"{contract.contract.identifier}.v{contract.contract.version}",
        **contract.model_json_schema(mode="serialization"),
    }


def text(contract: type[Event]) -> str:
    """What the contract's file has to say."""
    return json.dumps(schema(contract), indent=2) + "\n"


def path_of(contract: Contract, directory: Path) -> Path:
    return directory / contract.source / f"{contract.name}.v{contract.version}.json"


def contract_in(path: Path) -> Contract | None:
    """The contract that a file is called after; None if it is not called like one."""
    found = _FILE.fullmatch(path.name)
    return Contract(path.parent.name, found[1], int(found[2])) if found else None


def write(contracts: Iterable[type[Event]], directory: Path) -> list[Path]:
    """Write each contract's snapshot; returns the files that changed or are new."""
    changed = []
    for contract in contracts:
        path, wanted = path_of(contract.contract, directory), text(contract)
        if not path.exists() or path.read_text(encoding="utf-8") != wanted:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(wanted, encoding="utf-8")
            changed.append(path)
    return changed


def read_all(directory: Path) -> dict[Contract, dict[str, Any]]:
    """The schemas of all files, by contract.

    :raises ContractError: there is no such directory, or a line for each file that is no snapshot.
    """
    if not directory.is_dir():
        raise ContractError(f"{directory}: is no directory; name one laid out like the project's schemas")
    found: dict[Contract, dict[str, Any]] = {}
    problems: list[str] = []
    for path, contract in _files(directory):
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except ValueError:
            content = None
        if contract is None:
            problems.append(f"{path}: is not called <Name>.v<version>.json; rename or remove it")
        elif not isinstance(content, dict):
            problems.append(f"{path}: is no JSON object; restore it from version control")
        else:
            found[contract] = content
    if problems:
        raise ContractError("\n".join(problems))
    return found


def _files(directory: Path) -> Iterator[tuple[Path, Contract | None]]:
    for path in sorted(directory.glob("*/*.json")):
        yield path, contract_in(path)


def readable(contracts: Iterable[type[Event]], directory: Path) -> Iterator[tuple[Contract, dict[str, Any]]]:
    """The schema of each version that is still read: the newest as declared, older ones as committed.

    :raises ContractError: an older version's is missing.
    """
    released = read_all(directory)
    for contract in contracts:
        newest = contract.contract
        for version in upcasting.readable_versions(contract)[:-1]:
            older = replace(newest, version=version)
            if older not in released:
                raise ContractError(f"{path_of(older, directory)}: is missing; run `fanout check`")
            yield older, released[older]
        yield newest, schema(contract)
