"""What became of one event in one worker: exactly one reason for every worker there is.

Each rule says yes, with a reason, or passes the question on; the last one always says yes. Their order is the order
in which what is known is to be believed: a record of the handling before anything, then where a message is known to
be, then why there may be none, and only then that the event may be lost.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from fanout.events.envelope import Envelope
from fanout.outcomes import Outcome
from fanout.tracing.hops import Hop
from fanout_tools.declarations.routing import patterns_of
from fanout_tools.declarations.worker import IdempotencyMode, Manifest
from fanout_tools.operate.evidence import (
    Evidence,
    Failure,
    QueueState,
    Record,
    RecordState,
    as_delivered,
    seconds,
)

__all__ = ["GRACE_S", "Facts", "Fate", "Reason", "facts_of", "reason"]

GRACE_S = 60.0
"""How long an event may be under way before its absence says anything: queue depths are as old
(https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-short-and-long-polling.html)."""


class Fate(StrEnum):
    """What became of an event in a worker."""

    HANDLED = "handled"
    DEAD = "dead"
    """In the worker's DLQ."""
    HELD = "held"
    """An execution is at it."""
    RETRYING = "retrying"
    """A try has failed, or died; it comes again."""
    REMOVED = "removed"
    """It was in the DLQ, and is there no more."""
    UNDELIVERED = "undelivered"
    """In the DLQ of a hop before the worker's queue."""
    NOT_SUBSCRIBED = "not subscribed"
    FILTERED = "filtered"
    NOT_DEPLOYED = "not deployed yet"
    EXPIRED = "expired"
    FORGOTTEN = "forgotten"
    """Longer ago than the worker remembers."""
    NOT_TOLD = "not told"
    """The worker keeps no record by which this event could be found, and no log line was found."""
    PAUSED = "paused"
    WAITING = "waiting"
    UNDECIDED = "undecided"
    """Its filter may have kept the event away: without the event's data nobody can tell."""
    LOST = "possibly lost"

    @property
    def well(self) -> bool:
        """Whether there is nothing to do about it."""
        return self in _WELL

    @property
    def bad(self) -> bool:
        """Whether the event is stuck for good, or lost."""
        return self in (Fate.DEAD, Fate.UNDELIVERED, Fate.LOST)


_WELL = frozenset({Fate.HANDLED, Fate.NOT_SUBSCRIBED, Fate.FILTERED, Fate.NOT_DEPLOYED, Fate.EXPIRED})


