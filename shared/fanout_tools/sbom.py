"""Software bills of materials: what a package or an image holds, as CycloneDX 1.6 says it
(https://cyclonedx.org/docs/1.6/json/).

A document depends on nothing but what it describes: no time, and a serial number that follows from the content. It
lists the Python distributions and fanout's own packages; what an image has from its base, the base's publisher lists.

It needs nothing but the standard library: the router's image writes its own, by ``python -m fanout_tools.sbom NAME``.
"""

from __future__ import annotations

import hashlib
import json
import sys
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from email.message import Message
from email.parser import HeaderParser
from importlib import metadata
from pathlib import Path
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

__all__ = ["SUFFIX", "Component", "document", "in_zip", "installed", "path_of", "read", "write"]

SUFFIX: Final = ".cdx.json"
OWN: Final = ("fanout", "fanout_router", "fanout_tools")
"""Packages of this distribution, which function packages hold as files."""
DISTRIBUTION: Final = "fanout-bus"
UNKNOWN: Final = "unknown"
_CLASSIFIED: Final = {
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
}
"""Of the classifiers ``License :: ...``; BSD is a family."""
_SHORT: Final = 60
"""Characters of a distribution's field License: a longer one is the licence's text."""


@dataclass(frozen=True, order=True)
class Component:
    """One distribution or package."""

    name: str
    version: str
    licence: str
    expression: bool = False
    """Whether the licence is an expression of SPDX's, and not a name."""
    purl: str | None = None

    def to_json(self) -> dict[str, Any]:
        licence = {"expression": self.licence} if self.expression else {"license": {"name": self.licence}}
        made = {"type": "library", "bom-ref": f"{self.name}@{self.version}", "name": self.name}
        purl = {} if self.purl is None else {"purl": self.purl}
        return {**made, "version": self.version, "licenses": [licence], **purl}


def _component(header: Message) -> Component:
    name, version = str(header["Name"]), str(header["Version"])
    purl = f"pkg:pypi/{name.lower().replace('_', '-').replace('.', '-')}@{version}"
    if stated := header["License-Expression"]:
        return Component(name, version, str(stated), True, purl)
    return Component(name, version, _licence(header), False, purl)


def _licence(header: Message) -> str:
    classified = [str(it).rpartition(" :: ")[2] for it in header.get_all("Classifier", ()) if it.startswith("License ")]
    if classified:
        return " or ".join(_CLASSIFIED.get(it, it) for it in classified)
    text = str(header["License"] or "").strip()
    return text if 0 < len(text) <= _SHORT else UNKNOWN


def in_zip(path: Path) -> list[Component]:
    """What a package holds: distributions by their metadata, and fanout's own packages."""
    with zipfile.ZipFile(path) as zipped:
        names = zipped.namelist()
        headers = [zipped.read(it).decode() for it in names if it.endswith(".dist-info/METADATA")]
    found = [_component(HeaderParser().parsestr(text)) for text in headers]
    tops = {name.partition("/")[0] for name in names}
    version = metadata.version(DISTRIBUTION)
    return sorted([*found, *(Component(it, version, "MIT", True) for it in OWN if it in tops)])


def installed(paths: Iterable[str] | None = None) -> list[Component]:
    """The distributions of an environment.

    :param paths: its import path; this interpreter's unless given.
    """
    found = metadata.distributions() if paths is None else metadata.distributions(path=list(paths))
    texts = (it.read_text("METADATA") or it.read_text("PKG-INFO") for it in found)  # the latter of one being developed
    return sorted({_component(HeaderParser().parsestr(text)) for text in texts if text})


def document(
    name: str, components: Iterable[Component], *, kind: str = "application", sha256: str | None = None
) -> dict[str, Any]:
    """The bill of one thing.

    :param kind: what it is, as CycloneDX calls it: application, container.
    """
    parts = [it.to_json() for it in components]
    subject: dict[str, Any] = {"type": kind, "bom-ref": name, "name": name}
    if sha256 is not None:
        subject["hashes"] = [{"alg": "SHA-256", "content": sha256}]
    content = {
        "version": 1,
        "metadata": {"component": subject},
        "components": parts,
        "dependencies": [{"ref": name, "dependsOn": [it["bom-ref"] for it in parts]}],
    }
    serial = uuid5(NAMESPACE_URL, json.dumps(content, sort_keys=True))
    return {"bomFormat": "CycloneDX", "specVersion": "1.6", "serialNumber": f"urn:uuid:{serial}", **content}


def path_of(package: Path) -> Path:
    """Where a package's bill is: beside it."""
    return package.with_suffix(SUFFIX)


def write(package: Path, out: Path) -> Path:
    """Write a package's bill beside it; its name is the package's path below ``out``."""
    digest = hashlib.sha256(package.read_bytes()).hexdigest()
    made = document(package.relative_to(out).as_posix(), in_zip(package), sha256=digest)
    path = path_of(package)
    path.write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")
    return path


def read(out: Path) -> Iterator[Mapping[str, str]]:
    """What all packages below a folder hold: name, version, licence, and in which of them."""
    held: dict[tuple[str, str, str], list[str]] = {}
    for path in sorted(out.rglob(f"*{SUFFIX}")):
        bill = json.loads(path.read_text(encoding="utf-8"))
        for it in bill["components"]:
            [licence] = it["licenses"]
            told = licence.get("expression") or licence["license"]["name"]
            held.setdefault((it["name"], it["version"], told), []).append(bill["metadata"]["component"]["name"])
    for (name, version, told), packages in sorted(held.items()):
        yield {"name": name, "version": version, "licence": told, "packages": ", ".join(packages)}


if __name__ == "__main__":
    print(json.dumps(document(sys.argv[1], installed(), kind="container"), indent=1))
