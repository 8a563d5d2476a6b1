"""What a gather is, and what it decides: no I/O.

Which parts have settled is one set, kept in one place together with whether the gather is closed. Every change of it
is therefore either before the closing or after it: a part counts or is late, and never both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

__all__ = ["MAX_DEADLINE_S", "MAX_PARTS", "AggregateResult", "Part", "ScatterGather", "Standing", "Turn"]

MAX_PARTS = 1_000
"""Of one gather. DynamoDB charges and throttles a write by the size of the item, and each part writes to the set:
1,000 numbers are under 4 KB, so that a partition's 1,000 units a second (https://docs.aws.amazon.com/amazondynamodb/
latest/developerguide/bp-partition-key-design.html) still take 250 results a second at the end."""

MAX_DEADLINE_S = 7 * 24 * 3600
"""From the scattering; what is kept of a gather has to outlive it."""


class Standing(StrEnum):
    """What became of a part's report."""

    COUNTED = "counted"
    DUPLICATE = "duplicate"
    """The part had settled before; its first report stays."""
    LATE = "late"
    """The gather was closed without the part."""
    UNKNOWN = "unknown"
    """The gather has no such part."""


class Turn(StrEnum):
    """What the gathering worker has to do when it is woken."""

    CLOSE = "close"
    """All parts have settled, or the deadline has passed."""
    PUBLISH = "publish"
    """This very timer has closed the gather before, and may have died before it published."""
    WAIT = "wait"
    LEAVE = "leave"
    """Another timer has closed it, and publishes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What a part reported."""

    index: int
    """Its place among the parts as they were scattered, from 0."""
    result: Any = None
    """What its handler returned: JSON values."""
    error: str | None = None
    """Why it failed; None when it succeeded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScatterGather:
    """One scattered event, and which of its parts have settled."""

    gather_id: str
    """Follows from the scattered event and the worker."""
    into: str
    """``<source>/<Name>`` of the gathered event."""
    total: int
    """How many parts it has."""
    due_at: float
    """The deadline, in seconds since 1970."""
    compensates: bool
    """Whether a part that succeeded is to be undone when the gather fails."""
    done: frozenset[int] = frozenset()
    """The indices of the parts that count."""
    closed_by: str | None = None
    """The event_id of the timer that closed it; None while it is open."""

    @property
    def filled(self) -> bool:
        """Whether every part has settled."""
        return len(self.done) == self.total

    def mark_done(self, index: int) -> ScatterGather | None:
        """With the part settled; None when it cannot be: see :meth:`standing`."""
        if self.closed_by is not None or index in self.done or index >= self.total:
            return None
        return replace(self, done=self.done | {index})

    def standing(self, index: int) -> Standing:
        """Why the part could not be settled."""
        if index >= self.total:
            return Standing.UNKNOWN
        return Standing.DUPLICATE if index in self.done else Standing.LATE

    def close(self, timer_id: str) -> ScatterGather | None:
        """Closed by that timer; None when it is closed already."""
        return replace(self, closed_by=timer_id) if self.closed_by is None else None

    def turn(self, timer_id: str, now: float) -> Turn:
        """What a timer has to do."""
        if self.closed_by is not None:
            return Turn.PUBLISH if self.closed_by == timer_id else Turn.LEAVE
        return Turn.CLOSE if self.filled or now >= self.due_at else Turn.WAIT


@dataclass(frozen=True, slots=True, kw_only=True)
class AggregateResult:
    """What there is when a gather ends: each part is in exactly one of the three."""

    total: int
    """How many parts were scattered."""
    succeeded: Sequence[Part]
    """By index."""
    failed: Sequence[Part]
    """By index, each with its error."""
    missing: Sequence[int]
    """The indices of the parts that had not reported by the deadline."""

    @property
    def complete(self) -> bool:
        """Whether every part succeeded."""
        return len(self.succeeded) == self.total

    @property
    def results(self) -> list[Any]:
        """Those of the parts that succeeded, in the order of the parts."""
        return [part.result for part in self.succeeded]

    @classmethod
    def of(cls, gather: ScatterGather, parts: Mapping[int, Part]) -> AggregateResult:
        """
        :param parts: what was kept; that of late parts is left out.
        """
        # Only what counts: the report of a late part is kept too, and is to be undone, not told.
        settled = [parts[index] for index in sorted(gather.done)]
        return cls(
            total=gather.total,
            succeeded=[part for part in settled if part.error is None],
            failed=[part for part in settled if part.error is not None],
            missing=[index for index in range(gather.total) if index not in gather.done],
        )
