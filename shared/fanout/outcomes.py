"""How a handler says what is to become of a record, and what became of it.

To return is to be done. To raise :class:`Retry`, or anything unforeseen, is to be handed the record again after a
backoff; to raise :class:`Reject` is to move it to the worker's DLQ at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import NamedTuple

from fanout.errors import DeclarationError, EventError

__all__ = [
    "Backoff",
    "Outcome",
    "Policies",
    "Reject",
    "RejectPolicy",
    "Retry",
    "RetryPolicy",
    "reject",
    "retry",
    "single",
]


class Retry(Exception):  # noqa: N818 - said by a handler, not an error of fanout's
    """Hand me this record again.

    :param after: seconds to wait; None for the worker's backoff.
    """

    after: float | None = None
    """Of the class as well: a subclass may leave out the call of this ``__init__``."""

    def __init__(self, reason: str = "the handler asked for it", *, after: float | None = None) -> None:
        super().__init__(reason)
        if after is not None and not 0 <= after <= 43_200:
            raise ValueError(f"after={after}: SQS hides a message for 0 to 43,200 s")
        self.after = after


class Reject(Exception):  # noqa: N818 - said by a handler, not an error of fanout's
    """This record can never be handled: move it to the DLQ, with the reason."""


class Outcome(StrEnum):
    """What became of a record in one batch; each record of a batch has exactly one."""

    __hash__ = str.__hash__  # Enum's own is written in Python, and costs each look into a set ten times as much

    HANDLED = "handled"
    """The handler returned, and its completion is recorded."""
    DUPLICATE = "duplicates"
    """Its event had been handled before: acknowledged without a second effect."""
    RETRIED = "retried"
    """Goes back to the queue, to be handed out again after a backoff."""
    REJECTED = "rejected"
    """Is in the DLQ, with its cause."""
    POSTPONED = "postponed"
    """Was not begun for want of time: goes back to the queue unharmed."""
    EXPIRED = "expired"
    """Its ``expires_at`` had passed: acknowledged without being handled."""


def single(error: BaseException) -> BaseException:
    """The one exception that a group of a single kind stands for, as ``asyncio.TaskGroup`` raises it around what a
    task raised; of several that ask for a retry the one that asks for the longest delay. Any other is returned as it
    is. Of a single kind are those of one class, all that reject, and all that ask for a retry."""
    if not isinstance(error, BaseExceptionGroup):
        return error
    leaves = list(_leaves(error))
    if len({_kind(leaf) for leaf in leaves}) > 1:
        return error
    return max(leaves, key=lambda leaf: leaf.after or 0.0 if isinstance(leaf, Retry) else 0.0)


def _kind(error: BaseException) -> type:
    if isinstance(error, Reject | EventError):
        return Reject
    return Retry if isinstance(error, Retry) else type(error)


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error


class Backoff(NamedTuple):
    """Full jitter between 0 and min(cap, base x 2^(tries - 1)), in seconds
    (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/)."""

    base_s: float
    """The longest delay after the first try."""
    cap_s: float
    """The longest delay after any."""

    def most(self, tries: int) -> float:
        """The longest delay after so many tries."""
        # The exponent is bounded so that no count makes a number too large for a float.
        return min(self.cap_s, self.base_s * 2.0 ** max(0, min(tries - 1, 20)))


class RetryPolicy(NamedTuple):
    """Hand the record out again, after this backoff."""

    backoff: Backoff
    """The delay, in place of the worker's own."""


class RejectPolicy(NamedTuple):
    """Move the record to the DLQ at once."""


def retry(*, base: float, cap: float) -> RetryPolicy:
    """Another try, after a full-jitter backoff between ``base`` and ``cap`` seconds.

    :raises DeclarationError: not 0 <= base <= cap <= 43,200, the longest that SQS hides a message.
    """
    if not 0 <= base <= cap <= 43_200:
        raise DeclarationError(f"retry(base={base}, cap={cap}): must be 0 <= base <= cap <= 43200")
    return RetryPolicy(Backoff(base, cap))


def reject() -> RejectPolicy:
    """No other try: the DLQ, with the exception as the cause."""
    return RejectPolicy()


class Policies:
    """The policies of a worker. For an exception that of its own class counts, else that of the nearest base."""

    def __init__(self) -> None:
        self._by_class: dict[type[Exception], RetryPolicy | RejectPolicy] = {}

    def declare(self, exception: type[Exception], policy: RetryPolicy | RejectPolicy) -> None:
        """
        :raises DeclarationError: the class has a policy already.
        """
        if exception in self._by_class:
            raise DeclarationError(f"{exception.__qualname__} has two policies; keep one")
        self._by_class[exception] = policy

    def of(self, error: BaseException) -> RetryPolicy | RejectPolicy | None:
        """The policy for an exception, if there is one; for a group the one that all in it have, else its own."""
        if isinstance(error, BaseExceptionGroup):
            policies = {self.of(leaf) for leaf in _leaves(error)}
            if len(policies) == 1 and None not in policies:
                return policies.pop()
        declared: Mapping[type, RetryPolicy | RejectPolicy] = self._by_class
        for cls in type(error).__mro__:
            if cls in declared:
                return declared[cls]
        return None
