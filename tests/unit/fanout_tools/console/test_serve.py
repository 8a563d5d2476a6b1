"""The console as a process: where it listens, what it prints, how it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from fanout_tools.cli.app import run
from fanout_tools.console.access import Role
from fanout_tools.console.serve import console_of, listening
from fanout_tools.project import project
from scripts.paths import REPOSITORY
from tests.console.world import Shop

DECLARED = "description: It works\nsubscribes:\n  - event: shop.orders/OrderPlaced\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project of one worker."""
    (tmp_path / "pyproject.toml").write_text("[tool.fanout]\n")
    (tmp_path / "services" / "billing").mkdir(parents=True)
    (tmp_path / "services" / "billing" / "worker.yaml").write_text(DECLARED)
    return tmp_path


def test_it_serves_until_ctrl_c(folder: Path) -> None:
    """GIVEN an AWS that does not answer WHEN the console is started THEN it prints its URL, shows what is declared, has
    a banner for the rest, and ends at Ctrl-C without a traceback."""
    paths = [str(REPOSITORY / name) for name in ("shared", "router")]
    env = {**os.environ, "AWS_ENDPOINT_URL": "http://127.0.0.1:9", "PYTHONPATH": os.pathsep.join(paths)}
    command = [sys.executable, "-m", "fanout_tools.cli", "console", "--port", "0"]
    with subprocess.Popen(
        command, cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        said = process.stdout.readline()
        try:
            assert "as investigator: http://127.0.0.1:" in said
            with httpx.Client(follow_redirects=True) as client:
                first = client.get(said.rpartition(": ")[2].strip())
                assert "Looking at 1 workers" in first.text
        finally:
            process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    assert errors == ""
    assert process.returncode == 0


def test_a_port_that_is_taken_is_said(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with listening(0) as own:
        own.listen()
        assert run(["console", "--port", str(own.getsockname()[1])]) == 1
    assert "choose another with --port" in capsys.readouterr().err


@pytest.mark.parametrize(("env", "typed"), [("local", False), ("dev", False), ("staging", True), ("prod", True)])
def test_where_it_matters_the_name_is_typed(env: str, typed: bool) -> None:
    made = console_of(
        Shop().topology, env=env, role=Role.OPERATOR, port=8765, folder=Path(), services=project().services
    )
    assert made.access.typed is typed
    assert made.access.hosts == {"127.0.0.1:8765", "localhost:8765"}
