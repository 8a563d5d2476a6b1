"""A batch's way through the idempotency store: lock each event once, and record or give back what was locked.

Records with earlier tries wait until the others are recorded, because one of them may be what ended its process: those
that were given back go second, as a group; those whose process died go last, each locked alone, so that a death
counts against the record that was being handled and against no other.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fanout.errors import EventError
from fanout.events.envelope import Envelope
from fanout.idempotency import (
    Completion,
    Lock,
    LockState,
    Release,
    Request,
    Store,
    fingerprint,
    storable,
)
from fanout.idempotency.store import event_key, key_values
from fanout.outcomes import Outcome, Reject, Retry
from fanout.processing.delivery import UNSUCCESSFUL, Delivery, Invocation, undecided
from fanout.processing.settings import Settings

__all__ = ["Group", "Locks", "ProcessDied"]

log = logging.getLogger(__name__)

LOCK_MARGIN_S = 1.0
"""How long a lock outlives the invocation that holds it: clocks differ."""

SETTLING_S = 0.3
"""Kept back of the invocation for what comes after a completion that has to be tried again."""

LONGEST_DELAY_S = 43_200
"""That SQS hides a message for."""

FRESH, RELEASED, DIED = range(3)
"""When a record is handled: see the module."""

_HELD_OR_FREE = frozenset({LockState.ACQUIRED, LockState.RELEASED, LockState.DIED})

_WAITING = {LockState.RELEASED: RELEASED, LockState.DIED: DIED}


class ProcessDied(Exception):  # noqa: N818 - an outcome, named so in the DLQ
    """The process ended while it handled the record, as often as the record may be tried."""


@dataclass(slots=True, eq=False, repr=False)
class Group:
    """Records that are handled, and recorded, together."""

    deliveries: list[Delivery]
    untaken: list[tuple[Delivery, Request]] = field(default_factory=list)
    """Those of them that have to be taken over first."""


@dataclass(eq=False, repr=False)
class Locks:
    """Speaks to the store for the batches of one worker."""

    settings: Settings
    store: Store
    clock: Callable[[], float] = time.time
    _duplicates: list[tuple[Delivery, Delivery]] = field(default_factory=list, init=False)
    """The further records of an event within a batch, each with the first."""
    _sizes: dict[str, int] = field(default_factory=dict, init=False)
    """How many locks each batch of locks has; none where one was not answered: who knows what the store holds."""

    _unanswered: list[Release] = field(default_factory=list, init=False)
    """Locks that may have been made all the same, with the tries that their events have had."""

    def take(self, deliveries: Sequence[Delivery], invocation: Invocation) -> list[Group]:
        """Lock the event of every undecided record, and decide those that cannot be had; the others in the groups in
        which they are to be handled."""
        self._duplicates.clear()
        self._sizes.clear()
        self._unanswered.clear()
        requests = self._requests(deliveries, invocation)
        if not requests:
            return []
        locks = self.store.acquire([request for _, request in requests])
        self._note_sizes(locks)
        waiting = False
        for (delivery, _), lock in zip(requests, locks, strict=True):
            if lock.state is LockState.ACQUIRED:  # as nearly always
                delivery.lock = lock
                continue
            self._decide(delivery, lock)
            self._note_unanswered(lock, tries=0)
            waiting = waiting or lock.state in _WAITING
        return self._groups(deliveries, requests) if waiting else [Group(list(deliveries))]

    def _requests(self, deliveries: Iterable[Delivery], invocation: Invocation) -> list[tuple[Delivery, Request]]:
        first: dict[str, tuple[Delivery, Request]] = {}
        lock_until = self.clock() + invocation.remaining_s() + LOCK_MARGIN_S
        worker, paths = self.settings.worker, self.settings.key
        for delivery, envelope in undecided(deliveries):
            try:
                delivery.key = event_key(worker, envelope, paths)
                data = self._fingerprint(envelope) if paths else fingerprint(envelope.data)
            except EventError as error:
                delivery.reject(error)
                continue
            known = first.get(delivery.key)
            if known is None:
                # The request id tells a repeated call of this invocation from another delivery of the message.
                owner = f"{invocation.request_id}/{delivery.record.message_id}"
                first[delivery.key] = delivery, Request(delivery.key, owner, data, lock_until)
            elif known[1].fingerprint != data:
                delivery.reject(_conflict())
            else:
                self._duplicates.append((delivery, known[0]))
                delivery.decide(Outcome.DUPLICATE)
        return list(first.values())

    def _fingerprint(self, envelope: Envelope) -> str:
        """Of the key fields alone where the worker names some: a source that tells twice may tell more the second
        time."""
        values = key_values(envelope.data, self.settings.key)
        return fingerprint(envelope.data if values is None else values)

    def _decide(self, delivery: Delivery, lock: Lock) -> None:
        if lock.state in _HELD_OR_FREE:
            delivery.lock = lock
            return
        delivery.lock = None
        match lock.state:
            case LockState.COMPLETED:
                self._resume(delivery, lock)
            case LockState.CONFLICT:
                delivery.reject(_conflict())
            case LockState.IN_PROGRESS:
                # Not before the lock ends: until then every delivery would be turned away, and count as a receive.
                wait = max(1.0, lock.locked_until - self.clock())
                delivery.retry(Retry("another execution holds the event"), delay_s=min(wait, LONGEST_DELAY_S))
            case LockState.UNAVAILABLE:
                delivery.retry(Retry(f"the idempotency store did not answer: {lock.reason}"))

    def _resume(self, delivery: Delivery, lock: Lock) -> None:
        """A duplicate, with the events that its handler had committed to. A record in the store is no leave to publish:
        whoever wrote it has no more of it than the worker itself."""
        try:
            published = [self._own(packed) for packed in lock.pending]
        except EventError as error:
            delivery.reject(error)
            return
        delivery.decide(Outcome.DUPLICATE)
        delivery.result, delivery.published = lock.result, published

    def _own(self, packed: Mapping[str, Any]) -> Envelope:
        """
        :raises EventError: it is no event, or none that the worker publishes.
        """
        envelope = Envelope.unpack(packed)
        if envelope.identifier not in self.settings.publishes:
            raise EventError(
                f"its idempotency record has {envelope.identifier[:200]} to be published, which is not among the "
                "publishes of worker.yaml: name it there and redrive the record, or find out who wrote it"
            )
        return envelope

    def _note_unanswered(self, lock: Lock, *, tries: int) -> None:
        if lock.state is LockState.UNAVAILABLE:
            self._unanswered.append(Release(lock, tries))

    def _note_sizes(self, locks: Sequence[Lock]) -> None:
        if self.settings.idempotency != "claim":
            return
        if not any(lock.state is LockState.UNAVAILABLE for lock in locks):
            self._sizes.update(Counter(lock.batch for lock in locks if lock.batch))

    # Groups.

    def _groups(self, deliveries: Sequence[Delivery], requests: Sequence[tuple[Delivery, Request]]) -> list[Group]:
        waiting = {id(delivery): request for delivery, request in requests if _turn(delivery) != FRESH}
        turns = self._turns(deliveries)
        groups = [self._group([d for d in deliveries if turns[id(d)] == turn], waiting) for turn in (FRESH, RELEASED)]
        last = [delivery for delivery in deliveries if turns[id(delivery)] == DIED]
        if not self.settings.fifo:  # those who died least go first
            last.sort(key=lambda delivery: delivery.tries)
        # Each alone: if the process dies again, it is known which of them did it.
        groups += [self._group([delivery], waiting) for delivery in last]
        return [group for group in groups if group.deliveries]

    def _turns(self, deliveries: Sequence[Delivery]) -> dict[int, int]:
        """When each record is handled; the records of a FIFO message group together, in their order."""
        turns = {id(delivery): _turn(delivery) for delivery in deliveries}
        if self.settings.fifo:
            latest: dict[str | None, int] = {}
            for delivery in deliveries:
                group = delivery.record.group
                latest[group] = max(latest.get(group, FRESH), turns[id(delivery)])
            turns = {id(delivery): latest[delivery.record.group] for delivery in deliveries}
        return turns

    def _group(self, deliveries: list[Delivery], waiting: dict[int, Request]) -> Group:
        return Group(deliveries, [(d, waiting[id(d)]) for d in deliveries if id(d) in waiting])

    def take_over(self, group: Group, invocation: Invocation) -> None:
        """Lock what of the group has been tried before, and decide what cannot be had, or has ended its process as
        often as it may be tried."""
        untaken = [(delivery, request) for delivery, request in group.untaken if delivery.undecided]
        if not untaken:
            return
        # Anew: the groups before have taken their time.
        lock_until = self.clock() + invocation.remaining_s() + LOCK_MARGIN_S
        known = [delivery.lock for delivery, _ in untaken if delivery.lock is not None]
        requests = [request._replace(lock_until=lock_until) for _, request in untaken]
        # Who else is handled with them: if the process dies, any of the group may have been the reason.
        company = sum(delivery.undecided for delivery in group.deliveries) > len(untaken)
        locks = self.store.take_over(requests, known, company=company)
        self._note_sizes(locks)
        for (delivery, _), before, lock in zip(untaken, known, locks, strict=True):
            self._decide(delivery, lock)
            self._note_unanswered(lock._replace(shared=before.shared), tries=before.tries)
            died = before.state is LockState.DIED and before.alone
            if delivery.undecided and died and before.tries >= self.settings.max_receives:
                delivery.reject(ProcessDied(f"the process died {before.tries} times while it handled this record"))

    # Ends.

    def finish(self, group: Group, invocation: Invocation) -> None:
        """Record the locks of handled records; give back those of failed ones."""
        until = self.clock() + invocation.remaining_s() - SETTLING_S
        self._complete(group.deliveries, until)
        failed = [delivery for delivery in group.deliveries if delivery.outcome in UNSUCCESSFUL]
        if failed:
            self._release(failed, until)
        self._forget_published(group.deliveries)

    def _release(self, failed: Iterable[Delivery], until: float) -> None:
        """Give locks back; but for those of records whose process died too often and that the DLQ refused, which are
        to be found as they were. Where a handler's work may still go on, the lock stays, and only a record that is in
        the DLQ is noted as to begin anew."""
        releases = [
            Release(delivery.lock, self._tries_after(delivery), held=delivery.abandoned)
            for delivery in failed
            if delivery.lock is not None
            and delivery.lock.state is LockState.ACQUIRED
            and not (delivery.abandoned and delivery.outcome is not Outcome.REJECTED)
            and not (delivery.outcome is Outcome.RETRIED and isinstance(delivery.cause, ProcessDied))
        ]
        if releases:
            self.store.release(releases, until=until)

    def _tries_after(self, delivery: Delivery) -> int:
        """What the store keeps: nothing of a record that is in the DLQ, whence it may come back to begin anew; and a
        try that has not begun is none."""
        if delivery.outcome is Outcome.REJECTED:
            return 0
        return delivery.tries if delivery.begun else delivery.tries - 1

    def _complete(self, deliveries: Sequence[Delivery], until: float) -> None:
        done = [
            (delivery, Completion(delivery.lock, None if delivery.result is None else self._result(delivery)))
            for delivery in deliveries
            if delivery.outcome is Outcome.HANDLED and delivery.lock is not None and not delivery.committed
        ]
        if not done:
            return
        completions = [completion for _, completion in done]
        for (delivery, _), error in zip(
            done, self.store.complete(completions, whole=self._whole(deliveries), until=until), strict=True
        ):
            if error is not None:
                # The effect is there: another delivery of this message would only repeat it.
                extra = {**delivery.log_fields(), "error": error}
                log.error("a handled event could not be recorded: a duplicate of it may be handled", extra=extra)

    def _whole(self, deliveries: Sequence[Delivery]) -> str:
        """The batch that these are all locks of, if all were handled and there is nothing in doubt; else ''."""
        if not self._sizes:
            return ""
        locked = [d for d in deliveries if d.lock is not None and d.lock.state is LockState.ACQUIRED]
        batches = {delivery.lock.batch for delivery in locked if delivery.lock is not None}
        batch = batches.pop() if len(batches) == 1 else ""
        handled = sum(delivery.outcome is Outcome.HANDLED for delivery in locked)
        return batch if handled == len(locked) == self._sizes.get(batch) else ""

    def _result(self, delivery: Delivery) -> object:
        problem = storable(delivery.result)
        if problem is None:
            return delivery.result
        log.warning("the handler's result is not kept: %s", problem, extra=delivery.log_fields())
        return None

    def _forget_published(self, deliveries: Iterable[Delivery]) -> None:
        """What was committed with an event's completion to be published after it has been published now."""
        published = [
            delivery.key
            for delivery in deliveries
            if delivery.published
            and (delivery.committed or delivery.lock is None)
            and delivery.outcome in (Outcome.HANDLED, Outcome.DUPLICATE)
        ]
        if published:
            self.store.forget_pending(published)

    def follow(self) -> None:
        """A further record of an event is a duplicate if the first was handled, else it comes again too. Locks that
        were not answered are given back in case they were made: nobody tried their events."""
        if self._unanswered:
            self.store.release(self._unanswered)
        for duplicate, first in self._duplicates:
            if first.outcome in UNSUCCESSFUL:
                duplicate.retry(Retry("the event's other record in this batch was not handled"))


def _turn(delivery: Delivery) -> int:
    lock = delivery.lock
    return FRESH if lock is None else _WAITING.get(lock.state, FRESH)


def _conflict() -> Reject:
    return Reject("an event with this event_id and other data has been seen before")
