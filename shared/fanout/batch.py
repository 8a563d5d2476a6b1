"""The life of one batch: read, fetch, claim, handle, publish, complete, settle.

Each step is one pass over the records that the steps before left open, so that every AWS call serves the batch and
no record can fail another.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from fanout.claimcheck import ClaimCheck
from fanout.claimcheck.fetching import fetch_claimed
from fanout.claims import Claims
from fanout.delivery import UNSUCCESSFUL, Delivery, undecided
from fanout.errors import EventError, PublishError
from fanout.execution import Execution
from fanout.invocation import Invocation
from fanout.outcomes import Outcome, Reject, Retry
from fanout.records import Record
from fanout.settlement import Settlement
from fanout.telemetry import log_fields

if TYPE_CHECKING:
    from fanout.publish import Publisher

__all__ = ["Processor", "summary"]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Processor:
    """Takes the batches of one worker."""

    claims: Claims | None
    """None: the worker's idempotency is off."""
    claim_check: ClaimCheck
    """Of the data that events only refer to."""
    execution: Execution
    settlement: Settlement
    publisher: Callable[[], Publisher]
    """Makes the publisher on first use: most workers publish nothing."""
    clock: Callable[[], float] = time.time

    def process(self, records: Iterable[Record], invocation: Invocation) -> list[Delivery]:
        """Every record, with its outcome."""
        deliveries = [Delivery.of(record) for record in records]
        self._expire(deliveries)
        fetch_claimed(deliveries, self.claim_check)  # before the claims: their fingerprints are of whole data
        twins = self.claims.take(deliveries, invocation) if self.claims else []
        self.execution.run(deliveries, invocation)
        self._publish(deliveries)
        for delivery, _ in undecided(deliveries):
            delivery.outcome = Outcome.HANDLED
        if self.claims:
            self.claims.finish(deliveries)
            self.claims.follow(twins)
        self._log_failures(deliveries)
        self.settlement.settle(deliveries)
        return deliveries

    def _expire(self, deliveries: Sequence[Delivery]) -> None:
        now = datetime.fromtimestamp(self.clock(), UTC)
        for delivery, envelope in undecided(deliveries):
            limit = envelope.metadata.expires_at
            if limit is None:
                continue
            try:
                if _moment(limit) < now:
                    delivery.outcome = Outcome.EXPIRED
            except ValueError:
                delivery.reject(EventError(f"detail.metadata.expires_at: {limit!r}: must be an ISO 8601 time"))

    def _publish(self, deliveries: Sequence[Delivery]) -> None:
        """What the handlers wanted published, and what duplicates' handlers had committed to, in batches over all
        records."""
        wanted = [
            (delivery, envelope)
            for delivery in deliveries
            if delivery.outcome in (None, Outcome.DUPLICATE)
            for envelope in delivery.published
        ]
        if not wanted:
            return
        receipts = self.publisher().publish_all(envelope for _, envelope in wanted)
        for (delivery, envelope), receipt in zip(wanted, receipts, strict=True):
            if not receipt.accepted and delivery.outcome is not Outcome.RETRIED:
                delivery.retry(PublishError(f"{envelope.identifier}: {receipt.error}"))

    def _log_failures(self, deliveries: Sequence[Delivery]) -> None:
        for delivery in deliveries:
            if delivery.outcome not in UNSUCCESSFUL:
                continue
            expected = isinstance(delivery.cause, Reject | Retry | EventError | TimeoutError | None)
            with log_fields(delivery.log_fields):
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


def _moment(iso: str) -> datetime:
    moment = datetime.fromisoformat(iso)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
