"""Interpreters of a given Python version, and virtual environments made anew when what they are made from changes."""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from fanout_tools import installer
from fanout_tools.emulators.model import InstallError, PythonMissingError
from fanout_tools.installer import locked

__all__ = ["ensure_venv", "find_python"]

_MARKER: Final = ".made-from"

_ASK_VERSION: Final = "import sys; print('%d.%d' % sys.version_info[:2])"


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


def find_python(version: str, environ: Mapping[str, str] = os.environ) -> Path:
    """An interpreter of ``version`` ("3.13") that really runs.

    :raises PythonMissingError: none was found.
    """
    variable = f"PYTHON{version.replace('.', '')}"
    if named := environ.get(variable):
        if _version_of(named) == version:
            return Path(named)
        raise PythonMissingError(f"{variable} is {named}, which is no Python {version}: correct or unset it")
    for candidate in _candidates(version, environ):
        if _version_of(str(candidate)) == version:
            return candidate
    raise PythonMissingError(
        f"Python {version} was not found on PATH, in pyenv or in uv: install it "
        f"(`pyenv install {version}` or `uv python install {version}`), or set {variable} to its path"
    )


def _candidates(version: str, environ: Mapping[str, str]) -> Iterator[Path]:
    if on_path := shutil.which(f"python{version}", path=environ.get("PATH")):
        yield Path(on_path)
    home = Path(environ.get("HOME") or Path.home())
    pyenv = Path(environ.get("PYENV_ROOT") or home / ".pyenv")
    data = Path(environ.get("XDG_DATA_HOME") or home / ".local/share")
    uv = Path(environ.get("UV_PYTHON_INSTALL_DIR") or data / "uv/python")
    for installs, pattern in ((pyenv / "versions", f"{version}.*"), (uv, f"cpython-{version}.*")):
        yield from (found / "bin" / f"python{version}" for found in sorted(installs.glob(pattern), reverse=True))


def _version_of(python: str) -> str | None:
    """The version an interpreter tells; None when it does not run, as a pyenv shim without PYENV_VERSION."""
    try:
        answer = subprocess.run([python, "-c", _ASK_VERSION], capture_output=True, text=True, check=False, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.strip() if answer.returncode == 0 else None
