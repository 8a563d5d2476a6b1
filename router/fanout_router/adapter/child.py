"""A program that an adapter starts and that never outlives it, not even when the adapter is killed.

SIGKILL leaves an adapter no time to end its child, and PR_SET_PDEATHSIG is Linux' alone and is lost with the thread
that started the child. So a second small process waits for the end of a pipe that only the adapter holds open.
"""

import asyncio
import contextlib
import os
import shlex
import signal
import sys

__all__ = ["Child"]

_GRACE_S = 5
"""From SIGTERM to SIGKILL."""
_GUARD = f"""
import os, sys, time
group = int(sys.stdin.readline() or 0)
sys.stdin.read()
if group:
    try:
        os.killpg(group, {signal.SIGTERM:d})
        time.sleep({_GRACE_S})
        os.killpg(group, {signal.SIGKILL:d})
    except ProcessLookupError:
        pass
"""


class Child:
    """A program and all that it starts, a process group of its own."""

    def __init__(self, process: asyncio.subprocess.Process, guard: asyncio.subprocess.Process) -> None:
        self._process = process
        self._guard = guard

    @classmethod
    async def start(cls, command: str) -> "Child":
        """Start a command, written as for a shell, without one.

        :raises OSError: there is no such program.
        :raises ValueError: a quotation in the command has no end.
        """
        words = shlex.split(command)
        guard = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", "-c", _GUARD), stdin=asyncio.subprocess.PIPE, start_new_session=True
        )
        try:
            # A session is a process group as well, and uvloop knows of no other way to one.
            process = await asyncio.create_subprocess_exec(*words, start_new_session=True)
        except BaseException:  # a cancellation too
            await _dismiss(guard)
            raise
        if guard.stdin is not None:
            guard.stdin.write(b"%d\n" % process.pid)
        return cls(process, guard)

    @property
    def returncode(self) -> int | None:
        """Its exit code; None while it runs."""
        return self._process.returncode

    async def wait(self) -> int:
        """Its exit code, once it has ended."""
        return await self._process.wait()

    async def end(self) -> None:
        """Tell it, and all that it started, to end; what does not within 5 seconds, or outlives it, is killed."""
        if self._process.returncode is None:
            self._signal(signal.SIGTERM)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), _GRACE_S)
        if self._guard.returncode is None:  # else the group has ended before, and its number may be another's
            self._signal(signal.SIGKILL)
        await self._process.wait()
        await _dismiss(self._guard)

    def _signal(self, number: signal.Signals) -> None:
        """Tell its whole group: what a server has started may hold its port."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)


async def _dismiss(guard: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        guard.kill()
    await guard.wait()
