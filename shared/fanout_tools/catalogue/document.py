"""A document of headings, paragraphs, tables and schemas, which is written as Markdown and as HTML alike."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any, Final
from urllib.parse import quote

__all__ = [
    "Block",
    "Code",
    "Heading",
    "Inline",
    "Link",
    "Paragraph",
    "SchemaLink",
    "SchemaText",
    "Table",
    "Text",
    "html",
    "markdown",
]


@dataclass(frozen=True)
class Code:
    """A name or value as it is written in a file."""

    text: str


@dataclass(frozen=True)
class Link:
    """A link to a heading of the same document."""

    text: str
    anchor: str


@dataclass(frozen=True)
class SchemaLink:
    """A link to a JSON Schema, or to one of its properties."""

    text: str
    path: str
    """``<source>/<Name>.v<version>.json``."""
    pointer: str = ""
    """A JSON pointer (RFC 6901) into it; empty for the whole."""


Inline = str | Code | Link | SchemaLink
Text = Sequence[Inline]


@dataclass(frozen=True)
class Heading:
    level: int
    text: str
    anchor: str = ""


@dataclass(frozen=True)
class Paragraph:
    text: Text


@dataclass(frozen=True)
class Table:
    header: Sequence[str]
    rows: Sequence[Sequence[Text]]


@dataclass(frozen=True)
class SchemaText:
    """A schema that the document carries, where it can; elsewhere links lead to its file."""

    path: str
    schema: Mapping[str, Any] = field(compare=False)


Block = Heading | Paragraph | Table | SchemaText


def markdown(blocks: Iterable[Block], schemas: str, picture: str) -> str:
    """The document.

    :param schemas: where the folder of the schemas is, seen from the document's own.
    :param picture: the same of the picture, which stands under the first heading.
    """
    return "\n\n".join(_written(blocks, schemas, picture)) + "\n"


def _written(blocks: Iterable[Block], schemas: str, picture: str) -> Iterator[str]:
    for block in blocks:
        if isinstance(block, Heading):
            anchor = f'<a id="{block.anchor}"></a>\n\n' if block.anchor else ""
            yield f"{anchor}{'#' * block.level} {_escaped(block.text)}"
            if block.level == 1:
                yield f"![The topology]({picture})"
        elif isinstance(block, Paragraph):
            yield _text(block.text, schemas)
        elif isinstance(block, Table):
            yield "\n".join(_table(block, schemas))


def _table(table: Table, schemas: str) -> Iterator[str]:
    yield "| " + " | ".join(map(_escaped, table.header)) + " |"
    yield "|" + "---|" * len(table.header)
    for row in table.rows:
        yield "| " + " | ".join(_cell(_text(cell, schemas)) for cell in row) + " |"


def _cell(text: str) -> str:
    """A bar ends a cell, in code too (https://github.github.com/gfm/#tables-extension-)."""
    return re.sub(r"(?<!\\)\|", r"\|", re.sub(r"[\r\n]+", " ", text).strip())


def _text(text: Text, schemas: str) -> str:
    return "".join(_inline(it, schemas) for it in text)


def _inline(it: Inline, schemas: str) -> str:
    if isinstance(it, Code):
        return _code(it.text)
    if isinstance(it, Link):
        return f"[{_escaped(it.text)}](#{it.anchor})"
    if isinstance(it, SchemaLink):
        fragment = f"#{quote(it.pointer, safe='/$')}" if it.pointer else ""
        return f"[{_escaped(it.text)}]({schemas}/{quote(it.path)}{fragment})"
    return _escaped(it)


def _code(text: str) -> str:
    """With a fence that is longer than any within it (https://spec.commonmark.org/0.31.2/#code-spans)."""
    fence = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    return f"{fence}{text}{fence}" if len(fence) == 1 else f"{fence} {text} {fence}"


def _escaped(text: str) -> str:
    for character in "\\`*_[]<>|":
        text = text.replace(character, f"\\{character}")
    return text


_STYLE: Final = """
body{font:15px/1.5 system-ui,"Segoe UI",Roboto,Helvetica,Arial,sans-serif;color:#1f2933;
margin:2rem auto;max-width:75rem;padding:0 1rem}
h2{margin-top:2.5rem;border-bottom:1px solid #cbd2d9}h3{margin-top:2rem}
table{border-collapse:collapse;margin:.6rem 0;font-size:14px}
th,td{border:1px solid #cbd2d9;padding:.25rem .6rem;text-align:left;vertical-align:top}th{background:#f5f7fa}
code,pre{background:#f5f7fa;font-size:13px;padding:0 .2rem;border-radius:3px}pre{padding:.8rem;overflow:auto}
a{color:#2f5fa8}.picture{overflow:auto;border:1px solid #cbd2d9}details{margin:.4rem 0}:target{background:#fff7db}
@media print{.picture{overflow:visible}}
"""


def html(blocks: Iterable[Block], picture: str, title: str) -> str:
    """The document.

    :param picture: the SVG that stands under the first heading.
    """
    return "\n".join(_document(blocks, picture, title)) + "\n"


def _document(blocks: Iterable[Block], picture: str, title: str) -> Iterator[str]:
    yield "<!doctype html>"
    yield f'<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
    yield '<meta name="viewport" content="width=device-width,initial-scale=1">'
    yield f"<style>{_STYLE}</style></head><body>"
    schemas = False
    for block in blocks:
        if isinstance(block, SchemaText) and not schemas:
            schemas = True
            yield '<h2 id="schemas">JSON Schemas</h2>'
        yield from _block(block, picture)
    yield "</body></html>"


def _block(block: Block, picture: str) -> Iterator[str]:
    if isinstance(block, Heading):
        anchor = f' id="{escape(block.anchor)}"' if block.anchor else ""
        yield f"<h{block.level}{anchor}>{escape(block.text)}</h{block.level}>"
        if block.level == 1:
            yield f'<div class="picture">{picture}</div>'
    elif isinstance(block, Paragraph):
        yield f"<p>{_html_text(block.text)}</p>"
    elif isinstance(block, Table):
        yield from _html_table(block)
    else:
        anchor, written = escape(_anchor(block.path)), escape(json.dumps(block.schema, indent=2))
        yield f'<details id="{anchor}"><summary>{escape(block.path)}</summary><pre>{written}</pre></details>'


def _html_table(table: Table) -> Iterator[str]:
    yield "<table>"
    if any(table.header):
        yield "<tr>" + "".join(f"<th>{escape(it)}</th>" for it in table.header) + "</tr>"
    for row in table.rows:
        yield "<tr>" + "".join(f"<td>{_html_text(cell)}</td>" for cell in row) + "</tr>"
    yield "</table>"


def _html_text(text: Text) -> str:
    return "".join(map(_html_inline, text))


def _html_inline(it: Inline) -> str:
    if isinstance(it, Code):
        return f"<code>{escape(it.text)}</code>"
    if isinstance(it, Link):
        return f'<a href="#{escape(it.anchor)}">{escape(it.text)}</a>'
    if isinstance(it, SchemaLink):
        told = f' title="{escape(it.pointer)}"' if it.pointer else ""
        return f'<a href="#{escape(_anchor(it.path))}"{told}>{escape(it.text)}</a>'
    return escape(it)


def _anchor(path: str) -> str:
    return "schema-" + "".join(it if it.isalnum() else "-" for it in path.lower())
