"""The command line in a copy of the repository's declarations."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from fanout_tools.cli.app import application

ROOT = Path(__file__).parents[3]

Run = Callable[..., Result]


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory: snapshots, golden events and workers as they are committed."""
    for folder in ("shared/contracts", "services"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "pyproject.toml").write_text('[tool.fanout]\ncontracts = "shared/contracts"\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])  # fanout check puts the workers on it
    return tmp_path


@pytest.fixture
def run(repository: Path) -> Run:
    """Run ``fanout`` with these arguments there."""

    def invoke(*arguments: str) -> Result:
        return CliRunner().invoke(application(), arguments)

    return invoke
