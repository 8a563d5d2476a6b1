"""A new project, and its commands, each in a process of its own as for a person."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from fanout_tools.project import Project, project

Fanout = Callable[..., subprocess.CompletedProcess[str]]


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """In that folder, with fanout as it is installed, and nothing else of this repository."""
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        [sys.executable, "-m", *command], cwd=folder, env=env, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project as ``fanout new project`` writes it."""
    folder = tmp_path_factory.mktemp("new")
    done = run(folder, "fanout_tools.cli", "new", "project", "shopping")
    assert done.returncode == 0, done.stderr
    return project(folder / "shopping")


@pytest.fixture
def fanout(made: Project) -> Fanout:
    """Run ``fanout`` in the project."""
    return lambda *arguments: run(made.root, "fanout_tools.cli", *arguments)
