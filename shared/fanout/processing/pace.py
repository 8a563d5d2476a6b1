"""Whether there is time for one more record."""

from dataclasses import dataclass

__all__ = ["LEAST_RESERVE_S", "Pace", "reserve_s"]

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
