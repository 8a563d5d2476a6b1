"""A project that was written by `fanout new`, run by `fanout dev`."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import fanout
import fanout_tools
from fanout_tools.project import Project
from tests.unit.fanout_tools.scaffold.conftest import Fanout

LIMIT_S = 60
PARCEL = "shopping.transit/ParcelShipped"


def started(of: Project, *options: str) -> subprocess.Popen[str]:
    """The command, in a process of its own: it imports the project's modules."""
    paths = {str(Path(module.__path__[0]).parent) for module in (fanout, fanout_tools)}
    return subprocess.Popen(
        [sys.executable, "-u", "-m", "fanout_tools.cli", "dev", *options],
        cwd=of.root, env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)}, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def dev(of: Project, *options: str, typed: str = "") -> tuple[int, str, str]:
    """Its exit status, and what it printed."""
    with started(of, *options) as process:
        out, error = process.communicate(typed, LIMIT_S)
        return process.returncode, out, error


def test_a_new_projects_worker_handles_what_a_file_holds(made: Project, fanout: Fanout, tmp_path: Path) -> None:
    """GIVEN a new project with one more event and worker WHEN `fanout dev` plays a file THEN the worker has handled the
    event, and a line that breaks its contract is named; WHEN a debugger stops in the handler THEN it answers."""
    for words in (("event", PARCEL, "--field", "parcel_id:str"), ("worker", "parcels", "--on", PARCEL)):
        written = fanout("new", *words)
        assert written.returncode == 0, written.stderr
    lines = [
        {"event": PARCEL, "data": {"parcel_id": "p-1"}},
        {"event": PARCEL, "data": {"parcel_id": 1}},
    ]
    file = tmp_path / "events.jsonl"
    file.write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")

    status, out, error = dev(made, "--once", "--replay", str(file))
    assert status == 0, error
    assert "parcels        handled   ParcelShipped" in out
    assert f"{file}:2: {PARCEL}" in error

    handler = made.services / "parcels" / "handler.py"
    code = handler.read_text(encoding="utf-8")
    handler.write_text(re.sub(r"(?m)^(def \w+\(.*\n)", r"\1    breakpoint()\n", code, count=1), encoding="utf-8")
    _, out, error = dev(made, "--once", "--replay", str(file), typed="p 'in the', 'debugger'\ncontinue\n")
    handler.write_text(code, encoding="utf-8")
    assert "('in the', 'debugger')" in out, error
    assert "parcels        handled   ParcelShipped" in out


@pytest.fixture
def heeded() -> Iterator[None]:
    """An interrupt that whoever started the tests ignores, as a shell's ``&`` does, is heeded in what they start."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("heeded")
def test_an_interrupt_ends_it_well(made: Project) -> None:
    with started(made, "--port", "0") as process:
        assert process.stdout is not None
        assert any("Send events: http://127.0.0.1:" in line for line in iter(process.stdout.readline, ""))
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=LIMIT_S)
    assert (process.returncode in (0, 130), error) == (True, "")  # 130: it came while the session began


def test_a_mistake_is_one_line(tmp_path: Path) -> None:
    empty = Project(tmp_path, tmp_path, tmp_path, tmp_path, tmp_path)
    status, _, error = dev(empty, "--once")
    assert status == 1
    assert error.startswith("fanout: ")
    assert "neither here nor above is a project" in error
