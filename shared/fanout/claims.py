"""A batch's way through the idempotency store: claim each event once, and record or give back what was claimed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from fanout.delivery import UNSUCCESSFUL, Delivery, undecided
from fanout.envelope import Envelope
from fanout.errors import EventError
from fanout.idempotency import Claim, ClaimState, Completion, Request, Store, fingerprint
from fanout.invocation import Invocation
from fanout.outcomes import Outcome, Reject, Retry
from fanout.records import Record
from fanout.settings import Settings

__all__ = ["Claims"]

LOCK_MARGIN_S = 1.0
"""How long a lock outlives the invocation that holds it: clocks differ."""

LONGEST_DELAY_S = 43_200
"""That SQS hides a message for."""

Twins = list[tuple[Delivery, Delivery]]
"""The further records of an event within a batch, each with the one that stands for it."""


@dataclass(frozen=True)
class Claims:
    """Speaks to the store for the batches of one worker."""

    settings: Settings
    store: Store
    clock: Callable[[], float] = time.time

    def take(self, deliveries: Iterable[Delivery], invocation: Invocation) -> Twins:
        """Claim the event of every open record, and decide those that cannot be had."""
        first: dict[str, Delivery] = {}
        twins: Twins = []
        requests: list[Request] = []
        lock_until = self.clock() + invocation.remaining_s() + LOCK_MARGIN_S
        for delivery, envelope in undecided(deliveries):
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
        return self._ask_for_themselves(twins, invocation) if self.settings.idempotency == "claim" else twins

    def _ask_for_themselves(self, twins: Twins, invocation: Invocation) -> Twins:
        """In claim mode a claim is a message's for good: the record that stood for the event may be a duplicate of
        its twin, whose earlier execution died. Each such twin has to ask in its own name."""
        asking = [twin for twin, first in twins if first.outcome is Outcome.DUPLICATE]
        for twin in asking:
            twin.outcome = None
        rest = [(twin, first) for twin, first in twins if first.outcome is not Outcome.DUPLICATE]
        return rest + (self.take(asking, invocation) if asking else [])

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
                delivery.published = [Envelope.unpack(packed) for packed in claim.pending]
            case ClaimState.CONFLICT:
                delivery.reject(Reject("an event with this event_id and other data has been seen before"))
            case ClaimState.IN_PROGRESS:
                wait = max(1.0, claim.locked_until - self.clock())
                delivery.retry(Retry("another execution holds the event"), delay_s=min(wait, LONGEST_DELAY_S))
            case ClaimState.UNAVAILABLE:
                delivery.retry(Retry(f"the idempotency store did not answer: {claim.reason}"))

    def finish(self, deliveries: Sequence[Delivery]) -> None:
        """Record the claims of handled records; give back those of failed ones."""
        done = [
            (delivery, Completion(claim=delivery.claim, result=delivery.result))
            for delivery in deliveries
            if delivery.outcome is Outcome.HANDLED and delivery.claim is not None and not delivery.committed
        ]
        failed = [
            delivery.claim
            for delivery in deliveries
            # The handler of an abandoned record may still run: nobody else may, until its lock expires.
            if delivery.claim is not None and delivery.outcome in UNSUCCESSFUL and not delivery.abandoned
        ]
        recorded = self.store.complete([completion for _, completion in done]) if done else []
        for (delivery, _), kept in zip(done, recorded, strict=True):
            if not kept:
                # The effect is there. The claim stays, so that nobody repeats it before the lock expires.
                delivery.retry(Retry("handled, but its completion could not be recorded"))
        if failed:
            self.store.release(failed)
        self._forget_published(deliveries)

    def _forget_published(self, deliveries: Iterable[Delivery]) -> None:
        """What was committed with an event's completion to be published after it has been published now."""
        published = [
            f"{self.settings.worker}#{delivery.envelope.metadata.event_id}"
            for delivery in deliveries
            if delivery.envelope
            and delivery.published
            and (delivery.committed or delivery.claim is None)
            and delivery.outcome in (Outcome.HANDLED, Outcome.DUPLICATE)
        ]
        if published:
            self.store.forget_pending(published)

    @staticmethod
    def follow(twins: Twins) -> None:
        """A second record of an event is a duplicate if the first was handled, else it comes again too."""
        for twin, first in twins:
            if first.outcome in UNSUCCESSFUL:
                twin.retry(Retry("the event's other record in this batch was not handled"))
