"""A worker's own package: its folder, the core library and the contracts.

Its ``worker.yaml`` is packed with every default filled in and as JSON, which is YAML too but is read faster.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import fanout
from fanout.publish import Routes
from fanout_tools.declarations import worker as manifest
from fanout_tools.project import Project

POWERTOOLS = ["aws-lambda-powertools"]
"""What ``powertools: true`` of a worker.yaml asks for."""

__all__ = ["core", "entries", "files", "requirements", "service"]


def entries(of: Project, folder: Path, routes: Routes | None = None) -> dict[str, bytes]:
    """What the package of the worker in ``folder`` holds, by name in the archive.

    :param routes: the ways of the events that it publishes.
    :raises fanout.errors.ManifestError: its worker.yaml is wrong.
    """
    packed = service(of, folder)
    packed[f"services/{folder.name}/worker.yaml"] = _declaration(folder / "worker.yaml", routes or Routes())
    return packed


def service(of: Project, folder: Path) -> dict[str, bytes]:
    """What any function of ``services`` runs on: its folder, the contracts, the core library."""
    packed = {"services/__init__.py": b""}
    packed |= {f"services/{folder.name}/{name}": content for name, content in files(folder)}
    packed |= {
        f"{of.contracts.name}/{name}": content
        for name, content in files(of.contracts)
        if not name.startswith("golden/")  # events to test with
    }
    return packed | core()


def core() -> dict[str, bytes]:
    """The core library, as every function needs it."""
    return {f"fanout/{name}": content for name, content in files(Path(fanout.__file__).parent)}


def requirements(folder: Path) -> list[str]:
    """What the function needs beside the platform's own dependencies; most need nothing."""
    file = folder / "requirements.txt"
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    own = [text for line in lines if (text := line.partition("#")[0].strip())]
    declared = folder / "worker.yaml"
    return own + (POWERTOOLS if declared.exists() and manifest.load(declared).powertools else [])


def _declaration(file: Path, routes: Routes) -> bytes:
    worker = manifest.load(file)
    declared = {
        "name": manifest.worker_name(file.parent),
        **worker.model_dump(mode="json"),
        "derived": worker.derived,
        "routes": routes.to_json(),
    }
    return (json.dumps(declared, indent=1) + "\n").encode()


def files(folder: Path) -> Iterator[tuple[str, bytes]]:
    """What of a folder runs in Lambda, by its name within it: neither tests nor declarations."""
    for file in folder.rglob("*"):
        name = file.relative_to(folder)
        if file.is_file() and not _left_out(name):
            yield name.as_posix(), file.read_bytes()


def _left_out(name: Path) -> bool:
    is_test = "tests" in name.parts[:-1] or name.name.startswith("test_") or name.name == "conftest.py"
    return is_test or "__pycache__" in name.parts or name.name in {"requirements.txt", "web.yaml", "worker.yaml"}
