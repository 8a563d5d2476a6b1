"""Virtual environments that are made once and made anew only when what they were made from has changed."""

import fcntl
import hashlib
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from fanout_tools.emulators.errors import InstallError

__all__ = ["ensure_venv", "locked"]

_MARKER: Final = ".made-from"
_LOG_LINES_SHOWN: Final = 15


def ensure_venv(directory: Path, *, python: Path, requirements: Path, packages: Sequence[Path] = ()) -> Path:
    """Make the virtual environment ``directory`` unless it is there and up to date.

    :param python: the interpreter it is made with.
    :param requirements: a pip requirements file in which every version is pinned.
    :param packages: source directories, installed editable after ``requirements`` and built with what those
        hold.
    :returns: the interpreter of the virtual environment.
    :raises InstallError: it cannot be made; the text has the end of pip's output.
    """
    directory.parent.mkdir(parents=True, exist_ok=True)
    # "python", "python3" and a link to either are one interpreter, and no reason to start over.
    python = python.resolve()
    interpreter = directory / "bin" / "python"
    with locked(directory.with_name(f"{directory.name}.lock")):
        wanted = _fingerprint(python, requirements, packages)
        marker = directory / _MARKER
        if marker.exists() and marker.read_text() == wanted:
            return interpreter
        print(f"making {directory} from {requirements.name} (first use, or it has changed)", file=sys.stderr)
        _run(directory, [str(python), "-m", "venv", "--clear", str(directory)])
        pip = [str(interpreter), "-m", "pip", "install", "--disable-pip-version-check", "--quiet"]
        _run(directory, [*pip, "--requirement", str(requirements)])
        for package in packages:
            _run(directory, [*pip, "--no-deps", "--editable", str(package)])
        marker.write_text(wanted)
    return interpreter


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock file ``path``, so that two commands at the same time do not do the same thing twice."""
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _fingerprint(python: Path, requirements: Path, packages: Sequence[Path]) -> str:
    digest = hashlib.sha256(str(python).encode())
    for source in (requirements, *(package / "pyproject.toml" for package in packages)):
        digest.update(b"\0" + str(source).encode() + b"\0" + source.read_bytes())
    return digest.hexdigest()


def _run(directory: Path, command: Sequence[str]) -> None:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode != 0:
        said = "\n".join(done.stdout.splitlines()[-_LOG_LINES_SHOWN:])
        raise InstallError(f"cannot make {directory}: `{' '.join(command)}` failed:\n{said}")
