"""The life of one batch: read, fetch, lock, handle, publish, complete, settle.

Each step is one pass over the records that the steps before left undecided, so that every AWS call serves the batch
and no record can fail another. Records that have been tried before are handled apart, after the others: see
:mod:`fanout.processing.locks`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from fanout.errors import CanaryError, EventError, PublishError, describe
from fanout.idempotency.store import event_key
from fanout.outcomes import Outcome, Reject, Retry
from fanout.payloads import ClaimCheck
from fanout.processing.accounts import failure_fields
from fanout.processing.delivery import UNSUCCESSFUL, Delivery, Invocation, Record, undecided
from fanout.processing.execution import Execution
from fanout.processing.locks import Group, Locks
from fanout.processing.payloads import fetch_payloads
from fanout.processing.settlement import Settlement
from fanout.processing.timing import Watch
from fanout.telemetry import log_fields

if TYPE_CHECKING:
    from fanout.gather.senders import Senders
    from fanout.publish import Publisher

__all__ = ["Processor", "summary"]

log = logging.getLogger(__name__)

_OUTCOMES = [outcome.value for outcome in Outcome]


@dataclass(eq=False, repr=False)
class Processor:
    """Takes the batches of one worker."""

    locks: Locks | None
    """None: the worker's idempotency is off."""
    claim_check: ClaimCheck
    """Of the data that events only refer to."""
    execution: Execution
    settlement: Settlement
    publisher: Callable[[], Publisher]
    """Makes the publisher on first use: most workers publish nothing."""
    clock: Callable[[], float] = time.time
    watch: Watch = field(default_factory=Watch)
    senders: Senders | None = None
    """None: no other function may send to the worker's queue."""

    def process(self, records: Iterable[Record], invocation: Invocation) -> list[Delivery]:
        """Every record that is an event, with its outcome."""
        deliveries = self._read(records)
        self.execution.begin_batch()
        self._expire(deliveries)  # first: what nobody wants any more need not be fetched or locked
        fetch_payloads(deliveries, self.claim_check)  # before the locks: their fingerprints are of whole data
        groups = self.locks.take(deliveries, invocation) if self.locks else self._ungrouped(deliveries)
        with self.watch:
            for group in groups:
                self._handle(group, invocation)
                if group is not groups[-1]:
                    self._leave_queue(group.deliveries, invocation)
        if self.locks:
            self.locks.follow()  # after the last group: a duplicate shares the outcome of its first record
        self.settlement.settle(deliveries)
        if self.execution.handlers.parts:  # after settling, which may still move a record to the DLQ
            self.execution.report_lost_parts(deliveries, invocation)
        self._log_failures(deliveries)
        return deliveries

    def _read(self, records: Iterable[Record]) -> list[Delivery]:
        """The records without the canaries among them, which are told of and are done with."""
        deliveries: list[Delivery] = []
        canaries: list[tuple[Record, CanaryError]] = []
        for record in records:
            sender = None if self.senders is None else self.senders.other(record)
            try:
                delivery = Delivery.of(record)
            except CanaryError as canary:
                if sender is None:
                    canaries.append((record, canary))
                    continue
                delivery = Delivery(record)
            if self.senders is not None and sender is not None:
                self.senders.admit(delivery, sender)
            deliveries.append(delivery)
        if canaries:
            from fanout.processing.canaries import tell  # nearly no batch has any

            tell(self.settlement.settings.worker, self.execution.handlers, canaries)
        return deliveries

    def _handle(self, group: Group, invocation: Invocation) -> None:
        """Handle records together, and record what became of them."""
        if self.locks and group.untaken:
            if not self.execution.has_time(invocation):
                for delivery, _ in undecided(group.deliveries):
                    delivery.postpone()
            self.locks.take_over(group, invocation)
        self.execution.run(group.deliveries, invocation, self.watch)
        # Before the locks are completed: a process that dies in between publishes again, under the same event_ids; in
        # the other order it would never publish.
        self._publish(group.deliveries)
        for delivery in group.deliveries:
            if delivery.outcome is None:
                delivery.handled()
        self.settlement.give_up(group.deliveries)
        self.settlement.dead_letter(group.deliveries)  # before its lock is given back: the DLQ may not take it
        if self.locks:
            self.locks.finish(group, invocation)

    def _leave_queue(self, deliveries: Sequence[Delivery], invocation: Invocation) -> None:
        """Delete what is in the DLQ before more records begin: one may end the process, and then all of the batch comes
        again, of which this would begin anew."""
        gone = [delivery for delivery in deliveries if delivery.dead_lettered]
        if not gone:
            return
        if self.execution.handlers.parts:
            self.execution.report_lost_parts(gone, invocation)
        self.settlement.delete(gone)

    def _expire(self, deliveries: Sequence[Delivery]) -> None:
        for delivery in deliveries:
            if delivery.envelope is not None and (limit := delivery.envelope.metadata.expires_at) is not None:
                self._expire_at(delivery, limit)

    def _expire_at(self, delivery: Delivery, limit: str) -> None:
        try:
            if _moment(limit) < datetime.fromtimestamp(self.clock(), UTC):
                delivery.decide(Outcome.EXPIRED)
        except ValueError:
            delivery.reject(EventError(f"detail.metadata.expires_at: {limit!r}: must be an ISO 8601 time"))

    def _ungrouped(self, deliveries: list[Delivery]) -> list[Group]:
        """Without a store nothing is known of earlier tries, but the ids of what events cause follow from theirs."""
        for delivery, envelope in undecided(deliveries):
            delivery.key = event_key(self.settlement.settings.worker, envelope)
        return [Group(deliveries)]

    def _publish(self, deliveries: Sequence[Delivery]) -> None:
        """What the handlers wanted published, and what duplicates' handlers had committed to, in batches over all
        records."""
        wanted = [
            (delivery, envelope)
            for delivery in deliveries
            if delivery.published and delivery.outcome in (None, Outcome.DUPLICATE)
            for envelope in delivery.published
        ]
        if not wanted:
            return
        try:
            receipts = list(self.publisher().publish_all(envelope for _, envelope in wanted))
        except Exception as raised:  # noqa: BLE001 - theirs, and no reason to repeat the effects of the others
            for delivery, _ in wanted:
                delivery.retry(raised)
            return
        for (delivery, envelope), receipt in zip(wanted, receipts, strict=True):
            if receipt.accepted or delivery.outcome in UNSUCCESSFUL:  # the first event that failed has decided
                continue
            error = PublishError(f"{envelope.identifier}: {receipt.error}")
            if receipt.permanent:  # no further try changes it, and each would repeat the handler's effect
                delivery.reject(error)
            else:
                delivery.retry(error)

    def _log_failures(self, deliveries: Sequence[Delivery]) -> None:
        for delivery in deliveries:
            if delivery.outcome not in UNSUCCESSFUL:
                continue
            cause = delivery.cause
            expected = isinstance(cause, Reject | Retry | EventError | TimeoutError | None)
            with log_fields(delivery.log_fields, delivery.personal):
                log.log(
                    logging.WARNING if expected else logging.ERROR,
                    "%s: %s",
                    "dead-lettered" if delivery.dead_lettered else delivery.outcome,
                    "no cause" if cause is None else describe(cause, 10_000),
                    exc_info=None if expected else cause,
                    extra=failure_fields(delivery),
                )


def summary(deliveries: Iterable[Delivery]) -> Mapping[str, int]:
    """How many records had each outcome; every outcome has its number."""
    counted = dict.fromkeys(_OUTCOMES, 0)
    for delivery in deliveries:
        if delivery.outcome is not None:
            counted[delivery.outcome] += 1
    return counted


def _moment(iso: str) -> datetime:
    moment = datetime.fromisoformat(iso)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
