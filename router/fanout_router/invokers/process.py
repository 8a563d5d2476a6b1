"""Local processes as environments: the whole router on one machine, without AWS.

Each invocation starts ``python -m fanout_router.adapter`` with the app's name; the order goes in by standard
input, so that the secret is in no command line, and the summary comes back by standard output. A cold start
can be simulated.
"""

import asyncio
import json
import os
import sys
from collections.abc import Callable, Mapping

from fanout_router.invokers.base import Ending, InvocationRequest, Result


class ProcessInvoker:
    """Starts local processes that serve ``app`` (``module:attribute``, as for the adapter)."""

    def __init__(
        self,
        app: str,
        *,
        cold_start_s: float = 0.0,
        environment: Mapping[str, str] | None = None,
        limit: int = 100,
    ) -> None:
        self._app = app
        self._cold_start_s = cold_start_s
        self._environment = {**os.environ, **(environment or {})}
        self._limit = limit
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
        try:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "fanout_router.adapter", self._app),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                env=self._environment,
                # Ctrl-C in a terminal is for the router alone, which drains its environments.
                start_new_session=True,
            )
        except OSError as error:
            done(Result(ending=Ending.NOT_INVOKED, detail=str(error)))
            return
        self._running[order.environment_id] = process
        try:
            output, _ = await process.communicate(json.dumps(order.payload()).encode())
        finally:
            del self._running[order.environment_id]
            if process.returncode is None:
                process.kill()
        done(_result(process.returncode or 0, output))

    async def close(self, patience_s: float = 10.0) -> None:
        """Wait for the processes to end; kill those that do not."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=patience_s)
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)


def _result(code: int, output: bytes) -> Result:
    lines = output.decode(errors="replace").strip().splitlines()
    try:
        summary = json.loads(lines[-1]) if lines else {}
    except ValueError:
        summary = {}
    if code or not isinstance(summary, dict):
        return Result(ending=Ending.FUNCTION_ERROR, detail=f"exit code {code}")
    return Result(ending=Ending.COMPLETED, summary=summary)
