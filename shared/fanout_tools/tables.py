"""Tables of plain text, as the commands and the benchmarks print them."""

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["Row", "format_table"]

Row = Mapping[str, Any]
"""Cells by their columns' headings."""


def format_table(rows: Sequence[Row]) -> str:
    """Rows as aligned columns under the keys of the first row; numbers to the right, text to the left."""
    header = list(rows[0])
    cells = [[_cell(row.get(key, "")) for key in header] for row in rows]
    widths = [max(map(len, column)) for column in zip(header, *cells, strict=True)]
    numeric = [all(isinstance(row.get(key), int | float) for row in rows) for key in header]

    def line(texts: Sequence[str]) -> str:
        aligned = zip(texts, widths, numeric, strict=True)
        return "  ".join(text.rjust(width) if right else text.ljust(width) for text, width, right in aligned).rstrip()

    return "\n".join([line(header), line(["-" * width for width in widths]), *map(line, cells)])


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) else str(value)
