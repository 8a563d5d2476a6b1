"""A digest of each folder that packages are made of, so that a plan can tell that they are older than their sources.

``terraform/modules/sources`` computes the same at each plan: a ``terraform apply`` without ``make build`` would deploy
what somebody has built some day.
"""

import hashlib
import os
import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import fanout
from fanout_tools.deploy.packages import functions, tools
from fanout_tools.project import Project

__all__ = ["digest", "digests"]

_LEFT_OUT: Final = re.compile(r"(^|/)((tests|__pycache__)/.*|test_[^/]*|conftest[.]py|workflow[.]asl[.]json|[.][^/]*)$")
"""What no package holds, or what Terraform reads by itself; as in ``terraform/modules/sources/main.tf``."""


def digests(of: Project, out: Path) -> dict[str, str]:
    """The digest of each folder, by its path relative to ``out``, where the packages are."""
    folders = [of.services, of.contracts, Path(fanout.__file__).parent, *_router(), *_tools(of)]
    return {Path(os.path.relpath(it.resolve(), out.resolve())).as_posix(): digest(it) for it in folders}


def digest(folder: Path) -> str:
    """SHA-256 over the folder's files, each by name and content."""
    return hashlib.sha256("\n".join(_lines(folder)).encode()).hexdigest()


def _lines(folder: Path) -> Iterator[str]:
    names = sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())
    for name in names:
        if not _LEFT_OUT.search(name):
            yield f"{name} {hashlib.sha256((folder / name).read_bytes()).hexdigest()}"


def _tools(of: Project) -> list[Path]:
    """The folders of the tools of which the scheduled canary, and a console, hold something."""
    entries = [functions.CANARY, *([functions.CONSOLE] if of.has_console else [])]
    files = [file for entry in entries for file in tools.modules(entry).values()]
    return sorted({file.parent for file in files} - {tools.FOLDER})


def _router() -> list[Path]:
    """What web functions hold beside the core, where it is installed."""
    found = find_spec("fanout_router")
    return [Path(found.origin).parent] if found and found.origin else []
