"""Kills the function processes of one emulator, at random, a bounded number of them.

Only processes that the emulator's own record leads to are ever killed: a member of the session of one of its servers
that carries AWS_LAMBDA_FUNCTION_NAME, as the processes of Lambda functions do.
"""

from __future__ import annotations

import os
import random
import signal
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread
from types import TracebackType
from typing import Self

from fanout_tools.emulators import EmulatorError
from fanout_tools.emulators.processes import members
from fanout_tools.emulators.record import load

__all__ = ["Killer"]

MARK = b"AWS_LAMBDA_FUNCTION_NAME="


class Killer:
    """Kills for as long as the block lasts.

    :param run_dir: the emulator's.
    :param most: how many processes to kill, at most.
    :param pause_s: the longest pause between two of them; the shortest is a tenth of it.
    """

    def __init__(self, run_dir: Path, *, most: int, pause_s: float, seed: int) -> None:
        self.kills = 0
        self.progress = 0.0
        """How much of the work is done, 0 to 1, which the caller tells: kills are spread over it, lest functions that
        take long to start be killed before they have done anything."""
        self._run_dir = run_dir
        self._most = most
        self._pause_s = pause_s
        self._random = random.Random(seed)
        self._dying: set[int] = set()
        self._stopped = Event()
        self._thread = Thread(target=self._run, name="killer", daemon=True)

    def __enter__(self) -> Self:
        """
        :raises EmulatorError: this system does not tell whose process is a function's.
        """
        if not Path("/proc/self/environ").exists():
            raise EmulatorError("make chaos finds function processes in /proc: run it on Linux")
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        while self.kills < self._most:
            if self._stopped.wait(self._random.uniform(self._pause_s / 10, self._pause_s)):
                return
            if self.kills > self._most * self.progress:
                continue
            found = function_processes(self._run_dir)
            self._dying &= set(found)  # a process that was killed takes its time to go
            if alive := [pid for pid in found if pid not in self._dying]:
                self._kill(self._random.choice(alive))

    def _kill(self, pid: int) -> None:
        with suppress(ProcessLookupError):  # it has ended by itself
            os.kill(pid, signal.SIGKILL)
            self._dying.add(pid)
            self.kills += 1


def function_processes(run_dir: Path) -> list[int]:
    """The ids of the function processes of the emulator in that directory."""
    run = load(run_dir)
    servers = [server.process for server in run.servers] if run else []
    leaders = {server.pid for server in servers}
    return [pid for server in servers for pid in members(server) if pid not in leaders and _is_function(pid)]


def _is_function(pid: int) -> bool:
    try:
        variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:  # gone, or another user's
        return False
    return any(variable.startswith(MARK) for variable in variables)
