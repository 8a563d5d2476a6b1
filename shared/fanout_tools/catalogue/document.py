"""A document of headings, paragraphs, tables and schemas, which is written as Markdown and as HTML alike."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Block", "Code", "Heading", "Inline", "Link", "Paragraph", "SchemaLink", "SchemaText", "Table", "Text"]


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
