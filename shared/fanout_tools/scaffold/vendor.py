"""fanout's Terraform modules in a project: copied as they are, with a record of what was copied.

The record, ``fanout-vendor.json`` beside the modules, has the version and the hash of every file, so that an upgrade
replaces only what nobody has edited.
"""

import difflib
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Final, NamedTuple

from fanout_tools.project import DISTRIBUTION, Project
from fanout_tools.scaffold.errors import ScaffoldError

__all__ = ["MODULES", "Vendored", "vendor", "vendor_diff"]

MODULES: Final = Path(__file__).with_name("modules")
_LEFT_OUT: Final = {"tests", ".terraform", "__pycache__"}


@dataclass(frozen=True, slots=True)
class Vendored:
    """What :func:`vendor` did."""

    before: str | None
    """The version that was there; None if there was none."""
    version: str
    written: list[Path]
    removed: list[Path]


class _Record(NamedTuple):
    """What a project's modules were made from."""

    version: str | None
    """Of fanout; None before anything was vendored."""
    files: dict[str, str]
    """The hash of each file, by its path within the modules."""


def vendor(of: Project, *, force: bool = False) -> Vendored:
    """Bring a project's Terraform modules to this version of fanout.

    :param force: write over files that were edited in the project.
    :raises ScaffoldError: files were edited, or the folder holds modules that were never vendored.
    """
    folder, before, ours = of.vendored_modules, _record(of), dict(_files(MODULES))
    if (edited := sorted(_edited(folder, before))) and not force:
        names = ", ".join(str(folder / name) for name in edited)
        raise ScaffoldError(f"edited since they were vendored: {names}; move the change out, or give --force")
    removed = [folder / name for name in before.files if name not in ours and (folder / name).exists()]
    for path in removed:
        path.unlink()
    written = [folder / name for name, content in ours.items() if _write(folder / name, content)]
    _remove_empty(folder)
    version, hashes = metadata.version(DISTRIBUTION), {name: _hash(content) for name, content in ours.items()}
    record = json.dumps({"version": version, "files": hashes}, indent=1, sort_keys=True)
    of.vendor_record.write_text(record + "\n", encoding="utf-8")
    return Vendored(before.version, version, written, removed)


def vendor_diff(of: Project) -> Iterator[str]:
    """What :func:`vendor` would change, as the lines of a unified diff.

    :raises ScaffoldError: the folder holds modules that were never vendored.
    """
    folder, before, ours = of.vendored_modules, _record(of), dict(_files(MODULES))
    after = f"fanout {metadata.version(DISTRIBUTION)}"
    for name in sorted({*ours, *before.files}):
        path = folder / name
        old, new = path.read_bytes() if path.exists() else b"", ours.get(name, b"")
        yield from difflib.unified_diff(_lines(old), _lines(new), fromfile=str(path), tofile=f"{after}: {name}")


def _record(of: Project) -> _Record:
    file, folder = of.vendor_record, of.vendored_modules
    if file.exists():
        return _Record(**json.loads(file.read_text(encoding="utf-8")))
    if folder.exists() and any(folder.iterdir()):
        raise ScaffoldError(f"{folder}: holds modules that `fanout vendor` has not written; they are left alone")
    return _Record(None, {})


def _edited(folder: Path, record: _Record) -> Iterator[str]:
    for name, digest in record.files.items():
        path = folder / name
        if path.exists() and _hash(path.read_bytes()) != digest:
            yield name


def _files(modules: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(modules.rglob("*")):
        name = path.relative_to(modules)
        if path.is_file() and not _LEFT_OUT.intersection(name.parts) and not name.name.startswith(".terraform"):
            yield name.as_posix(), path.read_bytes()


def _write(path: Path, content: bytes) -> bool:
    if path.exists() and path.read_bytes() == content:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return True


def _remove_empty(folder: Path) -> None:
    for path in sorted((path for path in folder.rglob("*") if path.is_dir()), reverse=True):
        if not any(path.iterdir()):
            path.rmdir()


def _lines(content: bytes) -> list[str]:
    return content.decode("utf-8").splitlines(keepends=True)


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
