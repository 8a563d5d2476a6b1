"""A document as one HTML file that needs no other: the picture, the styles and the schemas are in it."""

import json
from collections.abc import Iterable, Iterator
from html import escape
from typing import Final

from fanout_tools.catalogue.document import (
    Block,
    Code,
    Heading,
    Inline,
    Link,
    Paragraph,
    SchemaLink,
    SchemaText,
    Table,
    Text,
)

__all__ = ["html"]

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
        yield f"<p>{_text(block.text)}</p>"
    elif isinstance(block, Table):
        yield from _table(block)
    else:
        anchor, written = escape(_anchor(block.path)), escape(json.dumps(block.schema, indent=2))
        yield f'<details id="{anchor}"><summary>{escape(block.path)}</summary><pre>{written}</pre></details>'


def _table(table: Table) -> Iterator[str]:
    yield "<table>"
    if any(table.header):
        yield "<tr>" + "".join(f"<th>{escape(it)}</th>" for it in table.header) + "</tr>"
    for row in table.rows:
        yield "<tr>" + "".join(f"<td>{_text(cell)}</td>" for cell in row) + "</tr>"
    yield "</table>"


def _text(text: Text) -> str:
    return "".join(map(_inline, text))


def _inline(it: Inline) -> str:
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
