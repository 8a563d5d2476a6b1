"""Only the function processes of the one emulator are killed, and not more than allowed."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fanout_tools.emulators.model import Endpoints
from fanout_tools.emulators.processes import ProcessRecord, is_alive, members, start, stop
from fanout_tools.emulators.record import Run, Started, save
from scripts.chaos.killer import Killer, function_processes

pytestmark = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="function processes are found in /proc")

SERVER = """
import os, subprocess, sys
sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
function = {**os.environ, "AWS_LAMBDA_FUNCTION_NAME": "f"}
children = [subprocess.Popen(sleep, env=function) for _ in range(3)] + [subprocess.Popen(sleep)]
[child.wait() for child in children]
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ProcessRecord]:
    """A recorded server with three function processes, and one process that is none."""
    server = start([sys.executable, "-c", SERVER], environment=dict(os.environ), cwd=tmp_path, log=tmp_path / "log")
    try:
        endpoints = Endpoints(url="http://127.0.0.1:1", dynamodb_url="http://127.0.0.1:1")
        started = Started(name="server", process=server, health_url="", after_stop=())
        save(tmp_path, Run(emulator="ministack", port=1, enforce_iam=False, endpoints=endpoints, servers=[started]))
        _until(lambda: len(members(server)) == 5 and len(function_processes(tmp_path)) == 3)
        yield server
    finally:
        stop(server, grace_seconds=1)


def test_functions_alone_are_killed_and_no_more_than_allowed(server: ProcessRecord, tmp_path: Path) -> None:
    """GIVEN a server with three function processes WHEN two may be killed THEN two are, and all else lives on."""
    with Killer(tmp_path, most=2, pause_s=0.01, seed=1) as killer:
        _until(lambda: killer.kills == 1)
        killer.progress = 1.0
        _until(lambda: killer.kills == 2)

    _until(lambda: len(members(server)) == 3)  # a killed process loses its environment before it is gone
    assert killer.kills == 2
    assert is_alive(server)
    assert len(function_processes(tmp_path)) == 1


def test_a_process_that_takes_its_time_to_go_is_killed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """GIVEN two function processes of which a killed one is still listed WHEN three may be killed THEN each is once."""
    killed: list[int] = []
    monkeypatch.setattr("scripts.chaos.killer.function_processes", lambda _: [1_000_001, 1_000_002])
    monkeypatch.setattr(os, "kill", lambda pid, _: killed.append(pid))
    with Killer(tmp_path, most=3, pause_s=0.001, seed=1) as killer:
        killer.progress = 1.0
        _until(lambda: killer.kills == 2)
    assert sorted(killed) == [1_000_001, 1_000_002]


def test_without_an_emulator_nothing_is_killed(tmp_path: Path) -> None:
    """GIVEN a directory where no emulator runs WHEN functions are looked for THEN there are none."""
    assert function_processes(tmp_path) == []


def _until(accept: Callable[[], bool]) -> None:
    """Processes start and end in their own time."""
    until = time.monotonic() + 60
    while not accept():
        assert time.monotonic() < until
        time.sleep(0.02)
