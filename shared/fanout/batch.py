"""The life of one batch: read, claim, handle, publish, complete, settle.

Each step is one pass over the records that the steps before left open, so that every AWS call serves the batch and
no record can fail another.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import orjson

from fanout.context import Context
from fanout.delivery import Delivery
from fanout.envelope import Envelope
from fanout.errors import EventError, PublishError
from fanout.handlers import BatchHandler, Handlers
from fanout.idempotency import Claim, ClaimState, Completion, Request, Store, fingerprint
from fanout.outcomes import Outcome, Reject, Retry
from fanout.pace import Pace
from fanout.publish import Publisher, seal
from fanout.records import Record
from fanout.settings import Settings
from fanout.settlement import Settlement
from fanout.telemetry import log_fields

if TYPE_CHECKING:
    from fanout.gather.engine import Gathers

__all__ = ["Invocation", "Processor"]

log = logging.getLogger(__name__)

LOCK_MARGIN_S = 1.0
"""How long a lock outlives the invocation that holds it: clocks differ."""

UNSUCCESSFUL = frozenset({Outcome.RETRIED, Outcome.POSTPONED, Outcome.REJECTED})
FAILED = frozenset({Outcome.RETRIED, Outcome.POSTPONED})


@dataclass(frozen=True)
class Invocation:
    """The call of the function that a batch came with."""

    request_id: str
    remaining_s: Callable[[], float]


@dataclass(frozen=True)
class Processor:
    """Takes the batches of one worker."""

    settings: Settings
    handlers: Handlers
    store: Store | None
    """None: the worker's idempotency is off."""
    settlement: Settlement
    publisher: Callable[[], Publisher]
    pace: Pace
    clock: Callable[[], float] = time.time
    gathers: Gathers | None = None
    """None: the worker neither scatters nor gathers."""

    def process(self, records: Iterable[Record], invocation: Invocation) -> list[Delivery]:
        """Every record, with its outcome."""
        deliveries = [Delivery.of(record) for record in records]
        self._expire(deliveries)
        twins = self._claim(deliveries, invocation)
        self._handle(deliveries, invocation)
        self._publish(deliveries)
        self._complete(deliveries)
        _follow(twins)
        self._log_failures(deliveries)
        self.settlement.settle(deliveries)
        return deliveries

    def _expire(self, deliveries: Sequence[Delivery]) -> None:
        now = datetime.fromtimestamp(self.clock(), UTC)
        for delivery, envelope in _undecided(deliveries):
            limit = envelope.metadata.expires_at
            if limit is None:
                continue
            try:
                if _moment(limit) < now:
                    delivery.outcome = Outcome.EXPIRED
            except ValueError:
                delivery.reject(EventError(f"detail.metadata.expires_at: {limit!r}: must be an ISO 8601 time"))

    # Claims.

    def _claim(self, deliveries: Sequence[Delivery], invocation: Invocation) -> list[tuple[Delivery, Delivery]]:
        """Claim each event once; answers the further records of an event, each with the one that stands for it."""
        if self.store is None:
            return []
        first: dict[str, Delivery] = {}
        twins: list[tuple[Delivery, Delivery]] = []
        requests: list[Request] = []
        lock_until = self.clock() + invocation.remaining_s() + LOCK_MARGIN_S
        for delivery, envelope in _undecided(deliveries):
            key = f"{self.settings.worker}#{envelope.metadata.event_id}"
            if key in first:
                twins.append((delivery, first[key]))
                delivery.outcome = Outcome.DUPLICATE
                continue
            try:
                data = fingerprint(envelope.data)
            except EventError as error:
                delivery.reject(error)
                continue
            first[key] = delivery
            owner = self._owner(delivery.record, invocation)
            requests.append(Request(key=key, owner=owner, fingerprint=data, lock_until=lock_until))
        if requests:
            for claim in self.store.claim(requests):
                self._decide(first[claim.key], claim)
        return twins

    def _owner(self, record: Record, invocation: Invocation) -> str:
        if self.settings.idempotency == "claim":
            return record.message_id
        return f"{invocation.request_id}/{record.message_id}"

    def _decide(self, delivery: Delivery, claim: Claim) -> None:
        match claim.state:
            case ClaimState.CLAIMED:
                delivery.claim = claim
            case ClaimState.COMPLETED:
                delivery.outcome, delivery.result = Outcome.DUPLICATE, claim.result
            case ClaimState.CONFLICT:
                delivery.reject(Reject("an event with this event_id and other data has been seen before"))
            case ClaimState.IN_PROGRESS:
                wait = max(1.0, claim.locked_until - self.clock())
                delivery.retry(Retry("another execution holds the event"), delay_s=min(wait, 43_200))
            case ClaimState.UNAVAILABLE:
                delivery.retry(Retry(f"the idempotency store did not answer: {claim.reason}"))

    # Handling.

    def _handle(self, deliveries: Sequence[Delivery], invocation: Invocation) -> None:
        if self.handlers.batch is not None:
            self._handle_together(self.handlers.batch, list(self._in_turn(deliveries)), invocation)
            return
        for delivery, envelope in self._in_turn(deliveries):
            if self.pace.allows(invocation.remaining_s()):
                self._handle_one(delivery, envelope, invocation)
            else:
                delivery.postpone()

    def _in_turn(self, deliveries: Sequence[Delivery]) -> Iterator[tuple[Delivery, Envelope]]:
        """The undecided records, in order. In a FIFO queue a record behind one of its message group that was not
        successful, for whatever reason, is not among them: it has to come again behind that one."""
        stopped: set[str] = set()
        for delivery in deliveries:
            group = delivery.record.group if self.settings.fifo else None
            if delivery.open and group in stopped:
                delivery.retry(Retry("an earlier record of its message group failed"), delay_s=0)
            elif delivery.open and delivery.envelope is not None:
                yield delivery, delivery.envelope
            if group is not None and delivery.outcome in UNSUCCESSFUL:
                stopped.add(group)

    def _handle_one(self, delivery: Delivery, envelope: Envelope, invocation: Invocation) -> None:
        context = Context(self.settings.worker, delivery, envelope.metadata, invocation.remaining_s, self.gathers)
        began = time.monotonic()
        with log_fields(**_log_fields(delivery, envelope)):
            try:
                result = self.handlers.call(envelope, context)
                if result is not None:
                    orjson.dumps(result)  # what cannot be stored is the handler's mistake, not the batch's
                delivery.result = result
            except (Reject, EventError) as error:
                delivery.reject(error)
            except Exception as error:  # noqa: BLE001 - whatever befalls a record is that record's outcome
                delivery.retry(error)
        self.pace.took(time.monotonic() - began)

    def _handle_together(
        self, handler: BatchHandler, pairs: Sequence[tuple[Delivery, Envelope]], invocation: Invocation
    ) -> None:
        if not pairs:
            return
        if not self.pace.allows(invocation.remaining_s()):
            for delivery, _ in pairs:
                delivery.postpone()
            return
        began = time.monotonic()
        try:
            handler([envelope for _, envelope in pairs])
        except (Reject, EventError) as error:
            for delivery, _ in pairs:
                delivery.reject(error)
        except Exception as error:  # noqa: BLE001 - as for a single record
            for delivery, _ in pairs:
                delivery.retry(error)
        self.pace.took(time.monotonic() - began)

    def _publish(self, deliveries: Sequence[Delivery]) -> None:
        """What the handlers wanted published, in batches over all records."""
        wanted = [
            (delivery, seal(event, **arguments))
            for delivery, _ in _undecided(deliveries)
            for event, arguments in delivery.published
        ]
        if not wanted:
            return
        receipts = self.publisher().publish_all(envelope for _, envelope in wanted)
        for (delivery, envelope), receipt in zip(wanted, receipts, strict=True):
            if not receipt.accepted and delivery.open:
                delivery.retry(PublishError(f"{envelope.identifier}: {receipt.error}"))

    def _complete(self, deliveries: Sequence[Delivery]) -> None:
        """Record what is done; give back what is not."""
        released = [d.claim for d in deliveries if d.claim is not None and d.outcome in UNSUCCESSFUL]
        done = [delivery for delivery, _ in _undecided(deliveries)]
        for delivery in done:
            delivery.outcome = Outcome.HANDLED
        if self.store is None:
            return
        claimed = [(d, Completion(claim=d.claim, result=d.result)) for d in done if d.claim is not None]
        recorded = self.store.complete([completion for _, completion in claimed]) if claimed else []
        for (delivery, _), kept in zip(claimed, recorded, strict=True):
            if not kept:
                # The effect is there. The claim stays, so that nobody repeats it before the lock expires.
                delivery.retry(Retry("handled, but its completion could not be recorded"))
        if released:
            self.store.release(released)

    def _log_failures(self, deliveries: Sequence[Delivery]) -> None:
        for delivery in deliveries:
            if delivery.outcome not in UNSUCCESSFUL:
                continue
            expected = isinstance(delivery.cause, Reject | Retry | EventError | TimeoutError | None)
            with log_fields(**_log_fields(delivery, delivery.envelope)):
                log.log(
                    logging.WARNING if expected else logging.ERROR,
                    "%s: %s",
                    delivery.outcome.value if delivery.outcome else "",
                    delivery.cause,
                    exc_info=None if expected else delivery.cause,
                )


