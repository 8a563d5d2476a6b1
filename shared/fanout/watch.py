"""The batch's timer: it interrupts a handler before Lambda would kill the process, and its mates with it.

It is an alarm signal, which Python delivers to the main thread between two steps of the program: a handler that
sleeps, waits for a socket or computes is interrupted by :class:`TimeUp`; one that is stuck in a C library which never
returns is not, and Lambda's kill is then what ends it.
"""

from __future__ import annotations

import signal
import threading
import time
from types import FrameType
from typing import Any

__all__ = ["TimeUp", "Watch"]

LEAST_S = 0.001


class TimeUp(BaseException):
    """Raised in the handler; not an ``Exception``, so that a handler does not take it for one of its own."""


class Watch:
    """One batch's timer. Outside of the main thread, where signals cannot be had, it never interrupts.

    :ivar interruptible: whether something is under way that may be interrupted now.
    """

    __slots__ = ("_former", "_former_left_s", "_former_since", "_in_force", "interruptible")

    def __init__(self) -> None:
        self.interruptible = False
        self._in_force = False

    @property
    def in_force(self) -> bool:
        """Whether it can interrupt."""
        return self._in_force

    def __enter__(self) -> Watch:
        if threading.current_thread() is threading.main_thread() and hasattr(signal, "setitimer"):
            self._former: Any = signal.signal(signal.SIGALRM, self._ring)
            self._former_left_s = signal.setitimer(signal.ITIMER_REAL, 0)[0]
            self._former_since = time.monotonic()
            self._in_force = True
        return self

    def __exit__(self, *_: object) -> None:
        if not self._in_force:
            return
        self._in_force = False
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, self._former)
        if self._former_left_s:  # a test's timer, for instance
            left_s = self._former_left_s - (time.monotonic() - self._former_since)
            signal.setitimer(signal.ITIMER_REAL, max(LEAST_S, left_s))

    def ring_in(self, seconds: float) -> None:
        """Interrupt what is interruptible after so many seconds from now; it replaces an earlier time."""
        if self._in_force:
            signal.setitimer(signal.ITIMER_REAL, max(LEAST_S, seconds))

    def _ring(self, _number: int, _frame: FrameType | None) -> None:
        if self.interruptible:
            self.interruptible = False
            raise TimeUp
