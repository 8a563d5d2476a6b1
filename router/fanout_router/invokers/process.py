"""Local processes as environments: the whole router on one machine, without AWS.

Each invocation starts ``python -m fanout_router.adapter`` with the app's name. The order goes in by standard input, so
that the secret is in no command line, and the summary comes back by a pipe of its own. What the app prints is passed on
to standard error as it comes, each line behind the environment's name, and is never kept. A cold start can be
simulated.
"""

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import Callable, Mapping
from typing import TextIO

from fanout_router.invokers.base import UNLOADABLE, Ending, InvocationRequest, Result

_LONGEST_LINE = 65_536
_LAST_WORDS_S = 1.0
"""For what a process printed before its end; its own children may keep its output open for ever."""


class ProcessInvoker:
    """Starts local processes that serve ``app`` (``module:attribute``, as for the adapter)."""

    def __init__(
        self,
        app: str,
        *,
        cold_start_s: float = 0.0,
        environment: Mapping[str, str] | None = None,
        limit: int = 100,
        out: TextIO | None = None,
    ) -> None:
        self._app = app
        self._cold_start_s = cold_start_s
        self._environment = {"PYTHONUNBUFFERED": "1", **os.environ, **(environment or {})}
        self._limit = limit
        self._out = out or sys.stderr
        self._running: dict[str, asyncio.subprocess.Process] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def pids(self) -> dict[str, int]:
        """Process id by environment id, of those that run."""
        return {key: process.pid for key, process in self._running.items()}

    def invoke(self, order: InvocationRequest, done: Callable[[Result], object]) -> None:
        """See :class:`fanout_router.invokers.Invoker`."""
        if len(self._tasks) >= self._limit:
            done(Result(ending=Ending.THROTTLED, detail=f"{self._limit} processes run already"))
            return
        task = asyncio.get_running_loop().create_task(self._run(order, done))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, order: InvocationRequest, done: Callable[[Result], object]) -> None:
        await asyncio.sleep(self._cold_start_s)
        summary, theirs = os.pipe()
        try:
            process = await self._start(theirs)
        except OSError as error:
            os.close(summary)
            done(Result(ending=Ending.NOT_INVOKED, detail=str(error)))
            return
        finally:
            os.close(theirs)
        self._running[order.environment_id] = process
        try:
            code = await self._attend(process, order)
        finally:
            del self._running[order.environment_id]
            if process.returncode is None:
                process.kill()
            text = _read(summary)
        done(_result(code, text))

    async def _start(self, summary: int) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "fanout_router.adapter", self._app, str(summary)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            pass_fds=(summary,),
            env=self._environment,
            # Ctrl-C in a terminal is for the router alone, which drains its environments.
            start_new_session=True,
        )

    async def _attend(self, process: asyncio.subprocess.Process, order: InvocationRequest) -> int:
        """Hand the order over, and pass on what is printed, until the process has ended; its exit code."""
        name, _, number = order.environment_id.rpartition(".")
        assert process.stdin is not None
        assert process.stdout is not None
        printing = asyncio.get_running_loop().create_task(self._print(process.stdout, f"[{name}.{number[:4]}] "))
        try:
            with contextlib.suppress(ConnectionError):
                process.stdin.write(json.dumps(order.payload()).encode())
                process.stdin.write_eof()
            code = await process.wait()
            await asyncio.wait({printing}, timeout=_LAST_WORDS_S)
        finally:
            printing.cancel()
        return code

    async def _print(self, output: asyncio.StreamReader, prefix: str) -> None:
        held = b""
        while data := await output.read(_LONGEST_LINE):
            *lines, held = (held + data).split(b"\n")
            if len(held) > _LONGEST_LINE:
                lines, held = [*lines, held], b""
            self._say(prefix, lines)
        if held:
            self._say(prefix, [held])

    def _say(self, prefix: str, lines: list[bytes]) -> None:
        with contextlib.suppress(OSError, ValueError):  # whoever read it is gone
            self._out.writelines(f"{prefix}{line.decode(errors='replace')}\n" for line in lines)
            self._out.flush()

    async def close(self, patience_s: float = 10.0) -> None:
        """Wait for the processes to end; kill those that do not."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=patience_s)
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)


def _read(descriptor: int) -> bytes:
    """What is in a pipe now; it is closed."""
    os.set_blocking(descriptor, False)
    with os.fdopen(descriptor, "rb") as pipe, contextlib.suppress(OSError):
        return pipe.read() or b""
    return b""


def _result(code: int, text: bytes) -> Result:
    try:
        summary = json.loads(text) if text else {}
    except ValueError:
        summary = {}
    if code == UNLOADABLE:
        return Result(ending=Ending.UNLOADABLE, detail="the app cannot be loaded")
    if code or not isinstance(summary, dict):
        return Result(ending=Ending.FUNCTION_ERROR, detail=f"exit code {code}")
    return Result(ending=Ending.COMPLETED, summary=summary)
