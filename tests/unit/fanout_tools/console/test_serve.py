"""The console as a process: where it listens, what it prints, how it ends."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from fanout_tools.cli.app import run
from fanout_tools.console.access import Role
from fanout_tools.console.serve import console_of, listening
from fanout_tools.operate.masking import NOTHING
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


@contextmanager
def started(folder: Path, aws: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The command as a process, and the URL that it prints; Ctrl-C at the end."""
    paths = [str(REPOSITORY / name) for name in ("shared", "router")]
    env = {**os.environ, "AWS_ENDPOINT_URL": aws, "PYTHONPATH": os.pathsep.join(paths)}
    command = [sys.executable, "-m", "fanout_tools.cli", "console", "--port", "0"]
    with subprocess.Popen(
        command, cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            said = process.stdout.readline()
            assert "as investigator: http://127.0.0.1:" in said
            yield process, said.rpartition(": ")[2].strip()
        finally:
            process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=50)
    assert errors == ""
    assert process.returncode == 0


def test_it_serves_until_ctrl_c(folder: Path) -> None:
    """GIVEN the command WHEN its URL is opened THEN what is declared is there, before AWS has answered anything."""
    with started(folder, "http://127.0.0.1:9") as (_, url), httpx.Client(follow_redirects=True) as client:
        assert "Looking at 1 workers" in client.get(url).text


def test_ctrl_c_cuts_off_a_look_without_a_word(folder: Path) -> None:
    """GIVEN an AWS that takes calls and does not answer WHEN Ctrl-C comes in the middle of a look THEN the console
    ends, and nothing is printed."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(60)
        with started(folder, f"http://127.0.0.1:{silent.getsockname()[1]}") as (_, url):
            viewer = threading.Thread(target=watch, args=[url], daemon=True)
            viewer.start()
            taken, _ = silent.accept()
        taken.close()
        viewer.join(30)


def watch(url: str) -> None:
    with suppress(httpx.HTTPError), httpx.Client(follow_redirects=True, timeout=60) as client:
        client.get(url)
        client.get(url.partition("/?")[0], headers={"hx-request": "true"})


def test_a_port_that_is_taken_is_said(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with listening(0) as own:
        assert run(["console", "--port", str(own.getsockname()[1])]) == 1
    assert "choose another with --port" in capsys.readouterr().err


@pytest.mark.parametrize(("env", "typed"), [("local", False), ("dev", False), ("staging", True), ("prod", True)])
def test_where_it_matters_the_name_is_typed(env: str, typed: bool) -> None:
    made = console_of(
        Shop().topology,
        env=env,
        role=Role.OPERATOR,
        masking=NOTHING,
        port=8765,
        folder=Path(),
        services=project().services,
    )
    assert made.access.typed is typed
    assert made.access.hosts == {"127.0.0.1:8765", "localhost:8765"}
