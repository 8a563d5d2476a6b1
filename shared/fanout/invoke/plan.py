"""How many payloads go to whom, and what a tree may cost: no I/O.

Above a threshold the caller invokes the same function with slices, each of which invokes it for its own payloads. What
a slice may do travels in its payload, and is at most what its parent gave away: however a node behaves, the whole tree
stays within what its root allowed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil

__all__ = ["MAX_PAYLOAD_BYTES", "Budget", "Slice", "Tree", "slices"]

MAX_PAYLOAD_BYTES = 6 * 1024 * 1024
"""Of a synchronous invocation, each way (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html)."""

NODE_BYTES = 1_024
"""What a slice's payload holds beside its payloads, at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """When and how to spread.

    :raises ValueError: a bound makes no sense.
    """

    threshold: int = 100
    """Up to so many payloads are invoked directly."""
    fan_out: int = 20
    """Slices of one node, at most."""
    depth: int = 2
    """Levels of slices, at most."""
    invocations: int = 10_000
    """Of the whole tree, its own nodes included."""

    def __post_init__(self) -> None:
        if min(self.threshold, self.invocations) < 1 or self.fan_out < 2 or self.depth < 0:
            raise ValueError(f"{self}: threshold and invocations are at least 1, fan_out 2, depth 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What one node may use."""

    depth: int
    invocations: int
    deadline: float
    """Seconds since 1970."""


@dataclass(frozen=True, slots=True)
class Slice:
    """A run of the payloads for one node, with the invocations that it may make."""

    start: int
    stop: int
    invocations: int


def slices(sizes: Sequence[int], tree: Tree, budget: Budget) -> list[Slice] | None:
    """The slices of payloads of these sizes in bytes; None to invoke each payload directly.

    Each slice costs an invocation itself; what is left is shared by the number of payloads. A payload for which there
    is no share is in no slice.
    """
    if len(sizes) <= tree.threshold or budget.depth < 1:
        return None
    runs = list(_runs(sizes, max(2, min(tree.fan_out, ceil(len(sizes) / tree.threshold)))))
    left = budget.invocations - len(runs)
    if left < len(runs):
        return None  # too little for slices: as many as the budget gives are invoked directly
    shares = [left * (stop - start) // len(sizes) for start, stop in runs]
    return [Slice(start, stop, share) for (start, stop), share in zip(runs, shares, strict=True)]


def _runs(sizes: Sequence[int], count: int) -> Iterator[tuple[int, int]]:
    """Even runs, each halved until it fits an invocation."""
    step = ceil(len(sizes) / count)
    pending = [(start, min(start + step, len(sizes))) for start in range(0, len(sizes), step)][::-1]
    while pending:
        start, stop = pending.pop()
        if stop - start > 1 and sum(sizes[start:stop]) + (stop - start) + NODE_BYTES > MAX_PAYLOAD_BYTES:
            middle = (start + stop) // 2
            pending += [(middle, stop), (start, middle)]
        else:
            yield start, stop
