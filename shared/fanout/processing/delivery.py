"""One record on its way through a batch: what it is, and what becomes of it.

The outcome is decided here and nowhere else: every other module calls one of the deciding methods, and reads.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from fanout.errors import CanaryError, EventError
from fanout.events.envelope import Envelope
from fanout.idempotency import Lock
from fanout.outcomes import Backoff, Outcome, Retry
from fanout.processing.records import Record

__all__ = ["FAILED", "UNSUCCESSFUL", "Delivery", "undecided"]

FAILED = frozenset({Outcome.RETRIED, Outcome.POSTPONED})
"""Goes back to the queue."""

UNSUCCESSFUL = FAILED | {Outcome.REJECTED}


@dataclass(slots=True)
class Delivery:
    """A record, its event, and its outcome as soon as there is one."""

    record: Record
    envelope: Envelope | None = None
    key: str = ""
    """Of its event in the idempotency store, and of every id that is derived from it: see
    :mod:`fanout.idempotency.identity`."""
    lock: Lock | None = None
    """The lock that this execution holds on the event."""
    begun: bool = False
    """Whether its handler has been called in this execution."""
    began_at: float = 0.0
    """When, in seconds since 1970."""
    took_s: float = 0.0
    """How long its handler ran."""
    cause: BaseException | None = None
    """Why it is retried, postponed or rejected."""
    delay_s: float | None = None
    """How long it is to stay hidden before its next delivery; None for the worker's backoff."""
    backoff: Backoff | None = None
    """Of the policy for its cause; None for the worker's."""
    result: Any = None
    published: list[Envelope] = field(default_factory=list)
    """What its handler wants published, or a duplicate's handler committed to have published."""
    wrapped: int = 0
    """How many events its handler has wrapped to send them by itself."""
    committed: bool = False
    """Its completion is in the same transaction as its effect."""
    abandoned: bool = False
    """Its time was up, and what its handler started may still run: its lock stays until it expires."""
    dead_lettered: bool = False
    """The DLQ has it."""
    part_failed: bool = False
    """Its gather has been told that the part failed."""
    outcome: Outcome | None = None
    """None until one of the methods below has decided it."""

    @classmethod
    def of(cls, record: Record) -> Delivery:
        """Read the record's body; one that cannot be read is rejected.

        :raises CanaryError: it is a canary.
        """
        try:
            return cls(record, Envelope.decode(record.body))
        except CanaryError:
            raise
        except EventError as error:
            delivery = cls(record)
            delivery.reject(error)
            return delivery

    @property
    def undecided(self) -> bool:
        return self.outcome is None

    @property
    def tries(self) -> int:
        """How often the event's handler has begun, this time included; without an idempotency store, how often the
        queue has handed the record out."""
        return self.record.receive_count if self.lock is None else self.lock.tries

    def exhausted(self, most: int) -> bool:
        """Whether its handler has begun as often as it may, so that another failure is its last. Tries in doubt do not
        count: they may have been another record's."""
        shared = 0 if self.lock is None else self.lock.shared
        return self.begun and self.tries - shared >= most

    def decide(
        self,
        outcome: Outcome,
        cause: BaseException | None = None,
        *,
        delay_s: float | None = None,
        backoff: Backoff | None = None,
    ) -> None:
        """Give the record its outcome. A later decision replaces an earlier one: a handled record is retried after all
        when what it published was not taken, a rejected one when the DLQ does not take it."""
        self.outcome, self.cause, self.delay_s, self.backoff = outcome, cause, delay_s, backoff

    def handled(self) -> None:
        """Done. The one decision that nearly every record has, and that nothing is told with."""
        self.outcome = Outcome.HANDLED

    def reject(self, cause: BaseException) -> None:
        """To the DLQ."""
        self.decide(Outcome.REJECTED, cause)

    def retry(self, cause: BaseException, *, delay_s: float | None = None, backoff: Backoff | None = None) -> None:
        """Back to the queue, after ``delay_s`` or the delay that the cause asks for, else a backoff."""
        if delay_s is None and isinstance(cause, Retry):
            delay_s = cause.after
        self.decide(Outcome.RETRIED, cause, delay_s=delay_s, backoff=backoff)

    def postpone(self) -> None:
        """Back to the queue without having begun."""
        cause = TimeoutError("the invocation's time was up before this record's turn")
        self.decide(Outcome.POSTPONED, cause, delay_s=0)

    def log_fields(self) -> dict[str, Any]:
        """What every log line about the record carries."""
        fields: dict[str, Any] = {"message_id": self.record.message_id, "receive_count": self.record.receive_count}
        if self.envelope is not None:
            metadata = self.envelope.metadata
            fields["event"] = self.envelope.identifier
            fields["event_id"] = metadata.event_id
            fields["correlation_id"] = metadata.correlation_id
            if metadata.causation_id is not None:
                fields["causation_id"] = metadata.causation_id
        return fields


def undecided(deliveries: Iterable[Delivery]) -> Iterator[tuple[Delivery, Envelope]]:
    """The records that have an event and no outcome yet."""
    for delivery in deliveries:
        if delivery.outcome is None and delivery.envelope is not None:
            yield delivery, delivery.envelope
