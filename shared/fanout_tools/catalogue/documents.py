"""The files of an environment, and which of them docs/ has."""

import os
from pathlib import Path
from typing import Final

from fanout_tools.catalogue.catalogue import Declarations, catalogue
from fanout_tools.catalogue.html import html
from fanout_tools.catalogue.markdown import markdown
from fanout_tools.catalogue.mermaid import mermaid
from fanout_tools.catalogue.svg import svg
from fanout_tools.catalogue.topology import Topology
from fanout_tools.project import REPOSITORY

__all__ = ["DOCS", "KEPT", "NAMES", "documents"]

NAMES: Final = ("topology.mmd", "topology.svg", "catalogue.md", "catalogue.html", "topology.json")
DOCS: Final = ("topology.svg", "catalogue.md")
"""What docs/ shows, of the local environment."""
KEPT: Final = REPOSITORY / "docs" / "topology.json"
"""The local environment's topology, from which docs/ is written without a plan."""


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
