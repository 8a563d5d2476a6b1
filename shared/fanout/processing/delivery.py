"""One record on its way through a batch: how Lambda hands it out, what it is, and what becomes of it.

The outcome is decided here and nowhere else: every other module calls one of the deciding methods, and reads. What
Lambda hands to a worker is the records of a batch, or a direct invocation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self

from fanout.errors import CanaryError, DeclarationError, EventError
from fanout.events.envelope import Envelope
from fanout.events.personal import values_of
from fanout.idempotency import Lock
from fanout.outcomes import Backoff, Outcome, Retry

__all__ = [
    "FAILED",
    "SENT_BY",
    "UNSUCCESSFUL",
    "Delivery",
    "Invocation",
    "Record",
    "records_of",
    "refusal",
    "undecided",
]

SQS = "aws:sqs"
SENT_BY = "sent_by"
"""The message attribute of a dead letter that another function had sent straight into the queue: see
:mod:`fanout.gather.senders`."""
FAILED = frozenset({Outcome.RETRIED, Outcome.POSTPONED})
"""Goes back to the queue."""
UNSUCCESSFUL = FAILED | {Outcome.REJECTED}


class Record(NamedTuple):
    """One record of a batch (https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html)."""

    message_id: str
    receipt_handle: str
    body: str
    receive_count: int
    """How often the queue has handed it out, this time included."""
    first_received_ms: int
    """When the queue first handed it out, in milliseconds since 1970."""
    group: str | None
    """Its message group in a FIFO queue."""
    sent_ms: int = 0
    """When the queue took it, in milliseconds since 1970; 0: unknown."""
    sequence_number: str | None = None
    """Its place in a FIFO queue."""
    sender_id: str | None = None
    """Who put it into the queue, as SQS tells: a role's session as ``<role id>:<session>``."""
    sent_by: str | None = None
    """The function that put it there first, where the core has noted one before it went to the DLQ."""

    @classmethod
    def from_lambda(cls, record: Mapping[str, Any]) -> Self:
        """
        :raises DeclarationError: the record lacks something that SQS gives every one, as a pipe's transformed records
            and test events written by hand do.
        """
        try:
            attributes, body = record["attributes"], record["body"]
            if type(body) is not str:
                raise TypeError(f"body is {type(body).__name__}, not text")
            noted = record.get("messageAttributes")
            return cls(
                record["messageId"],
                record["receiptHandle"],
                body,
                int(attributes["ApproximateReceiveCount"]),
                int(attributes.get("ApproximateFirstReceiveTimestamp") or 0),
                attributes.get("MessageGroupId"),
                int(attributes.get("SentTimestamp") or 0),
                attributes.get("SequenceNumber"),
                attributes.get("SenderId"),
                noted[SENT_BY].get("stringValue") if noted and SENT_BY in noted else None,
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            what = f"{error.args[0]} is missing" if isinstance(error, KeyError) else str(error)
            raise DeclarationError(
                f"the function was invoked with a record that is not as SQS hands it out: {what}; let the event source "
                "mapping or the pipe pass records on unchanged, without an input template"
            ) from error


class Invocation(NamedTuple):
    """Which call it is, and how long it may go on."""

    request_id: str
    remaining_s: Callable[[], float]
    """Seconds until Lambda ends it."""


def records_of(event: Any) -> Sequence[Mapping[str, Any]] | None:
    """The SQS records of a batch, as an event source mapping (``{"Records": [...]}``) or EventBridge Pipes (a list)
    sends them; None for a direct invocation.

    :raises DeclarationError: its records are another service's.
    """
    if isinstance(event, Mapping) and isinstance(event.get("Records"), list):
        records: list[Mapping[str, Any]] = event["Records"]
        for record in records:
            if type(record) is dict and record.get("eventSource") == SQS:
                continue  # as always from a queue: nothing slower for each record of each batch
            if _source(record) != SQS:
                raise DeclarationError(
                    f"the function was invoked with records of {_source(record)}; a worker takes those of its queue: "
                    "send them to the queue, or through the bus"
                )
        return records
    if isinstance(event, list) and event and all(_source(record) == SQS for record in event):
        return event
    return None


def refusal(worker: str, event: Any) -> DeclarationError:
    """What to raise for a direct invocation that nothing in the worker handles."""
    return DeclarationError(
        f"{worker}: invoked with {_what(event)}, which nothing handles; publish events to the bus, or declare a "
        "function with @worker.on_invoke"
    )


def _source(record: Any) -> str:
    if not isinstance(record, Mapping):
        return f"no service: {type(record).__name__}"
    source = record.get("eventSource") or record.get("EventSource")
    if source is None and "messageId" in record and "receiptHandle" in record:
        return SQS
    return str(source or "an unnamed service")[:100]


def _what(event: Any) -> str:
    if isinstance(event, list):
        return f"a list of {len(event)} values that are not SQS records"
    if not isinstance(event, Mapping):
        return f"a {type(event).__name__}"
    if "detail-type" in event:
        return f"an EventBridge event ({event.get('source')}/{event['detail-type']})"[:200]
    return "an object with the keys " + (", ".join(sorted(map(str, event)))[:200] or "(none)")


@dataclass(slots=True)
class Delivery:
    """A record, its event, and its outcome as soon as there is one."""

    record: Record
    envelope: Envelope | None = None
    key: str = ""
    """Of its event in the idempotency store, and of every id that is derived from it: see
    :mod:`fanout.idempotency.store`."""
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
    sent_by: str | None = None
    """The other function that sent it straight into the queue."""
    outcome: Outcome | None = None
    """None until one of the methods below has decided it."""
    _personal: frozenset[str] | None = field(default=None, init=False, repr=False)

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

    def personal(self) -> frozenset[str]:
        """The texts of its event's personal values: neither its log lines nor its dead letter's attributes show
        them."""
        if self._personal is None:
            self._personal = frozenset() if self.envelope is None else values_of(self.envelope)
        return self._personal

    def hides(self, personal: frozenset[str]) -> None:
        """What it failed with may name the persons of these values too: those of its batch."""
        self._personal = self.personal() | personal

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
