"""One look for all who watch: what a page asks of AWS is asked once, whoever looks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

__all__ = ["Seen", "Shared"]

T = TypeVar("T")


@dataclass(frozen=True)
class Seen(Generic[T]):
    """What a look saw.

    :ivar at: when, in monotonic seconds.
    """

    value: T
    at: float


@dataclass(eq=False)
class Shared(Generic[T]):
    """
    :ivar ask: looks.
    :ivar fresh_s: how long nobody looks again.
    """

    ask: Callable[[], Awaitable[T]]
    fresh_s: float
    clock: Callable[[], float] = time.monotonic
    number: int = field(default=0, init=False)
    """Of the last look."""
    _seen: Seen[T] | None = field(default=None, init=False)
    _asking: asyncio.Task[T] | None = field(default=None, init=False)

    def seen(self) -> T | None:
        """The last look, if it is fresh."""
        if self._seen is None or self.clock() - self._seen.at >= self.fresh_s:
            return None
        return self._seen.value

    async def get(self) -> T:
        """The last look if it is fresh, else a new one, which all who ask meanwhile wait for."""
        if (fresh := self.seen()) is not None:
            return fresh
        if self._asking is None or self._asking.done():
            self._asking = asyncio.ensure_future(self._look())
        return await asyncio.shield(self._asking)  # one viewer's leaving is not the others'

    async def _look(self) -> T:
        value = await self.ask()
        self._seen = Seen(value, self.clock())
        self.number += 1
        return value