@dataclass(frozen=True, slots=True)
class Reason:
    """The fate, and what a person is to know of it."""

    fate: Fate
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of one event in one worker. Times are seconds since 1970."""

    worker: str
    event: str
    manifest: Manifest
    now: float
    record: Record | None = None
    tries: Sequence[Hop] = ()
    logs_read: bool = False
    dead: Failure | None = None
    dead_read: bool = False
    undelivered: Failure | None = None
    failure: Failure | None = None
    """The last one that its log tells of."""
    envelope: Envelope | None = None
    published_at: float | None = None
    queue: QueueState | None = None

    @property
    def subscribed(self) -> bool:
        return any(each.event in (self.event, "*") for each in self.manifest.subscribes)

    @property
    def conditions(self) -> list[dict[str, Any]]:
        """Those any of which the event has to meet; empty: it is taken whatever it holds."""
        wanted = [each.where for each in self.manifest.subscribes if each.event in (self.event, "*")]
        return wanted if all(wanted) else []

    @property
    def age_s(self) -> float | None:
        return None if self.published_at is None else self.now - self.published_at


def facts_of(evidence: Evidence, worker: str, manifest: Manifest, event: str, event_id: str) -> Facts:
    """What the evidence holds of an event in a worker."""
    at = (worker, event_id)
    return Facts(
        worker=worker,
        event=event,
        manifest=manifest,
        now=evidence.now,
        record=evidence.record(worker, event_id),
        tries=evidence.tries(worker, event_id),
        logs_read=evidence.logs_read,
        dead=evidence.dead.get(at),
        dead_read=worker in evidence.dead_read,
        undelivered=evidence.undelivered.get(at),
        failure=evidence.failures.get(at),
        envelope=evidence.envelopes.get(event_id),
        published_at=evidence.published_at(event_id),
        queue=evidence.queues.get(worker),
    )


def reason(facts: Facts) -> Reason:
    """What became of the event in the worker."""
    return next(found for rule in _RULES if (found := rule(facts)) is not None)


Rule = Callable[[Facts], Reason | None]


def _handled(facts: Facts) -> Reason | None:
    if facts.record is not None and facts.record.state is RecordState.COMPLETED:
        return Reason(Fate.HANDLED)
    if any(hop.outcome in (Outcome.HANDLED, Outcome.DUPLICATE) for hop in facts.tries):
        return Reason(Fate.HANDLED, "as its log says; no record of it is kept any more")
    return None


def _dead(facts: Facts) -> Reason | None:
    """What the letter says; where in the code, the log may say alone."""
    if facts.dead is None:
        return None
    place = facts.dead.place or (facts.failure.place if facts.failure else None)
    return Reason(Fate.DEAD, _told(replace(facts.dead, place=place)))


def _held(facts: Facts) -> Reason | None:
    record = facts.record
    if record is None or record.state is not RecordState.HELD:
        return None
    return Reason(Fate.HELD, f"by {record.owner}, for {_duration(record.locked_until - facts.now)} more at most")


def _moved(facts: Facts) -> Reason | None:
    """To the DLQ: its lock was given back so that a redrive begins anew, or its last try was rejected."""
    begins_anew = facts.record is not None and facts.record.state is RecordState.RELEASED and not facts.record.tries
    rejected = bool(facts.tries) and facts.tries[-1].outcome == Outcome.REJECTED
    if not (begins_anew or rejected):
        return None
    cause = f"{_told(facts.failure)}; " if facts.failure else ""
    empty = facts.dead_read or (facts.queue is not None and facts.queue.dead == 0)
    if empty and not _fresh(facts):
        return Reason(Fate.REMOVED, f"{cause}it was in the DLQ, and is there no more: redriven, dropped or expired")
    return Reason(Fate.DEAD, f"{cause}moved to the DLQ")


def _retrying(facts: Facts) -> Reason | None:
    record, more = facts.record, ", once the worker is resumed" if _is_paused(facts) else ""
    more += f": {_told(facts.failure)}" if facts.failure else ""
    if record is not None and record.state is RecordState.RELEASED:
        return Reason(Fate.RETRYING, f"{_count(record.tries, 'try', 'tries')} failed; it comes again{more}")
    if record is not None:
        return Reason(Fate.RETRYING, f"the process died over try {record.tries}; it comes again{more}")
    if facts.tries and facts.tries[-1].outcome in (Outcome.RETRIED, Outcome.POSTPONED):
        last = facts.tries[-1]
        return Reason(Fate.RETRYING, f"{last.outcome} at receive {last.receives}; it comes again{more}")
    return None


def _undelivered(facts: Facts) -> Reason | None:
    return None if facts.undelivered is None else Reason(Fate.UNDELIVERED, facts.undelivered.cause)


def _not_subscribed(facts: Facts) -> Reason | None:
    return None if facts.subscribed else Reason(Fate.NOT_SUBSCRIBED)


def _filtered(facts: Facts) -> Reason | None:
    if not facts.conditions or facts.envelope is None:
        return None
    delivered = as_delivered(facts.envelope)
    explanations = [pattern.explain(delivered) for pattern in patterns_of(facts.manifest, facts.event)]
    if any(each.matched for each in explanations):
        return None
    return Reason(Fate.FILTERED, "; ".join([*map(str, explanations), *_other_filter(facts)]))


def _other_filter(facts: Facts) -> Iterator[str]:
    """Told is what today's filter says."""
    deployed = facts.queue.deployed_at if facts.queue else None
    if deployed is not None and facts.published_at is not None and facts.published_at < deployed:
        since = _duration(deployed - facts.published_at)
        yield f"the worker was deployed {since} after the event: its filter may have been another before"


def _not_deployed(facts: Facts) -> Reason | None:
    created = facts.queue.created_at if facts.queue else None
    if created is None or facts.published_at is None or facts.published_at >= created:
        return None
    return Reason(Fate.NOT_DEPLOYED, f"its queue was made {_duration(created - facts.published_at)} after the event")


