"""The contracts' JSON Schemas as files: ``shared/contracts/schemas/<source>/<Name>.v<version>.json``.

They are what other languages read, what Terraform knows the declared events by, and what a change is judged against.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from fanout.event import Event

__all__ = ["SCHEMAS", "differences", "schema", "write"]

SCHEMAS = Path("shared/contracts/schemas")


def schema(contract: type[Event]) -> dict[str, Any]:
    """The JSON Schema of the data of the contract's events, as published."""
    return {
        "$id": f"{contract.contract.identifier}.v{contract.contract.version}",
        **contract.model_json_schema(mode="serialization"),
    }


def write(contracts: Iterable[type[Event]], directory: Path) -> list[Path]:
    """Write each contract's snapshot; answers the files that changed or are new."""
    changed = []
    for contract in contracts:
        path = _path(contract, directory)
        text = _text(contract)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            changed.append(path)
    return changed


def differences(contracts: Iterable[type[Event]], directory: Path) -> list[str]:
    """Where the snapshots and the contracts disagree, with the mend."""
    found = []
    expected = set()
    for contract in contracts:
        path = _path(contract, directory)
        expected.add(path)
        if not path.exists():
            found.append(f"{path}: is missing; run `fanout contract snapshot`")
        elif path.read_text(encoding="utf-8") != _text(contract):
            found.append(f"{path}: is not what {contract.__qualname__} declares; run `fanout contract snapshot`")
    found += [
        f"{path}: no contract declares it; declare it again or remove the file"
        for path in sorted(directory.glob("*/*.json"))
        if path not in expected
    ]
    return found


def _path(contract: type[Event], directory: Path) -> Path:
    return directory / contract.contract.source / f"{contract.contract.name}.v{contract.contract.version}.json"


def _text(contract: type[Event]) -> str:
    return json.dumps(schema(contract), indent=2) + "\n"
