"""One record on its way through a batch: what it is, and what becomes of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from fanout.envelope import Envelope
from fanout.errors import EventError
from fanout.idempotency import Claim
from fanout.outcomes import Outcome, Retry
from fanout.policies import Backoff
from fanout.records import Record

__all__ = ["FAILED", "UNSUCCESSFUL", "Delivery", "undecided"]

FAILED = frozenset({Outcome.RETRIED, Outcome.POSTPONED})
"""Goes back to the queue."""

UNSUCCESSFUL = FAILED | {Outcome.REJECTED}


@dataclass(slots=True)
class Delivery:
    """A record, its event, and its outcome as soon as there is one."""

    record: Record
    envelope: Envelope | None = None
    claim: Claim | None = None
    outcome: Outcome | None = None
    cause: BaseException | None = None
    """Why it is retried or rejected."""
    delay_s: float | None = None
    """How long it is to stay hidden before its next delivery; None for the worker's backoff."""
    backoff: Backoff | None = None
    """Of the policy for its cause; None for the worker's."""
    result: Any = None
    published: list[Envelope] = field(default_factory=list)
    """What its handler wants published, or a duplicate's handler committed to have published."""
    sealed: int = 0
    """How many events its handler has sealed to send them by itself."""
    committed: bool = False
    """Its completion is in the same transaction as its effect."""
    abandoned: bool = False
    """Its time was up while its handler ran in a thread, which cannot be stopped."""

    @classmethod
    def of(cls, record: Record) -> Delivery:
        """Read the record's body; one that cannot be read is rejected."""
        try:
            return cls(record, Envelope.decode(record.body))
        except EventError as error:
            return cls(record, outcome=Outcome.REJECTED, cause=error)

    @property
    def open(self) -> bool:
        """Whether nothing is decided yet."""
        return self.outcome is None

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

    def reject(self, cause: BaseException) -> None:
        self.outcome, self.cause = Outcome.REJECTED, cause

    def retry(self, cause: BaseException, *, delay_s: float | None = None, backoff: Backoff | None = None) -> None:
        self.outcome, self.cause, self.backoff = Outcome.RETRIED, cause, backoff
        self.delay_s = cause.after if delay_s is None and isinstance(cause, Retry) else delay_s

    def postpone(self) -> None:
        self.outcome, self.delay_s = Outcome.POSTPONED, 0
        self.cause = TimeoutError("the invocation's time was up before this record's turn")


def undecided(deliveries: Iterable[Delivery]) -> Iterator[tuple[Delivery, Envelope]]:
    """The records that have an event and no outcome yet."""
    for delivery in deliveries:
        if delivery.outcome is None and delivery.envelope is not None:
            yield delivery, delivery.envelope
