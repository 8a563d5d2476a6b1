"""How a handler says what is to become of a record, and what became of it.

To return is to be done. To raise :class:`Retry`, or anything unforeseen, is to be handed the record again after a
backoff; to raise :class:`Reject` is to move it to the worker's DLQ at once.
"""

from enum import StrEnum

__all__ = ["Outcome", "Reject", "Retry"]


class Retry(Exception):  # noqa: N818 - said by a handler, not an error of fanout's
    """Hand me this record again.

    :param after: seconds to wait; None for the worker's backoff.
    """

    def __init__(self, reason: str = "the handler asked for it", *, after: float | None = None) -> None:
        super().__init__(reason)
        if after is not None and not 0 <= after <= 43_200:
            raise ValueError(f"after={after}: SQS hides a message for 0 to 43,200 s")
        self.after = after


class Reject(Exception):  # noqa: N818 - said by a handler, not an error of fanout's
    """This record can never be handled: move it to the DLQ, with the reason."""


class Outcome(StrEnum):
    """What became of a record in one batch; each record of a batch has exactly one."""

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
    """Its ``expires_at`` had passed: acknowledged without a hearing."""
