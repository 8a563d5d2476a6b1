"""A bound on how many function processes run at once, since each takes about 49 MB.

LocalStack keeps an execution environment for ten minutes after its last invocation and never asks how many
there are. Here each environment with a process holds a slot. When all are taken, the environment that has
been idle longest loses its process; it gets a new one, with a cold start, when it is next invoked. When
none is idle, the caller waits.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fanout_localstack.executor import LocalRuntimeExecutor

__all__ = ["NoSlotError", "Slots"]


class NoSlotError(Exception):
    """All slots stayed busy for as long as the caller would wait."""


class Slots:
    """At most ``limit`` execution environments with a process at a time; one is parked only while it is idle."""

    def __init__(self, limit: int) -> None:
        if limit < 1:
            raise ValueError(f"there must be at least 1 slot, not {limit}")
        self._limit = limit
        self._changed = threading.Condition()
        self._busy: OrderedDict[LocalRuntimeExecutor, bool] = OrderedDict()  # The longest unused first.

    @contextmanager
    def hold(self, holder: LocalRuntimeExecutor, timeout_seconds: float) -> Iterator[None]:
        """Be busy in a slot for as long as the block lasts, and idle in it afterwards.

        :raises NoSlotError: there was none within ``timeout_seconds``.
        """
        self._occupy(holder, timeout_seconds)
        try:
            yield
        finally:
            self._vacate(holder)

    def release(self, holder: LocalRuntimeExecutor) -> None:
        """Give the slot back, if ``holder`` has one."""
        with self._changed:
            self._busy.pop(holder, None)
            self._changed.notify_all()

    def _occupy(self, holder: LocalRuntimeExecutor, timeout_seconds: float) -> None:
        with self._changed:
            if not self._changed.wait_for(lambda: self._has_room_for(holder), timeout_seconds):
                raise NoSlotError(
                    f"all {self._limit} function processes were busy for {timeout_seconds:.0f} s: "
                    f"allow more with FANOUT_FUNCTION_PROCESSES"
                )
            if holder not in self._busy and len(self._busy) >= self._limit:
                idle = self._longest_idle()
                assert idle is not None
                del self._busy[idle]
                idle.park()
            self._busy[holder] = True
            self._busy.move_to_end(holder)

    def _vacate(self, holder: LocalRuntimeExecutor) -> None:
        with self._changed:
            if holder in self._busy:
                self._busy[holder] = False
                self._changed.notify_all()

    def _has_room_for(self, holder: LocalRuntimeExecutor) -> bool:
        return holder in self._busy or len(self._busy) < self._limit or self._longest_idle() is not None

    def _longest_idle(self) -> LocalRuntimeExecutor | None:
        return next((holder for holder, busy in self._busy.items() if not busy), None)
