"""Find an interpreter of a given Python version among those a developer's machine tends to have."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from fanout_tools.emulators.errors import PythonMissingError

__all__ = ["find_python"]

_ASK_VERSION: Final = "import sys; print('%d.%d' % sys.version_info[:2])"


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
