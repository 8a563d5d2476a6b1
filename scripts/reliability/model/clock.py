"""Virtual time: it passes only when somebody waits."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

__all__ = ["Clock", "TimeModule"]

BEGIN = 1_800_000_000.0
"""Seconds since 1970 at which every world begins."""


class Clock:
    """Seconds since 1970, which also serve as a monotonic clock."""

    def __init__(self) -> None:
        self.now = BEGIN
        self.slept = 0.0
        """How much of the time was slept by the core, between attempts for instance."""

    def time(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += max(0.0, seconds)

    def advance_to(self, moment: float) -> None:
        self.now = max(self.now, moment)

    def sleep(self, seconds: float) -> None:
        self.slept += seconds
        self.advance(seconds)


class TimeModule:
    """Stands for the module ``time`` within the code under test."""

    def __init__(self, clock: Clock) -> None:
        self.time: Callable[[], float] = clock.time
        self.monotonic: Callable[[], float] = clock.time
        self.sleep: Callable[[float], None] = clock.sleep

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)