def _expired(facts: Facts) -> Reason | None:
    if any(hop.outcome == Outcome.EXPIRED for hop in facts.tries):
        return Reason(Fate.EXPIRED, "it came to the worker after its expires_at")
    until = facts.envelope.metadata.expires_at if facts.envelope else None
    if until is None or (moment := seconds(until)) is None or moment > facts.now:
        return None
    return Reason(Fate.EXPIRED, f"its expires_at was {until}")


def _forgotten(facts: Facts) -> Reason | None:
    age_s, ttl_s = facts.age_s, facts.manifest.ttl_s
    if age_s is None or age_s <= ttl_s:
        return None
    return Reason(Fate.FORGOTTEN, f"it remembers {_duration(ttl_s)}; the event is {_duration(age_s)} old")


def _undecided(facts: Facts) -> Reason | None:
    if not facts.conditions or facts.envelope is not None:
        return None
    wanted = " or ".join(json.dumps(each) for each in facts.conditions)
    return Reason(Fate.UNDECIDED, f"filtered, unless its data meet {wanted}: give them with --data to know")


def _paused(facts: Facts) -> Reason | None:
    queue, age_s = facts.queue, facts.age_s
    if queue is None or not queue.paused:
        return None
    if queue.messages == 0 and age_s is not None and age_s >= GRACE_S:
        return None  # what waits for the end of a pause is in the queue
    waiting = _count(queue.messages, "message", "messages")
    return Reason(Fate.PAUSED, f"{queue.paused_by or 'its event source mapping is disabled'}; {waiting} in its queue")


def _waiting(facts: Facts) -> Reason | None:
    age_s, queue = facts.age_s, facts.queue
    if age_s is not None and age_s < GRACE_S + facts.manifest.batch.window_s:
        return Reason(Fate.WAITING, f"published {_duration(age_s)} ago: on its way")
    if queue is None or queue.messages == 0:
        return None
    if age_s is not None and queue.oldest_s is not None and queue.oldest_s + GRACE_S < age_s:
        return None  # everything that waits is younger
    oldest = f", the oldest for {_duration(queue.oldest_s)}" if queue.oldest_s is not None else ""
    return Reason(Fate.WAITING, f"{_count(queue.messages, 'message', 'messages')} in its queue{oldest}")


def _not_told(facts: Facts) -> Reason | None:
    idempotency = facts.manifest.idempotency
    searched = "no log line was found" if facts.logs_read else "its log was not read: --logs"
    if idempotency.mode is IdempotencyMode.OFF:
        return Reason(Fate.NOT_TOLD, f"it keeps no records (idempotency: off), and {searched}")
    if idempotency.key and facts.envelope is None:
        return Reason(Fate.NOT_TOLD, f"its records are by {', '.join(idempotency.key)}: give --data; {searched}")
    return None


def _lost(facts: Facts) -> Reason:
    age_s = facts.age_s
    old = "" if age_s is None else f" of an event {_duration(age_s)} old"
    return Reason(Fate.LOST, f"no record{old}, no message waits, and nothing says why")


_RULES: tuple[Rule, ...] = (
    _handled,
    _dead,
    _held,
    _moved,
    _retrying,
    _undelivered,
    _not_subscribed,
    _filtered,
    _not_deployed,
    _expired,
    _forgotten,
    _undecided,
    _paused,
    _waiting,
    _not_told,
    _lost,
)


def _fresh(facts: Facts) -> bool:
    """Whether so little time has passed since the last that is known of it that queues may not tell of it yet."""
    moments = [hop.ended_ms / 1000 for hop in facts.tries] or [facts.published_at or 0.0]
    return facts.now - max(moments) < GRACE_S


def _told(failure: Failure) -> str:
    return f"{failure.cause} ({failure.place})" if failure.place else failure.cause


def _is_paused(facts: Facts) -> bool:
    return facts.queue is not None and facts.queue.paused


def _count(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"


def _duration(s: float) -> str:
    """To the unit that a person wants to know."""
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if abs(s) >= 2 * size:
            return f"{s / size:.0f} {unit}"
    return f"{max(0.0, s):.0f} s"
