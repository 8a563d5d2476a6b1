"""The event loop that a worker's coroutines run on: one for its life, as the clients that handlers make belong to it.

No task outlives what was run: what handlers left running is waited for, and cancelled when there is no time left. A
loop that cannot be trusted any more, because something ignored its cancellation or it was left amid a step, is never
run again.
"""

from __future__ import annotations

import logging
import weakref
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio

__all__ = ["GRACE_S", "WorkerLoop"]

log = logging.getLogger(__name__)

GRACE_S = 0.1
"""How long a cancelled coroutine may take to clean up, and by how much the timer of a blocked loop comes later."""


class WorkerLoop:
    """Made when the first coroutine comes: most workers have none."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self.cut_off = False
        """Whether the last run cancelled what handlers had left running: threads of theirs may still be at work."""

    def run(self, coroutine: Awaitable[Any], left_s: Callable[[], float]) -> Any:
        """Run it, and see that no task of it is left over.

        :param left_s: how many seconds are left.
        """
        import asyncio

        self.cut_off = False
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            weakref.finalize(self, self._loop.close)
        try:
            return _to_its_end(self._loop, self._with_leftovers(coroutine, left_s))
        finally:
            if any(not task.done() for task in asyncio.all_tasks(self._loop)):
                self.leave()

    async def _with_leftovers(self, coroutine: Awaitable[Any], left_s: Callable[[], float]) -> Any:
        try:
            return await coroutine
        finally:
            left = _left()
            while left:
                self.cut_off |= await _end(left, left_s())
                left = _left() if left_s() else set()  # what they left in their turn

    def leave(self) -> None:
        """Never run this loop again; the next coroutine gets another."""
        self._loop = None


def _to_its_end(loop: asyncio.AbstractEventLoop, coroutine: Awaitable[Any]) -> Any:
    """Run the loop until the coroutine has ended. SystemExit of another task ends the loop, but is that task's alone:
    whoever awaits it is told."""
    import asyncio

    main = asyncio.ensure_future(coroutine, loop=loop)
    while True:
        try:
            return loop.run_until_complete(main)
        except SystemExit:
            if main.done():
                raise


def _left() -> set[asyncio.Task[Any]]:
    """What handlers left running; but for what has been cancelled already, and goes on all the same."""
    import asyncio

    return {task for task in asyncio.all_tasks() if task is not asyncio.current_task() and not task.cancelling()}


async def _end(tasks: set[asyncio.Task[Any]], within_s: float) -> bool:
    """Wait for what handlers left running; cancel what does not end in time. Whether there was any."""
    import asyncio

    done, pending = await asyncio.wait(tasks, timeout=within_s)
    for task in pending:
        task.cancel()
    if pending:
        await asyncio.wait(pending, timeout=GRACE_S)
    for task in tasks:
        what = "awaited" if task in done else "cancelled"
        error = task.exception() if task.done() and not task.cancelled() else None
        log.warning("a handler left the task %s running; it was %s", _name(task), what, exc_info=error)
    return bool(pending)


def _name(task: asyncio.Task[Any]) -> str:
    coroutine = task.get_coro()
    return getattr(coroutine, "__qualname__", None) or repr(coroutine)
