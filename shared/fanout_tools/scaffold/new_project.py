"""``fanout new project``: a project of its own, which has fanout installed rather than copied."""

import re
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Final

from fanout_tools.project import DISTRIBUTION, project
from fanout_tools.scaffold.errors import ScaffoldError
from fanout_tools.scaffold.event import new_event
from fanout_tools.scaffold.files import fill, refuse_existing, write
from fanout_tools.scaffold.vendor import vendor
from fanout_tools.scaffold.worker import new_worker

__all__ = ["new_project"]

_FILES: Final = {
    "pyproject.toml": ("pyproject.toml",),
    "Makefile": ("Makefile",),
    "README.md": ("README.md",),
    ".gitignore": ("gitignore",),
    ".github/workflows/ci.yml": ("ci.yml",),
    "contracts/__init__.py": ("contracts.py",),
    "terraform/environments/local/main.tf": ("local.tf", "settings.tf", "outputs.tf"),
    "terraform/environments/prod/main.tf": ("prod.tf", "settings.tf", "outputs.tf"),
}
"""The templates of each file: an environment is one file, whatever is shared between them here."""


def new_project(folder: Path) -> list[Path]:
    """Write a project with one event and one worker into a folder, whose name is the project's.

    :param folder: a new one, or one with nothing but hidden files such as ``.venv`` and ``.git``.

    :returns: what was written, but for the vendored modules.
    :raises ScaffoldError: the folder is there and not empty, or its name cannot be part of a name in AWS.
    """
    folder = folder.resolve()
    name = folder.name
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,19}", name):
        raise ScaffoldError(
            f"{name}: cannot be a project's name: it begins every name in AWS, and has lower-case letters, digits and "
            "hyphens, a letter first, 20 characters at most"
        )
    if folder.exists():
        refuse_existing(*(path for path in folder.iterdir() if not path.name.startswith(".")))
    fields = {"name": name, "version": metadata.version(DISTRIBUTION)}
    written = write({folder / path: _filled(templates, fields) for path, templates in _FILES.items()})
    made = project(folder)
    vendor(made)
    written += new_event(made, f"{name}.orders/OrderPlaced", ["order_id:str", "email:str"])
    written += new_worker(made, "confirmation", on=[f"{name}.orders/OrderPlaced"])
    return written


def _filled(templates: Sequence[str], fields: Mapping[str, str]) -> str:
    return "\n".join(fill(f"project/{template}", **fields) for template in templates)
