"""Virtual environments and what is installed in them: by uv where it can be had, else by pip.

It needs nothing but the standard library: set-up imports it before anything else is there.

uv is the one on PATH, or is put into a small virtual environment of its own; it takes a tenth of pip's time. Where
packages come from is asked of pip's configuration and handed on to uv.
"""

import ast
import fcntl
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from fanout_tools import supervisor
from fanout_tools.errors import ToolError
from fanout_tools.project import project

__all__ = ["InstallFailedError", "create", "find_uv", "install", "locked", "uv_settings"]

#: ``uv pip install`` knows all options that are used here from this version on.
_UV_REQUIREMENT: Final = "uv>=0.8,<1"
_LINES_SHOWN: Final = 15

#: pip's settings, uv's names for them, and what separates several values there.
_SETTINGS: Final = {
    "index-url": ("UV_DEFAULT_INDEX", " "),
    "extra-index-url": ("UV_INDEX", " "),
    "find-links": ("UV_FIND_LINKS", ","),
    "trusted-host": ("UV_INSECURE_HOST", " "),
    "constraint": ("UV_CONSTRAINT", " "),
    "no-index": ("UV_NO_INDEX", " "),
    "cert": ("SSL_CERT_FILE", " "),
    "client-cert": ("SSL_CLIENT_CERT", " "),
    "default-timeout": ("UV_HTTP_TIMEOUT", " "),
    "timeout": ("UV_HTTP_TIMEOUT", " "),
}


class InstallFailedError(ToolError):
    """A virtual environment cannot be made, or filled; the text has the end of what the installer said."""


@contextmanager
def locked(path: Path) -> Iterator[int]:
    """Hold the lock file ``path``, so that two commands at the same time do not do the same thing twice.

    :returns: its file descriptor: a child that has it too holds the lock for as long as it lives, even when its
        parent was killed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock.fileno()


def create(directory: Path, python: Path, *, lock: int) -> Path:
    """Make an empty virtual environment in place of what is there; returns its interpreter.

    :raises InstallFailedError: it cannot be made.
    """
    if uv := find_uv():
        # With pip in it (--seed): pip's configuration is asked for there too.
        command = [uv, "venv", "--quiet", "--clear", "--seed", "--no-config", "--python", str(python), str(directory)]
        _run(command, lock=lock, env=_uv_environment())
    else:
        _run([str(python), "-m", "venv", "--clear", str(directory)], lock=lock)
    return directory / "bin" / "python"


def install(python: Path, arguments: Sequence[str], *, lock: int | None = None) -> None:
    """``pip install ARGUMENTS`` for the interpreter ``python``, by whichever installer is there.

    :param arguments: such as both installers take.
    :raises InstallFailedError: the installer failed.
    """
    if uv := find_uv():
        command = [uv, "pip", "install", "--quiet", "--no-config", "--python", str(python), *arguments]
        _run(command, lock=lock, env=_uv_environment())
    else:
        _run([str(python), "-m", "pip", "install", "--disable-pip-version-check", "--quiet", *arguments], lock=lock)


def _uv_environment() -> dict[str, str]:
    return {**os.environ, **uv_settings(pip_configuration(), os.environ)}


def find_uv() -> str | None:
    """The uv on PATH, or one of our own; None where it cannot be had, or FANOUT_INSTALLER=pip asks for pip."""
    if os.environ.get("FANOUT_INSTALLER") == "pip":
        return None
    return shutil.which("uv") or _own_uv()


def _own_uv() -> str | None:
    home = project().build / "uv"
    uv, marker = home / "bin" / "uv", home / ".ready"
    with locked(home.with_name("uv.lock")) as lock:
        if marker.exists() and uv.exists():
            return str(uv)
        try:
            _run([sys.executable, "-m", "venv", "--clear", str(home)], lock=lock)
            _run(
                [str(home / "bin" / "pip"), "install", "--disable-pip-version-check", "--quiet", _UV_REQUIREMENT],
                lock=lock,
            )
        except InstallFailedError:
            print("uv cannot be installed: pip is used, which takes longer", file=sys.stderr)
            return None
        marker.touch()
    return str(uv)


def pip_configuration() -> Mapping[str, str]:
    """pip's settings by name, such as "index-url"; its environment variables win, as in pip itself."""
    asked = subprocess.run([sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False)
    found: dict[str, str] = {}
    for section in ("global.", "install.", ":env:."):
        for line in asked.stdout.splitlines():
            name, _, value = line.partition("=")
            if name.startswith(section):
                found[name.removeprefix(section)] = " ".join(str(ast.literal_eval(value)).split())
    return found


def uv_settings(pip: Mapping[str, str], environ: Mapping[str, str]) -> dict[str, str]:
    """uv's environment variables for pip's settings; those that are set already stay.

    pip takes the best version of all indexes, and uv is told to do so too.
    """
    settings = {"UV_INDEX_STRATEGY": "unsafe-best-match"}
    for name, (variable, separator) in _SETTINGS.items():
        if pip.get(name):
            settings[variable] = separator.join(pip[name].split())
    return {name: value for name, value in settings.items() if name not in environ}


def _run(command: Sequence[str], *, lock: int | None, env: Mapping[str, str] | None = None) -> None:
    lines: list[str] = []
    held = () if lock is None else (lock,)
    if supervisor.run(command, env=env, on_line=lines.append, pass_fds=held):
        said = "\n".join(lines[-_LINES_SHOWN:])
        raise InstallFailedError(f"`{shlex.join(command)}` failed:\n{said}")
