"""Stop the emulators, and remove all that the targets of the Makefile made: ``python3 -m scripts.clean``."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from scripts.paths import REPOSITORY

__all__ = ["clean", "made"]

NAMES = ("build", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".hypothesis", ".terraform", ".terraform.lock.hcl")
ANYWHERE = ("__pycache__", "*.egg-info")
KEPT = {".git"}


def made(root: Path) -> Iterator[Path]:
    """The files and folders that commands make and git ignores; none within another."""
    for path in sorted(root.iterdir()):
        if path.name in NAMES or any(path.match(pattern) for pattern in ANYWHERE):
            yield path
        elif path.is_dir() and not path.is_symlink() and path.name not in KEPT:
            yield from made(path)


def clean(root: Path) -> None:
    """Stop what runs, and remove what was made."""
    fanout = root / "build" / "venv" / "bin" / "fanout"
    for emulator in ("ministack", "localstack"):
        if fanout.exists():
            subprocess.run([fanout, "down", emulator], cwd=root, check=False)
    for path in list(made(root)):
        shutil.rmtree(path) if path.is_dir() else path.unlink()


if __name__ == "__main__":
    clean(REPOSITORY)
