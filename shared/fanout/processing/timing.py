"""Time within a batch: whether there is enough for one more record, and the timer that interrupts a handler.

The timer is an alarm signal, which Python delivers to the main thread between two steps of the program: a handler that
sleeps, waits for a socket or computes is interrupted by :class:`TimeUp`; one that is stuck in a C library which never
returns is not, and Lambda's kill is then what ends it.
"""

from __future__ import annotations

# The module without underscore makes enums of all that it takes and returns: dearer than the timer itself.
import _signal as signal  # type: ignore[import-not-found]
import threading
import time
from dataclasses import dataclass
from types import FrameType
from typing import Any

__all__ = ["LEAST_RESERVE_S", "Pace", "TimeUp", "Watch", "reserve_s"]

LEAST_RESERVE_S, MOST_RESERVE_S = 0.5, 3.0

FORGETTING = 0.9
"""By how much each record lessens what a slow one before it stands for: after 20 records an eighth is left."""


def reserve_s(timeout_s: float) -> float:
    """What is kept back of an invocation for recording and settling the batch: a tenth, 0.5 to 3 s."""
    return min(MOST_RESERVE_S, max(LEAST_RESERVE_S, timeout_s / 10))


@dataclass(slots=True, eq=False)
class Pace:
    """What the execution environment's recent records took."""

    reserve_s: float = LEAST_RESERVE_S
    """Kept back for recording and settling the batch."""
    slowest_s: float = 0.0
    """The slowest recent record, fading: constant time and memory, however large the batches."""
    fresh: bool = True
    """Whether no record of this batch has ended yet."""

    def begin_batch(self) -> None:
        self.fresh = True

    def took(self, seconds: float) -> None:
        self.fresh = False
        self.slowest_s = max(seconds, self.slowest_s * FORGETTING)

    def left_s(self, remaining_s: float) -> float:
        """What is left for handlers, when so much is left of the invocation."""
        return max(0.0, remaining_s - self.reserve_s)

    def allows(self, remaining_s: float) -> bool:
        """Whether a record as slow as the slowest recent one still fits before the deadline. A batch's first record
        always begins: else one record that took nearly the whole time would be the last that this environment began."""
        left_s = remaining_s - self.reserve_s
        return left_s >= self.slowest_s or (self.fresh and left_s > 0)


LEAST_S = 0.001


class TimeUp(BaseException):
    """Raised in the handler; not an ``Exception``, so that a handler does not take it for one of its own."""


class Watch:
    """A worker's timer, in force during each of its batches. Outside of the main thread, where signals cannot be had,
    it never interrupts.

    :ivar interruptible: whether something is under way that may be interrupted now.
    """

    def __init__(self) -> None:
        self.interruptible = False
        self._in_force = False
        self._handler = self._ring  # one object: a bound method is a new one each time
        self._former: Any = signal.SIG_DFL
        self._former_left_s = self._former_since = 0.0

    @property
    def in_force(self) -> bool:
        """Whether it can interrupt."""
        return self._in_force

    def __enter__(self) -> Watch:
        if threading.current_thread() is threading.main_thread() and hasattr(signal, "setitimer"):
            if signal.getsignal(signal.SIGALRM) is not self._handler:
                self._former = signal.signal(signal.SIGALRM, self._handler)
            self._former_left_s = signal.setitimer(signal.ITIMER_REAL, 0)[0]
            self._former_since = time.monotonic()
            self._in_force = True
        return self

    def __exit__(self, *_: object) -> None:
        if not self._in_force:
            return
        self._in_force = False
        signal.setitimer(signal.ITIMER_REAL, 0)
        if self._former is signal.SIG_DFL:
            return  # the handler stays for the next batch: to set it costs more than all else here
        signal.signal(signal.SIGALRM, self._former)  # somebody else's, a test's for instance
        self._former = signal.SIG_DFL
        if self._former_left_s:
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
