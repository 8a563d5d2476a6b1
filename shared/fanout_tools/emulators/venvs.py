"""Virtual environments that are made once and made anew only when what they were made from has changed."""

import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from fanout_tools import installer
from fanout_tools.emulators.errors import InstallError
from fanout_tools.installer import locked

__all__ = ["ensure_venv"]

_MARKER: Final = ".made-from"


def ensure_venv(directory: Path, *, python: Path, requirements: Path, packages: Sequence[Path] = ()) -> Path:
    """Make the virtual environment ``directory`` unless it is there and up to date.

    :param python: the interpreter it is made with.
    :param requirements: a pip requirements file in which every version is pinned.
    :param packages: source directories, installed editable after ``requirements`` and built with what those
        hold.
    :returns: the interpreter of the virtual environment.
    :raises InstallError: it cannot be made; the text has the end of the installer's output.
    """
    directory.parent.mkdir(parents=True, exist_ok=True)
    # "python", "python3" and a link to either are one interpreter, and no reason to start over.
    python = python.resolve()
    interpreter = directory / "bin" / "python"
    with locked(directory.with_name(f"{directory.name}.lock")) as lock:
        wanted = _fingerprint(python, requirements, packages)
        marker = directory / _MARKER
        if marker.exists() and marker.read_text() == wanted:
            return interpreter
        print(f"making {directory} from {requirements.name} (first use, or it has changed)", file=sys.stderr)
        # Written last and taken away first: what a killed command has left half made is made anew.
        marker.unlink(missing_ok=True)
        try:
            installer.create(directory, python, lock=lock)
            installer.install(interpreter, ["--requirement", str(requirements)], lock=lock)
            for package in packages:
                installer.install(interpreter, ["--no-deps", "--editable", str(package)], lock=lock)
        except installer.InstallFailedError as error:
            raise InstallError(f"cannot make {directory}: {error}") from error
        _write(marker, wanted)
    return interpreter


def _fingerprint(python: Path, requirements: Path, packages: Sequence[Path]) -> str:
    digest = hashlib.sha256(str(python).encode())
    for source in (requirements, *(package / "pyproject.toml" for package in packages)):
        digest.update(b"\0" + str(source).encode() + b"\0" + source.read_bytes())
    return digest.hexdigest()


def _write(path: Path, text: str) -> None:
    draft = path.with_name(f"{path.name}.draft")
    draft.write_text(text)
    draft.replace(path)
