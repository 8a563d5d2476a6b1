"""The files of an environment, and which of them docs/ has."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from fanout_tools.catalogue.catalogue import Declarations, catalogue
from fanout_tools.catalogue.document import html, markdown
from fanout_tools.catalogue.labels import details
from fanout_tools.catalogue.svg import svg
from fanout_tools.catalogue.topology import EdgeKind, Kind, Layer, Node, Topology
from fanout_tools.project import project

__all__ = ["DOCS", "NAMES", "documents", "kept", "mermaid"]

_SHAPES: Final = {
    Kind.BUS: ("{{", "}}"),
    Kind.RULE: (">", "]"),
    Kind.TOPIC: ("([", "])"),
    Kind.QUEUE: ("[[", "]]"),
    Kind.DEAD_LETTER_QUEUE: ("[[", "]]"),
    Kind.STORE: ("[(", ")]"),
}
_ARROWS: Final = {EdgeKind.EVENT: "-->", EdgeKind.FAILURE: "-.->", EdgeKind.USE: "---"}
_CLASSES: Final = (
    "classDef bus fill:#5b3fa6,stroke:#432d7a,color:#fff",
    "classDef dead fill:#fafafa,stroke:#9aa5b1,stroke-dasharray:4 3",
    "classDef silent fill:#ffe3e3,stroke:#c81e1e",
)


def mermaid(topology: Topology) -> str:
    """The whole picture; a worker's nodes in a frame of their own."""
    return "\n".join(_lines(topology)) + "\n"


def _lines(topology: Topology) -> Iterator[str]:
    numbers = {it.id: f"n{index}" for index, it in enumerate(topology.nodes)}
    yield "flowchart LR"
    framed = {
        it.id for worker in topology.workers for it in topology.nodes if it.worker == worker and it.layer >= Layer.QUEUE
    }
    for node in topology.nodes:
        if node.id not in framed:
            yield f"  {_node(numbers[node.id], node)}"
    for number, worker in enumerate(topology.workers):
        yield f'  subgraph w{number}["{_text(worker)}"]'
        yield from (
            f"    {_node(numbers[it.id], it)}" for it in topology.nodes if it.id in framed and it.worker == worker
        )
        yield "  end"
    for edge in topology.edges:
        yield f"  {numbers[edge.source]} {_ARROWS[edge.kind]} {numbers[edge.target]}"
    yield from (f"  {it}" for it in _CLASSES)
    for node in topology.nodes:
        if style := _style(node):
            yield f"  class {numbers[node.id]} {style}"


def _node(number: str, node: Node) -> str:
    left, right = _SHAPES.get(node.kind, ("[", "]"))
    alarms = [f"alarms: {len(node.alarms)}"] if node.alarms else []
    said = "<br/>".join(_text(it) for it in (node.title, *node.lines, *details(node), *alarms))
    return f'{number}{left}"{said}"{right}'


def _text(text: str) -> str:
    """Mermaid has entities of its own: https://mermaid.js.org/syntax/flowchart.html#entity-codes-to-escape-characters."""
    return text.replace("#", "#35;").replace('"', "#quot;").replace("<", "#lt;").replace(">", "#gt;")


def _style(node: Node) -> str:
    if node.kind is Kind.DEAD_LETTER_QUEUE:
        return "dead" if node.alarms else "silent"
    return "bus" if node.kind is Kind.BUS else ""


NAMES: Final = ("topology.mmd", "topology.svg", "catalogue.md", "catalogue.html", "topology.json")
DOCS: Final = ("topology.svg", "catalogue.md")
"""What docs/ shows, of the local environment."""


def kept() -> Path:
    """The local environment's topology, from which docs/ is written without a plan."""
    return project().root / "docs" / "reference" / "topology.json"


def documents(topology: Topology, declared: Declarations, folder: Path, schemas: Path) -> dict[str, str]:
    """Every file's text by its name.

    :param folder: where the files will be, to which links are relative.
    :param schemas: the contracts' JSON Schemas.
    """
    picture, blocks = svg(topology), list(catalogue(topology, declared))
    links = Path(os.path.relpath(schemas, folder)).as_posix()
    return {
        "topology.mmd": mermaid(topology),
        "topology.svg": picture,
        "catalogue.md": markdown(blocks, links, "topology.svg"),
        "catalogue.html": html(blocks, picture, f"Catalogue of {topology.namespace}"),
        "topology.json": topology.to_json(),
    }
