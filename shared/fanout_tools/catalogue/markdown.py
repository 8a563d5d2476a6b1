"""A document as Markdown, in the dialect of GitHub and GitLab."""

from collections.abc import Iterable, Iterator
from urllib.parse import quote

from fanout_tools.catalogue.document import Block, Code, Heading, Inline, Link, Paragraph, SchemaLink, Table, Text

__all__ = ["markdown"]


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
        yield "| " + " | ".join(_text(cell, schemas).replace("\n", " ").strip() for cell in row) + " |"


def _text(text: Text, schemas: str) -> str:
    return "".join(_inline(it, schemas) for it in text)


def _inline(it: Inline, schemas: str) -> str:
    if isinstance(it, Code):
        return f"`{it.text}`"
    if isinstance(it, Link):
        return f"[{_escaped(it.text)}](#{it.anchor})"
    if isinstance(it, SchemaLink):
        fragment = f"#{quote(it.pointer, safe='/$')}" if it.pointer else ""
        return f"[{_escaped(it.text)}]({schemas}/{quote(it.path)}{fragment})"
    return _escaped(it)


def _escaped(text: str) -> str:
    for character in "\\`*_[]<>|":
        text = text.replace(character, f"\\{character}")
    return text
