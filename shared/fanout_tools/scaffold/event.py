"""``fanout new event``: a contract, its snapshot, and a golden event."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from fanout_tools.project import Project
from fanout_tools.scaffold.errors import ScaffoldError

__all__ = ["TYPES", "Field", "keep", "new_event"]

_EVENT: Final = re.compile(r"([a-z][a-z0-9-]*(?:\.[a-z][a-z0-9_-]*)+)/([A-Z][A-Za-z0-9]*)")
_FIELD: Final = re.compile(r"([a-z][a-z0-9_]*):([a-z]+)")


class Field(NamedTuple):
    """A field of an event's data."""

    annotation: str
    imported: str
    """The line that imports it, if it has to be."""
    example: object
    """In the golden event: a JSON value."""


TYPES: Final = {
    "str": Field("str", "", "text"),
    "int": Field("int", "", 1),
    "float": Field("float", "", 1.5),
    "bool": Field("bool", "", True),
    "decimal": Field("Decimal", "from decimal import Decimal", "9.99"),
    "date": Field("date", "from datetime import date", "2026-01-31"),
    "datetime": Field("datetime", "from datetime import datetime", "2026-01-31T12:00:00Z"),
}


def new_event(of: Project, event: str, fields: Sequence[str] = ("id:str",)) -> list[Path]:
    """Declare an event, in the module of its source's last part, with its schema and a golden event.

    :param event: ``<source>/<Name>``, such as ``shop.orders/OrderShipped``.
    :param fields: each ``name:type``; types are the keys of :data:`TYPES`.
    :returns: the files written or added to.
    :raises ScaffoldError: the name or a field cannot be used, or the event is declared already.
    """
    found = _EVENT.fullmatch(event)
    if found is None:
        raise ScaffoldError(
            f"{event}: write <source>/<Name>, such as {of.namespace}.orders/OrderShipped: a source of two "
            "parts or more in lower case, a name in CamelCase"
        )
    source, name = found.groups()
    if source.startswith("aws."):
        raise ScaffoldError(
            f"{event}: AWS's own events are not ours to declare anew; `fanout new worker --s3 BUCKET` knows S3's"
        )
    declared = {text.partition(":")[0]: _field(text) for text in fields}
    module = of.contracts / f"{source.rpartition('.')[2].replace('-', '_')}.py"
    _refuse_declared(of, module, name)
    module.parent.mkdir(parents=True, exist_ok=True)
    text = module.read_text(encoding="utf-8") if module.exists() else f'"""The events of {source}."""\n'
    before = text if module.exists() else None
    module.write_text(_with_class(text, source, name, declared), encoding="utf-8")
    try:
        made = keep(of, event, {field: kind.example for field, kind in declared.items()})
    except ScaffoldError:
        module.unlink() if before is None else module.write_text(before, encoding="utf-8")
        raise
    return [module, *made]


def _field(text: str) -> Field:
    found = _FIELD.fullmatch(text)
    if found is None or found[2] not in TYPES:
        raise ScaffoldError(f"{text}: write name:type, such as order_id:str; types are {', '.join(TYPES)}")
    return TYPES[found[2]]


def _refuse_declared(of: Project, module: Path, name: str) -> None:
    if module.exists() and re.search(rf"^class {name}\b", module.read_text(encoding="utf-8"), re.MULTILINE):
        raise ScaffoldError(f"{module}: declares {name} already; events do not change: declare a new version there")
    if not (of.contracts / "__init__.py").exists():
        raise ScaffoldError(f"{of.contracts}: no package of contracts; make it, with an __init__.py")


def _with_class(text: str, source: str, name: str, fields: dict[str, Field]) -> str:
    imports = {kind.imported for kind in fields.values() if kind.imported} | {"from fanout import Event"}
    for line in sorted(imports, reverse=True):
        text = _with_import(text, line)
    body = "\n".join(f"    {field}: {kind.annotation}" for field, kind in fields.items())
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    title = words[0] + words[1:].lower()
    return f'{text.rstrip()}\n\n\nclass {name}(Event, source="{source}", version=1):\n    """{title}."""\n\n{body}\n'


def _with_import(text: str, line: str) -> str:
    """The module with the import among its others: Python's own first, then fanout's and the project's."""
    if re.search(rf"^{re.escape(line)}\b", text, re.MULTILINE):
        return text
    lines = text.splitlines(keepends=True)
    imports = [number for number, each in enumerate(lines) if re.match(r"(from|import) ", each)]
    if not imports:
        return f"{text.rstrip()}\n\n{line}\n"
    ours = [number for number in imports if _is_ours(lines[number])]
    theirs = [number for number in imports if not _is_ours(lines[number])]
    if _is_ours(line):
        at, added = (ours[0], f"{line}\n") if ours else (imports[-1] + 1, f"\n{line}\n")
    else:
        at, added = (theirs[-1] + 1, f"{line}\n") if theirs else (ours[0], f"{line}\n\n")
    return "".join([*lines[:at], added, *lines[at:]])


def _is_ours(line: str) -> bool:
    return line.startswith(("from fanout", "from contracts"))


def keep(of: Project, event: str, example: dict[str, object]) -> list[Path]:
    """Write an event's snapshot and golden event: by the command itself, in a process that knows the new class.

    :param example: the golden event's data.
    :raises ScaffoldError: the command refused them.
    """
    before = {path for folder in (of.schemas, of.golden) for path in folder.rglob("*.json")}
    for arguments in (["snapshot"], ["golden", event, "--data", json.dumps(example)]):
        command = [sys.executable, "-m", "fanout_tools.cli", "contract", *arguments]
        done = subprocess.run(command, cwd=of.root, capture_output=True, text=True, check=False)
        if done.returncode:
            raise ScaffoldError(f"{event}: {(done.stderr or done.stdout).strip().removeprefix('fanout: ')}")
    return sorted({path for folder in (of.schemas, of.golden) for path in folder.rglob("*.json")} - before)
