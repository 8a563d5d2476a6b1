"""Start a server in a session of its own, and end that session for certain.

A session is what makes "no process is left" provable: whatever a server starts, function processes
included, stays in it as long as it does not ask for a session of its own. A process id alone proves
nothing, since it may have been given to another process by now; id and start time together do.
"""

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fanout_tools.emulators.model import EmulatorError

__all__ = ["ProcessRecord", "is_alive", "members", "runs", "start", "stop"]

_POLL_SECONDS: Final = 0.05

#: Those that this Python process started and has to reap.
_children: Final[dict[int, subprocess.Popen[bytes]]] = {}


@dataclass(frozen=True, kw_only=True)
class ProcessRecord:
    """Enough to recognise a process again, from another process and at a later time."""

    pid: int
    """Also the id of its session."""
    started: str
    """Start time as the system tells it; only good for comparison."""


def start(command: Sequence[str], *, environment: Mapping[str, str], cwd: Path, log: Path) -> ProcessRecord:
    """Start ``command`` as the leader of a new session, with standard output and error in ``log``.

    :raises EmulatorError: it cannot be started, or was gone at once.
    """
    with log.open("wb") as output:
        try:
            child = subprocess.Popen(
                command,
                env=environment,
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            raise EmulatorError(f"cannot start {command[0]}: {error}") from error
    _children[child.pid] = child
    started = _start_time(child.pid)
    if started is None:
        raise EmulatorError(f"{command[0]} ended as soon as it was started; its log is {log}")
    return ProcessRecord(pid=child.pid, started=started)


def is_alive(process: ProcessRecord) -> bool:
    """Whether that very process still runs."""
    _reap(process.pid)
    return _start_time(process.pid) == process.started


def members(process: ProcessRecord) -> list[int]:
    """The ids of all living processes of its session, of those that outlived the leader too."""
    _reap(process.pid)
    leader = _start_time(process.pid)
    if leader not in (None, process.started):
        return []  # The id has been given to another process, which is none of ours.
    return [pid for pid in _all_processes() if _session(pid) == process.pid and runs(pid)]


def runs(pid: int) -> bool:
    """Whether any process of that id runs; one that has ended, and only waits to be reaped, does not."""
    _reap(pid)
    return _start_time(pid) is not None


def stop(process: ProcessRecord, *, grace_seconds: float) -> None:
    """End the process and its whole session; does nothing when all of it is gone already.

    :param grace_seconds: how long it may take to end by itself after SIGTERM, before SIGKILL.
    :raises EmulatorError: something of it runs on after SIGKILL.
    """
    if is_alive(process):
        os.kill(process.pid, signal.SIGTERM)
    if _gone(process, within=grace_seconds):
        return
    for pid in members(process):
        _kill(pid)
    if not _gone(process, within=5):
        left = ", ".join(map(str, members(process)))
        raise EmulatorError(f"process {left} does not end, not even by SIGKILL: end it by hand")


def _gone(process: ProcessRecord, *, within: float) -> bool:
    deadline = time.monotonic() + within
    while members(process):
        if time.monotonic() > deadline:
            return False
        if not is_alive(process):
            # The leader was to end the others; what outlives it will not end by itself.
            for pid in members(process):
                _kill(pid)
        time.sleep(_POLL_SECONDS)
    return True


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _reap(pid: int) -> None:
    child = _children.get(pid)
    if child is not None and child.poll() is not None:
        del _children[pid]


def _session(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except (ProcessLookupError, PermissionError):
        return None


def _all_processes() -> list[int]:
    if Path("/proc/self/stat").exists():
        return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    listing = subprocess.run(["ps", "-axo", "pid="], capture_output=True, text=True, check=True)
    return [int(pid) for pid in listing.stdout.split()]


def _start_time(pid: int) -> str | None:
    """When the process was started; None when it is gone, or only waits to be reaped."""
    if Path("/proc/self/stat").exists():
        return _start_time_from_proc(pid)
    command = ["ps", "-o", "state=,lstart=", "-p", str(pid)]
    state, _, started = (
        subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip().partition(" ")
    )
    return None if state[:1] in ("", "Z") else started.strip()


def _start_time_from_proc(pid: int) -> str | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The command name, in parentheses, may hold anything; what follows it starts with field 3
    # (proc_pid_stat(5)).
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in ("Z", "X") else fields[19]
