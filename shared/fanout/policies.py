"""What an exception of a handler means for its record, declared once on the worker::

    worker.on(BillingDown, retry(base=5, cap=900))
    worker.on(UnknownCustomer, reject())

Without a policy an exception means another try after the backoff of ``worker.yaml``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from fanout.errors import DeclarationError

__all__ = ["Backoff", "Policies", "RejectPolicy", "RetryPolicy", "reject", "retry"]


class Backoff(NamedTuple):
    """Full jitter between 0 and min(cap, base x 2^(tries - 1)), in seconds
    (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/)."""

    base_s: float
    cap_s: float

    def most(self, tries: int) -> float:
        """The longest delay after so many tries."""
        # The exponent is bounded so that no count makes a number too large for a float.
        return min(self.cap_s, self.base_s * 2.0 ** max(0, min(tries - 1, 20)))


class RetryPolicy(NamedTuple):
    """Hand the record out again, after this backoff."""

    backoff: Backoff


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
        """The policy for an exception, if there is one."""
        declared: Mapping[type, RetryPolicy | RejectPolicy] = self._by_class
        for cls in type(error).__mro__:
            if cls in declared:
                return declared[cls]
        return None
