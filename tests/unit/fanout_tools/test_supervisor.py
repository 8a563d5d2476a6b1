"""Real processes and real signals: each waits for a condition, none for a time."""

import io
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from fanout_tools import supervisor
from scripts.paths import REPOSITORY

#: Notes each SIGINT and SIGTERM, and ends when the file "go" is there, as Terraform ends once its state is saved.
STUBBORN = """
import pathlib, signal, sys, time
here = pathlib.Path(sys.argv[1])
def note(number, frame):
    with (here / "signals").open("a") as notes:
        notes.write(f"{number}\\n")
signal.signal(signal.SIGINT, note)
signal.signal(signal.SIGTERM, note)
(here / "ready").touch()
while not (here / "go").exists():
    time.sleep(0.01)
print("state saved", flush=True)
(here / "ended").touch()
"""

PARENT = """
import pathlib, sys
from fanout_tools import supervisor
log = pathlib.Path(sys.argv[2]) / "log"
supervisor.run([sys.executable, sys.argv[1], sys.argv[2]], log=log, grace_s=float(sys.argv[3]))
print("went on")
"""


def until(condition: Callable[[], bool]) -> None:
    """pytest's time-out is what bounds it."""
    while not condition():
        time.sleep(0.01)


@pytest.fixture(autouse=True)
def heeded() -> Iterator[None]:
    """Signals that whoever started the tests ignores, as ``nohup`` and a shell's ``&`` do, are heeded in them."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(number, signal.SIG_DFL) for number in numbers]
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


@pytest.fixture
def parent(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts a process that supervises the stubborn child, and ends both afterwards."""
    started: list[subprocess.Popen[str]] = []

    def start(child: str = STUBBORN, grace_s: float = 60) -> subprocess.Popen[str]:
        (tmp_path / "child.py").write_text(child)
        command = [sys.executable, "-c", PARENT, str(tmp_path / "child.py"), str(tmp_path), str(grace_s)]
        process = subprocess.Popen(
            command,
            cwd=REPOSITORY,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY / "shared")},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        until(lambda: (tmp_path / "ready").exists())
        return process

    yield start
    (tmp_path / "go").touch()
    for process in started:
        process.kill()
        process.communicate()


class TestWithoutSignals:
    def test_lines_of_both_outputs_are_handed_on_and_appended_to_the_log(self, tmp_path: Path) -> None:
        log, lines = tmp_path / "deep" / "log", list[str]()
        command = ["sh", "-c", "echo one; echo two >&2; printf three; exit 7"]

        assert [supervisor.run(command, log=log, on_line=lines.append) for _ in range(2)] == [7, 7]

        assert lines == ["one", "two", "three"] * 2
        assert log.read_text() == "one\ntwo\nthree" * 2

    def test_without_a_log_lines_are_handed_on(self) -> None:
        lines = list[str]()

        supervisor.run(["sh", "-c", "echo one; echo two"], on_line=lines.append)

        assert lines == ["one", "two"]

    def test_a_reader_that_fails_does_not_end_the_child(self, tmp_path: Path) -> None:
        def broken(_line: str) -> None:
            raise BrokenPipeError

        assert supervisor.run(["sh", "-c", f"echo one; touch {tmp_path}/done"], on_line=broken) == 0
        assert (tmp_path / "done").exists()

    def test_with_neither_the_output_is_inherited(self, capfd: pytest.CaptureFixture[str]) -> None:
        supervisor.run(["echo", "seen"])

        assert capfd.readouterr().out == "seen\n"

    def test_the_handlers_are_put_back(self) -> None:
        before = signal.getsignal(signal.SIGTERM)

        supervisor.run(["true"])

        assert signal.getsignal(signal.SIGTERM) == before


