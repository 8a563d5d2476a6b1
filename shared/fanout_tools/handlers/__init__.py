"""Whether the functions of ``services`` can start: their modules are imported as Lambda will, and their code read."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from fanout_tools.declarations.web import WebManifest
from fanout_tools.declarations.worker import Manifest, worker_name
from fanout_tools.handlers import code

__all__ = ["problems"]

IMPORT_S = 20
"""For all imports together; Lambda gives each function 10 s."""


def problems(
    services: Path, contracts: Path, workers: Mapping[str, Manifest], web: Mapping[str, WebManifest]
) -> Iterator[str]:
    """A line ``<file>:<line>: <what is wrong>; <the fix>`` for each.

    :param contracts: the package of the events' contracts.
    """
    declared: dict[str, Manifest | WebManifest] = {**workers, **web}
    folders = [folder for folder in sorted(services.iterdir()) if worker_name(folder) in declared]
    for folder in folders:
        yield from code.problems(folder, declared[worker_name(folder)])
    yield from _imported(folders, contracts, declared)


def _imported(folders: list[Path], contracts: Path, declared: Mapping[str, Manifest | WebManifest]) -> Iterator[str]:
    """What one process says that imports all of them, one after the other."""
    asked = [
        {"folder": str(folder), "environment": _environment(folder, declared[worker_name(folder)])}
        for folder in folders
        if (folder / "handler.py").exists()
    ]
    for folder in folders:
        if not (folder / "handler.py").exists():
            yield f"{folder}/handler.py: is missing: Lambda calls its handler; write it"
    if not asked:
        return
    with tempfile.TemporaryDirectory() as scratch:
        answers = Path(scratch) / "answers"
        why = _run(asked, answers, [folders[0].resolve().parents[1], contracts.resolve().parent])
        lines = answers.read_text(encoding="utf-8").splitlines() if answers.exists() else []
    for line in lines:
        yield from json.loads(line)
    if len(lines) < len(asked):
        yield f"{asked[len(lines)]['folder']}/handler.py: {why}; keep work out of the module's import"


def _run(asked: list[dict[str, Any]], answers: Path, paths: list[Path]) -> str:
    """Let them be imported; returns why not all were, should it be so."""
    command = [sys.executable, "-m", "fanout_tools.handlers.probe", str(answers), *map(str, paths)]
    path = os.pathsep.join([*map(str, paths), *filter(None, sys.path)])
    try:
        done = subprocess.run(
            command,
            input=json.dumps(asked),
            env={**os.environ, "PYTHONPATH": path},
            capture_output=True,
            text=True,
            check=False,
            timeout=IMPORT_S,
        )
    except subprocess.TimeoutExpired:
        return f"its import does not end within {IMPORT_S} s"
    return f"its import ends the process, with exit status {done.returncode}"


def _environment(folder: Path, manifest: Manifest | WebManifest) -> dict[str, str]:
    """What Terraform gives the function, as far as an import may ask for it."""
    found = {"FANOUT_WORKER": worker_name(folder), "FANOUT_NAMESPACE": "fanout-check", "FANOUT_BUS": "fanout-check"}
    found |= {"AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1"}
    found |= {f"{kind}_{name}".upper().replace("-", "_"): name for kind, name in code.declared_names(manifest)}
    return found
