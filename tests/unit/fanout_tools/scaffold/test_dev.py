"""A project that was written by `fanout new`, run by `fanout dev`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import fanout
import fanout_tools
from fanout_tools.project import Project
from tests.unit.fanout_tools.scaffold.conftest import Fanout

LIMIT_S = 60
PARCEL = "shopping.transit/ParcelShipped"


def dev(of: Project, *options: str) -> subprocess.CompletedProcess[str]:
    """The command, in a process of its own: it imports the project's modules."""
    paths = {str(Path(module.__path__[0]).parent) for module in (fanout, fanout_tools)}
    return subprocess.run(
        [sys.executable, "-m", "fanout_tools.cli", "dev", *options],
        cwd=of.root, env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True, text=True, timeout=LIMIT_S, check=False,
    )  # fmt: skip


def test_a_new_projects_worker_handles_what_a_file_holds(made: Project, fanout: Fanout, tmp_path: Path) -> None:
    """GIVEN a new project with one more event and worker WHEN `fanout dev` plays a file THEN the worker has handled the
    event; a line that breaks its contract is named."""
    for words in (("event", PARCEL, "--field", "parcel_id:str"), ("worker", "parcels", "--on", PARCEL)):
        written = fanout("new", *words)
        assert written.returncode == 0, written.stderr
    lines = [
        {"event": PARCEL, "data": {"parcel_id": "p-1"}},
        {"event": PARCEL, "data": {"parcel_id": 1}},
    ]
    file = tmp_path / "events.jsonl"
    file.write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")

    done = dev(made, "--once", "--replay", str(file))

    assert done.returncode == 0, done.stderr
    assert "parcels        handled   ParcelShipped" in done.stdout
    assert f"{file}:2: {PARCEL}" in done.stderr


def test_a_mistake_is_one_line(tmp_path: Path) -> None:
    empty = Project(tmp_path, tmp_path, tmp_path, tmp_path, tmp_path)
    done = dev(empty, "--once")
    assert done.returncode == 1
    assert done.stderr.startswith("fanout: ")
    assert "neither here nor above is a project" in done.stderr
