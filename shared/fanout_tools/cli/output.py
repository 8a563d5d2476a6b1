"""How commands print: tables on a terminal, tab-separated lines into a pipe, JSON lines on request.

Into a pipe each row is written as it comes, so that a stream of any length needs no memory.
"""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

__all__ = ["complain", "console", "print_rows", "printable", "table"]

console = Console(highlight=False, markup=False, soft_wrap=True)
"""Standard output; styles vanish when it is no terminal."""


def print_rows(
    columns: Sequence[str], rows: Iterable[Mapping[str, Any]], *, as_json: bool = False, title: str | None = None
) -> None:
    """Print rows under their columns; numbers to the right. Rows may carry more keys than there are columns: JSON
    shows them all."""
    if as_json:
        for row in rows:
            print(json.dumps(row, default=str))
        return
    if not console.is_terminal:
        print("\t".join(columns))
        for row in rows:
            print("\t".join(_cell(row.get(column)).replace("\n", " ") for column in columns))
        return
    console.print(table(columns, list(rows), title=title))


def table(columns: Sequence[str], rows: Sequence[Mapping[str, Any]], *, title: str | None = None) -> Table:
    """The rows as a terminal shows them."""
    made = Table(title=title, title_justify="left")
    for column in columns:
        numeric = all(isinstance(row.get(column), int | float | None) for row in rows)
        made.add_column(column, justify="right" if numeric else "left")
    for row in rows:
        made.add_row(*(_cell(row.get(column)) for column in columns))
    return made


def complain(text: str) -> None:
    """Say on standard error what went wrong with one of several things."""
    print(printable(text), file=sys.stderr)


def printable(text: str) -> str:
    """The text with what would steer a terminal written out, such as ``\\x1b``: ids and causes are whatever somebody
    has published. Lines stay lines."""
    if text.isprintable():
        return text
    return "".join(it if it.isprintable() or it == "\n" else ascii(it)[1:-1] for it in text)


def _cell(value: object) -> str:
    if isinstance(value, list | tuple):
        return printable(", ".join(map(str, value))) or "-"
    return "-" if value is None else printable(str(value))