class TestSignals:
    @pytest.mark.parametrize(
        ("given", "forwarded"),
        [(signal.SIGINT, signal.SIGINT), (signal.SIGTERM, signal.SIGTERM), (signal.SIGHUP, signal.SIGTERM)],
    )
    def test_the_child_has_it_once_and_is_waited_for(
        self, parent: Callable[..., subprocess.Popen[str]], tmp_path: Path, given: signal.Signals, forwarded: int
    ) -> None:
        process = parent()
        os.killpg(process.pid, given)  # as a terminal does: to the whole group
        until(lambda: (tmp_path / "signals").exists())
        (tmp_path / "go").touch()
        out, err = process.communicate()

        assert process.returncode == 128 + given
        assert (tmp_path / "signals").read_text() == f"{forwarded}\n"
        assert (tmp_path / "log").read_text() == "state saved\n"
        assert "waiting for" in err
        assert "went on" not in out

    def test_a_second_one_says_what_is_waited_for_and_reaches_no_child(
        self, parent: Callable[..., subprocess.Popen[str]], tmp_path: Path
    ) -> None:
        process = parent()
        assert process.stderr is not None
        for _ in range(2):
            process.send_signal(signal.SIGINT)
            assert "to end in order" in process.stderr.readline()
        (tmp_path / "go").touch()
        process.communicate()

        assert (tmp_path / "signals").read_text() == f"{signal.SIGINT:d}\n"

    def test_a_child_that_does_not_end_is_killed_after_the_grace(
        self, parent: Callable[..., subprocess.Popen[str]], tmp_path: Path
    ) -> None:
        process = parent(grace_s=0.1)
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate()

        assert process.returncode == 128 + signal.SIGTERM
        assert "is killed" in err
        assert not (tmp_path / "ended").exists()

    def test_when_the_supervisor_is_killed_the_child_still_ends_in_order(
        self, parent: Callable[..., subprocess.Popen[str]], tmp_path: Path
    ) -> None:
        process = parent()
        process.kill()
        process.wait()
        (tmp_path / "go").touch()

        until(lambda: (tmp_path / "ended").exists())
        assert (tmp_path / "log").read_text() == "state saved\n"

    @pytest.mark.parametrize("signals", [2, 3])
    def test_one_that_arrives_while_the_last_is_answered_is_answered_too(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, signals: int
    ) -> None:
        answers = list[str]()

        class Terminal(io.StringIO):
            def write(self, text: str) -> int:
                if "to end in order" in text:
                    answers.append(text)
                    if len(answers) < signals:
                        os.kill(os.getpid(), signal.SIGINT)
                    else:
                        (tmp_path / "go").touch()
                return len(text)

        def begin(_line: str) -> None:
            os.kill(os.getpid(), signal.SIGINT)

        monkeypatch.setattr(sys, "stderr", Terminal())
        child = f"trap '' INT; echo ready; while [ ! -e {tmp_path}/go ]; do sleep 0.01; done"
        with pytest.raises(supervisor.Interrupted):
            supervisor.run(["sh", "-c", child], on_line=begin)

        assert len(answers) == signals


PARALLEL = """
import pathlib, sys
from functools import partial
from fanout_tools import supervisor
here = pathlib.Path(sys.argv[2])
def one(name):
    supervisor.run([sys.executable, sys.argv[1], str(here / name)], log=here / name / "log", grace_s=60)
supervisor.in_parallel([partial(one, name) for name in ("a", "b", "c")], at_once=2)
print("went on")
"""


class TestInParallel:
    def test_every_task_is_run_and_so_many_at_once(self) -> None:
        together, most, done = threading.Semaphore(2), list[bool](), list[int]()

        def task(number: int) -> None:
            most.append(together.acquire(blocking=False))
            done.append(number)
            together.release()

        supervisor.in_parallel([partial(task, number) for number in range(20)], at_once=2)

        assert sorted(done) == list(range(20))
        assert all(most)

    def test_after_one_that_fails_no_other_is_begun(self) -> None:
        done = list[int]()

        def fail() -> None:
            raise ValueError("the first")

        with pytest.raises(ValueError, match="the first"):
            supervisor.in_parallel([fail, *(partial(_slowly, done, number) for number in range(50))], at_once=1)

        assert len(done) < 50

    def test_a_signal_reaches_every_child_and_none_is_begun_after_it(self, tmp_path: Path) -> None:
        """GIVEN two children under way and one that waits for its turn WHEN the parent is told to end THEN both are
        told, their ends are waited for, and the third is not begun."""
        (tmp_path / "child.py").write_text(STUBBORN)
        for name in "abc":
            (tmp_path / name).mkdir()
        command = [sys.executable, "-c", PARALLEL, str(tmp_path / "child.py"), str(tmp_path)]
        env = {**os.environ, "PYTHONPATH": str(REPOSITORY / "shared")}
        with subprocess.Popen(
            command, cwd=REPOSITORY, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as parent:
            until(lambda: all((tmp_path / name / "ready").exists() for name in "ab"))

            parent.send_signal(signal.SIGTERM)
            until(lambda: all((tmp_path / name / "signals").exists() for name in "ab"))
            for name in "ab":
                (tmp_path / name / "go").touch()
            said, _ = parent.communicate()

        assert parent.returncode == 128 + signal.SIGTERM
        assert all((tmp_path / name / "ended").exists() for name in "ab")
        assert not (tmp_path / "c" / "ready").exists()
        assert b"went on" not in said


def _slowly(done: list[int], number: int) -> None:
    time.sleep(0.01)  # so that the failure is seen before the last is begun
    done.append(number)
