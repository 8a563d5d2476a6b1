import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fanout_tools.emulators import EmulatorError
from fanout_tools.emulators.processes import ProcessRecord, is_alive, members, runs, start, stop

Begin = Callable[[str], ProcessRecord]

SLEEP = "import time; time.sleep(600)"
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
)
PARENT = (
    "import subprocess, time\n"
    "child = subprocess.Popen(['sleep', '600'], process_group=0)\n"
    "print(child.pid, flush=True)\n"
    "time.sleep(600)\n"
)


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Begin]:
    """Start a Python program in a session of its own."""
    started: list[ProcessRecord] = []

    def run(source: str) -> ProcessRecord:
        command = [sys.executable, "-c", source]
        log = tmp_path / "log"
        started.append(start(command, environment=dict(os.environ), cwd=tmp_path, log=log))
        return started[-1]

    yield run
    for process in started:
        stop(process, grace_seconds=0)


def wait_for_output(log: Path) -> str:
    while not (text := log.read_text()).endswith("\n"):
        pass
    return text


def test_a_started_process_is_alive_in_a_session_of_its_own(begin: Begin) -> None:
    process = begin(SLEEP)

    assert is_alive(process)
    assert os.getsid(process.pid) == process.pid
    assert members(process) == [process.pid]


def test_stopping_ends_it(begin: Begin) -> None:
    process = begin(SLEEP)

    stop(process, grace_seconds=20)

    assert not is_alive(process)
    assert members(process) == []


def test_what_ignores_being_asked_is_killed(begin: Begin, tmp_path: Path) -> None:
    process = begin(STUBBORN)
    wait_for_output(tmp_path / "log")

    stop(process, grace_seconds=0.1)

    assert not is_alive(process)


def test_what_it_has_started_ends_with_it_even_in_another_process_group(begin: Begin, tmp_path: Path) -> None:
    process = begin(PARENT)
    child = int(wait_for_output(tmp_path / "log"))
    assert sorted(members(process)) == sorted([process.pid, child])

    stop(process, grace_seconds=20)

    assert not runs(child)


def test_what_outlived_its_parent_is_still_found_and_ended(begin: Begin, tmp_path: Path) -> None:
    process = begin(PARENT.replace("time.sleep(600)", ""))
    child = int(wait_for_output(tmp_path / "log"))
    while is_alive(process):
        pass
    assert members(process) == [child]

    stop(process, grace_seconds=20)

    assert not runs(child)


def test_a_process_that_got_the_id_of_another_is_left_alone(begin: Begin) -> None:
    process = begin(SLEEP)
    earlier = replace(process, started="long ago")

    stop(earlier, grace_seconds=0)

    assert not is_alive(earlier)
    assert is_alive(process)


def test_stopping_twice_is_harmless(begin: Begin) -> None:
    process = begin(SLEEP)

    stop(process, grace_seconds=20)
    stop(process, grace_seconds=20)


def test_a_process_that_waits_to_be_reaped_does_not_run() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)

    assert not runs(child.pid)
    child.wait()


def test_a_program_that_does_not_exist_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(EmulatorError, match="cannot start /no/such/program"):
        start(["/no/such/program"], environment={}, cwd=tmp_path, log=tmp_path / "log")


def test_output_goes_to_the_log(begin: Begin, tmp_path: Path) -> None:
    begin("import sys; print('out', flush=True); print('err', file=sys.stderr, flush=True)")

    while (tmp_path / "log").read_text() != "out\nerr\n":
        pass