def summary(deliveries: Iterable[Delivery]) -> Mapping[str, int]:
    """How many records had each outcome; every outcome has its number."""
    counted = Counter(delivery.outcome for delivery in deliveries)
    return {outcome.value: counted.get(outcome, 0) for outcome in Outcome}


def _undecided(deliveries: Iterable[Delivery]) -> Iterator[tuple[Delivery, Envelope]]:
    for delivery in deliveries:
        if delivery.open and delivery.envelope is not None:
            yield delivery, delivery.envelope


def _follow(twins: Iterable[tuple[Delivery, Delivery]]) -> None:
    """A second record of an event within the batch is a duplicate if the first was handled, else comes again too."""
    for twin, first in twins:
        if first.outcome in UNSUCCESSFUL:
            twin.retry(Retry("the event's other record in this batch was not handled"))


def _log_fields(delivery: Delivery, envelope: Envelope | None) -> dict[str, object]:
    fields: dict[str, object] = {
        "message_id": delivery.record.message_id,
        "receive_count": delivery.record.receive_count,
    }
    if envelope is not None:
        fields |= {
            "event": envelope.identifier,
            "event_id": envelope.metadata.event_id,
            "correlation_id": envelope.metadata.correlation_id,
            "causation_id": envelope.metadata.causation_id,
        }
    return fields


def _moment(iso: str) -> datetime:
    moment = datetime.fromisoformat(iso)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
