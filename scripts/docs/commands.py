"""A page for each command of ``fanout``, from its help."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import typer
from typer.cli import get_docs_for_click

from fanout_tools.cli.app import application
from scripts.docs.markdown import cell, escaped

__all__ = ["leaves", "pages"]

_MADE: Final = "<!-- made by `make docs` of the command's help -->\n\n"
_SHORT: Final = 200
_HEAD: Final = """# The command `fanout`

It comes with `pip install 'fanout-bus[tools]'`, and works on the project of the working directory: the folder, here or
above, whose `pyproject.toml` has a [`[tool.fanout]`](../project.md). An error is one text on standard error; the exit
status is then 1.

"""


def pages() -> Mapping[str, str]:
    """Each file's text by its name."""
    found = {f"{name.replace(' ', '-')}.md": _page(name, command) for name, command in leaves()}
    return {"index.md": _index(), **found}


def leaves() -> Iterator[tuple[str, Any]]:
    """Each command that does something, by its whole name."""
    yield from _below("fanout", typer.main.get_command(application()))


def _below(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    commands = getattr(command, "commands", None)
    if commands is None:
        yield name, command
    else:
        for sub, each in commands.items():
            yield from _below(f"{name} {sub}", each)


def _page(name: str, command: Any) -> str:
    context = typer.Context(command, info_name=name)
    return _MADE + _marked(get_docs_for_click(obj=command, ctx=context, name=name, title=name).rstrip()) + "\n"


def _marked(text: str) -> str:
    """typer writes its own marks, lists and bold words, around texts that are plain."""
    return re.sub(r"^(\* |\*\*\w+\*\*:|)(.*)$", lambda line: line[1] + escaped(line[2]), text, flags=re.MULTILINE)


def _index() -> str:
    """The commands under the headings of ``fanout --help``."""
    root: Any = typer.main.get_command(application())
    parts: dict[str, list[str]] = {}
    for name, command in leaves():
        heading = getattr(root.commands[name.split()[1]], "rich_help_panel", None) or "Commands"
        row = f"| [{name}]({name.replace(' ', '-')}.md) | {cell(command.get_short_help_str(_SHORT))} |"
        parts.setdefault(heading, []).append(row)
    tables = (f"## {heading}\n\n| command | |\n|---|---|\n" + "\n".join(rows) for heading, rows in parts.items())
    return _MADE + _HEAD + "\n\n".join(tables) + "\n"
