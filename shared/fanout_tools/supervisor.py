"""Run one child process to its end, whatever happens to the terminal or to this process.

    code = supervisor.run(["terraform", "apply", plan], log=Path("apply.log"), on_line=progress)

- Ctrl-C, SIGTERM and the loss of the terminal (SIGHUP) reach the child once, and it is waited for: Terraform then
  finishes what is under way, saves its state and gives its lock back. Another signal only says what is waited for.
- The child has a process group of its own, so that a terminal's Ctrl-C does not reach it a second time, nor its own
  children, such as Terraform's providers.
- Its output goes to a file, never through a pipe: a child whose reader was killed lives on and ends in order.
"""

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final, cast

__all__ = ["Interrupted", "in_parallel", "run"]

_POLL_SECONDS: Final = 0.05
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


_elsewhere: Final[list[list[int]]] = []
"""The signals that have reached the runs in threads, one list each."""


_passed_on: Final[list[int]] = []
"""The signals of this process since the runs in threads began: one that begins after a signal has it, too."""


class Interrupted(SystemExit):
    """This process was told to end, and the child has ended; the exit code is the shell's, 128 + the signal.

    Not an ``Exception``, so that nothing goes on after it by accident.
    """

    def __init__(self, signum: int) -> None:
        super().__init__(128 + signum)
        self.signum = signum

    @property
    def exit_code(self) -> int:
        """128 + the signal."""
        return 128 + self.signum


def run(
    command: Sequence[str],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    on_line: Callable[[str], None] | None = None,
    log: Path | None = None,
    grace_s: float = 30.0,
    stdout: BinaryIO | None = None,
    pass_fds: Sequence[int] = (),
) -> int:
    """Run ``command`` without standard input; returns its exit code, negative where a signal ended it.

    :param env: the child's whole environment; None is this process's.
    :param on_line: called with each line of standard output and error, without its end.
    :param log: appended to. Without ``on_line`` and ``log`` the child has this process's output.
    :param grace_s: seconds from the first signal until the child and its group are killed.
    :param stdout: where standard output goes, apart from the rest; for an answer that is to be parsed.
    :param pass_fds: file descriptors that the child holds too, such as a lock that has to outlive this process.
    :raises Interrupted: this process was told to end while the child ran.
    :raises OSError: the command cannot be started.
    """
    with _output(log, wanted=on_line is not None) as output, _signals() as received:
        follower = _Follower(output, on_line)
        child = subprocess.Popen(
            command,
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=stdout or output,
            stderr=output,
            pass_fds=pass_fds,
            process_group=0,
        )
        _wait(child, received, follower, name=_name(command), grace_s=grace_s)
        follower.read(last=True)
    if received:
        _kill_group(child.pid)
        raise Interrupted(received[0])
    return child.returncode


def _wait(
    child: subprocess.Popen[bytes], received: list[int], follower: "_Follower", *, name: str, grace_s: float
) -> None:
    seen, deadline = 0, float("inf")
    while child.poll() is None:
        follower.read()
        if received and not seen:
            deadline = time.monotonic() + grace_s
            _forward(child, received[0])
        if len(received) > seen:
            # Before the line, which one who waits for it answers with the next signal.
            seen = len(received)
            _say(f"waiting for {name} (process {child.pid}) to end in order; it is killed after {grace_s:.0f} s")
        if time.monotonic() > deadline:
            _say(f"{name} did not end within {grace_s:.0f} s and is killed")
            _kill_group(child.pid)
            deadline = float("inf")
        with suppress(subprocess.TimeoutExpired):
            child.wait(timeout=_POLL_SECONDS)


def _forward(child: subprocess.Popen[bytes], signum: int) -> None:
    # Most programs tidy up on SIGTERM, and none on SIGHUP: Terraform dies of it with its lock held.
    child.send_signal(signal.SIGTERM if signum == signal.SIGHUP else signum)


def _kill_group(group: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def _name(command: Sequence[str]) -> str:
    words = [Path(command[0]).name, *(word for word in command[1:] if not word.startswith("-"))]
    return " ".join(words[:2]).partition("\n")[0]


def _say(text: str) -> None:
    with suppress(OSError):  # The terminal may be what was lost.
        print(text, file=sys.stderr, flush=True)


@contextmanager
def _output(log: Path | None, *, wanted: bool) -> Iterator[BinaryIO | None]:
    if log is not None:
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab+") as file:
            yield file
    elif wanted:
        with tempfile.TemporaryFile() as file:
            yield cast("BinaryIO", file)
    else:
        yield None


@contextmanager
def _signals() -> Iterator[list[int]]:
    """The signals that arrive meanwhile, in order; one that is ignored, as by nohup, stays ignored."""
    received: list[int] = []
    if threading.current_thread() is threading.main_thread():
        with _handled(received.append):
            yield received
    else:
        # Only the main thread may have handlers: see in_parallel.
        _elsewhere.append(received)
        received += _passed_on
        try:
            yield received
        finally:
            _elsewhere.remove(received)


@contextmanager
def _handled(by: Callable[[int], object]) -> Iterator[None]:
    before = {}
    for signum in _SIGNALS:
        if signal.getsignal(signum) is not signal.SIG_IGN:
            before[signum] = signal.signal(signum, lambda number, _: by(number))
    try:
        yield
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)


def in_parallel(tasks: Iterable[Callable[[], object]], *, at_once: int) -> None:
    """Run each of these, so many at once, in threads; a signal reaches the children of all of them.

    After the first that fails, what is under way ends, and no other is begun.

    :raises Interrupted: this process was told to end; every child has ended.
    :raises Exception: what the first to fail has raised.
    """
    failed: list[bool] = []
    _passed_on.clear()

    def begin(task: Callable[[], object]) -> None:
        if failed or _passed_on:
            return  # what was under way tells why
        try:
            task()
        except BaseException:
            failed.append(True)
            raise

    with _handled(_pass_on), ThreadPoolExecutor(at_once) as pool:
        for ended in as_completed([pool.submit(begin, task) for task in tasks]):
            ended.result()
    if _passed_on:
        raise Interrupted(_passed_on[0])


def _pass_on(signum: int) -> None:
    _passed_on.append(signum)
    for running in tuple(_elsewhere):
        running.append(signum)


class _Follower:
    """Reads what the child has written so far, and hands it on by the line."""

    def __init__(self, output: BinaryIO | None, on_line: Callable[[str], None] | None) -> None:
        self._output, self._on_line = output, on_line
        self._position = 0 if output is None else os.fstat(output.fileno()).st_size
        self._rest = b""

    def read(self, *, last: bool = False) -> None:
        """Hand on every whole line; with ``last``, the rest too."""
        if self._output is None or self._on_line is None:
            return
        # pread leaves alone the file's position, which the child shares.
        while chunk := os.pread(self._output.fileno(), 1 << 16, self._position):
            self._position += len(chunk)
            *lines, self._rest = (self._rest + chunk).split(b"\n")
            self._hand_on(lines)
        if last and self._rest:
            self._hand_on([self._rest])

    def _hand_on(self, lines: Sequence[bytes]) -> None:
        for line in lines:
            # A reader that has gone, such as `| head`, is no reason to leave the child alone.
            with suppress(OSError):
                if self._on_line is not None:
                    self._on_line(line.decode(errors="replace").rstrip("\r"))
