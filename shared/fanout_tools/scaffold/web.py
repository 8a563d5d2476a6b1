"""``fanout new web``: a web function, an ASGI application that the router or a function URL serves."""

import re
from pathlib import Path
from typing import Final

from fanout_tools.project import Project
from fanout_tools.scaffold.errors import ScaffoldError
from fanout_tools.scaffold.files import fill, refuse_existing, write

__all__ = ["new_web"]

_FILES: Final = ("web.yaml", "app.py", "handler.py", "test_app.py")
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,30}")


def new_web(of: Project, name: str) -> list[Path]:
    """Write a web function with its test.

    :returns: the files that were written.
    :raises ScaffoldError: the name cannot be used, or is taken.
    """
    if not _NAME.fullmatch(name):
        raise ScaffoldError(
            f"{name}: a function's name has lower-case letters, digits and _, a letter first, 31 at most"
        )
    folder = of.services / name
    refuse_existing(folder)
    package = ".".join(of.services.resolve().relative_to(of.root).parts)
    fields = {"name": name, "services": package, "description": name.replace("_", " ").capitalize()}
    files = {folder / path: fill(f"web/{path}", **fields) for path in _FILES}
    if (of.services / "__init__.py").exists():
        files[folder / "__init__.py"] = ""
    return write(files)
