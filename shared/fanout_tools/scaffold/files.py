"""Files made from templates; nothing is written over."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from fanout_tools.scaffold.errors import ScaffoldError

__all__ = ["fill", "refuse_existing", "snake", "write"]

TEMPLATES: Final = Path(__file__).with_name("templates")
_FIELD: Final = re.compile(r"<<([a-z_]+)>>")


def fill(template: str, **fields: str) -> str:
    """A template's text, with each ``<<name>>`` in it given.

    :param template: its path under ``templates``, without the ending ``.tmpl``.
    """
    text = (TEMPLATES / f"{template}.tmpl").read_text(encoding="utf-8")
    return _FIELD.sub(lambda found: fields[found[1]], text)


def refuse_existing(*paths: Path) -> None:
    """:raises ScaffoldError: one of them is there."""
    for path in paths:
        if path.exists():
            raise ScaffoldError(f"{path}: is there already, and nothing is written over it; choose another name")


def write(files: Mapping[Path, str]) -> list[Path]:
    """Write all of them, or none.

    :raises ScaffoldError: one of them is there already.
    """
    refuse_existing(*files)
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return list(files)


def snake(name: str) -> str:
    """``OrderPlaced`` as ``order_placed``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[^A-Za-z0-9]+", "_", name).strip("_").lower()
