"""Each event is locked once: duplicates, locks, and a store that does not answer."""

from collections.abc import Sequence

import pytest

from fanout import Context, Outcome
from fanout.idempotency import Completion, Lock, LockState, Request, fingerprint
from fanout.idempotency.memory import MemoryStore
from fanout.idempotency.store import event_key
from fanout.publish import wrap
from fanout.testing import Death, Rig, record_of

from ..conftest import MakeWorker, ThingHappened, outcomes


def test_a_duplicate_has_no_second_effect(make_worker: MakeWorker) -> None:
    """GIVEN an event that was handled WHEN it comes again by another message THEN it is acknowledged, not handled, and
    the first result is known."""
    worker, effects = make_worker(), []

    @worker.handles(ThingHappened)
    def handle(event: ThingHappened, _: Context) -> int:
        effects.append(event.number)
        return 42

    rig = Rig(worker)
    envelope = wrap(ThingHappened(number=1))
    rig.deliver(envelope)
    [second] = rig.deliver(envelope)

    assert second.outcome is Outcome.DUPLICATE
    assert second.result == 42
    assert effects == [1]


def test_a_duplicate_within_the_batch_follows_the_first(make_worker: MakeWorker) -> None:
    """GIVEN an event twice in one batch WHEN the first fails THEN both come again; WHEN it is handled THEN the second
    is a duplicate."""
    worker, failing = make_worker(), [True]

    @worker.handles(ThingHappened)
    def handle(event: ThingHappened, _: Context) -> None:
        if failing.pop() if failing else False:
            raise ZeroDivisionError

    rig = Rig(worker)
    envelope = wrap(ThingHappened(number=1))

    assert outcomes(rig.deliver(envelope, envelope)) == [Outcome.RETRIED, Outcome.RETRIED]
    assert outcomes(rig.deliver(envelope, envelope)) == [Outcome.HANDLED, Outcome.DUPLICATE]


def test_an_event_held_elsewhere_waits_for_the_lock(make_worker: MakeWorker) -> None:
    """GIVEN another execution that holds the event for 20 s WHEN it comes here THEN it is hidden for as long."""
    worker = make_worker()
    worker.handles(ThingHappened)(lambda event, context: None)
    store = MemoryStore(clock=lambda: 1000.0)
    rig = Rig(worker, store=store, clock=lambda: 1000.0)
    envelope = wrap(ThingHappened(number=1))
    key = event_key("probe", envelope)
    store.acquire([Request(key=key, owner="other", fingerprint=fingerprint(envelope.data), lock_until=1020.0)])

    [delivery] = rig.deliver(envelope)

    assert delivery.outcome is Outcome.RETRIED
    assert rig.backoffs[0]["VisibilityTimeout"] == 20


def test_a_dead_workers_lock_is_taken_over(make_worker: MakeWorker) -> None:
    """GIVEN a lock whose holder died WHEN it has expired THEN a redelivery handles the event."""
    worker, now, effects = make_worker(), [1000.0], []

    @worker.handles(ThingHappened)
    def handle(event: ThingHappened, _: Context) -> None:
        effects.append(event.number)
        if len(effects) == 1:
            rig.die()

    store = MemoryStore(clock=lambda: now[0])
    rig = Rig(worker, store=store, clock=lambda: now[0])
    message = record_of(ThingHappened(number=1), sent_ms=1_000_000)
    with pytest.raises(Death):
        rig.deliver(message, remaining_s=30)

    assert outcomes(rig.deliver(message)) == [Outcome.RETRIED]
    now[0] += 32
    assert outcomes(rig.deliver(message)) == [Outcome.HANDLED]


def test_a_failed_event_can_be_handled_at_once(make_worker: MakeWorker) -> None:
    """GIVEN a handler that failed WHEN the record comes again THEN no lock stands in its way."""
    worker, failures = make_worker(), [ZeroDivisionError()]

    @worker.handles(ThingHappened)
    def handle(event: ThingHappened, _: Context) -> None:
        if failures:
            raise failures.pop()

    rig = Rig(worker)
    [first] = rig.deliver(ThingHappened(number=1))

    assert rig.redeliver(first).outcome is Outcome.HANDLED


def test_same_id_with_other_data_is_rejected(make_worker: MakeWorker) -> None:
    """GIVEN a handled event WHEN its id comes with other data THEN that is rejected as tampering."""
    worker = make_worker()
    worker.handles(ThingHappened)(lambda event, context: None)
    rig = Rig(worker)
    rig.deliver(wrap(ThingHappened(number=1), event_id="e"))

    [delivery] = rig.deliver(wrap(ThingHappened(number=2), event_id="e"))

    assert delivery.outcome is Outcome.REJECTED
    assert "other data" in str(delivery.cause)


class _Unavailable(MemoryStore):
    """Takes no lock."""

    def acquire(self, requests: Sequence[Request]) -> list[Lock]:
        return [Lock(key=r.key, owner=r.owner, state=LockState.UNAVAILABLE, reason="Throttled") for r in requests]


def test_without_the_store_nothing_is_handled(make_worker: MakeWorker) -> None:
    """GIVEN a store that does not answer WHEN a record comes THEN it is not handled and comes again."""
    worker, effects = make_worker(), []
    worker.handles(ThingHappened)(lambda event, context: effects.append(1))

    [delivery] = Rig(worker, store=_Unavailable()).deliver(ThingHappened(number=1))

    assert (delivery.outcome, effects) == (Outcome.RETRIED, [])


def test_idempotency_off_handles_every_delivery(make_worker: MakeWorker) -> None:
    """GIVEN mode off WHEN an event comes twice THEN it is handled twice."""
    worker = make_worker(idempotency={"mode": "off"})
    worker.handles(ThingHappened)(lambda event, context: None)
    envelope = wrap(ThingHappened(number=1))

    assert outcomes(Rig(worker).deliver(envelope, envelope)) == [Outcome.HANDLED, Outcome.HANDLED]


def test_completions_are_one_call_for_the_batch(make_worker: MakeWorker) -> None:
    """GIVEN ten records WHEN handled THEN the store is asked once to lock and once to complete."""
    calls: list[str] = []

    class Counting(MemoryStore):
        def acquire(self, requests: Sequence[Request]) -> list[Lock]:
            calls.append("claim")
            return super().acquire(requests)

        def complete(
            self, completions: Sequence[Completion], *, whole: str = "", until: float = 0.0
        ) -> list[str | None]:
            calls.append("complete")
            return super().complete(completions, whole=whole, until=until)

    worker = make_worker()
    worker.handles(ThingHappened)(lambda event, context: None)
    Rig(worker, store=Counting()).deliver(*(ThingHappened(number=n) for n in range(10)))

    assert calls == ["claim", "complete"]


def test_in_lock_mode_a_batch_with_a_failure_is_recorded_record_by_record(make_worker: MakeWorker) -> None:
    """GIVEN claim mode WHEN one record of a batch fails THEN the others are duplicates when they come again, and it is
    handled; WHEN all are handled THEN a redelivery of the same messages has no second effect."""
    worker, failing, seen = make_worker(idempotency={"mode": "claim"}), [True], list[int]()

    @worker.handles(ThingHappened)
    def handle(event: ThingHappened, _: Context) -> None:
        if event.number == 1 and failing:
            failing.pop()
            raise ZeroDivisionError
        seen.append(event.number)

    rig = Rig(worker)
    messages = [record_of(ThingHappened(number=number)) for number in range(3)]

    assert outcomes(rig.deliver(*messages)) == [Outcome.HANDLED, Outcome.RETRIED, Outcome.HANDLED]
    assert outcomes(rig.deliver(*messages)) == [Outcome.DUPLICATE, Outcome.HANDLED, Outcome.DUPLICATE]
    others = [record_of(ThingHappened(number=number)) for number in range(3, 6)]
    assert outcomes(rig.deliver(*others)) == [Outcome.HANDLED] * 3
    assert outcomes(rig.deliver(*others)) == [Outcome.DUPLICATE] * 3
    assert sorted(seen) == list(range(6))


def test_in_lock_mode_a_mark_is_of_one_call_alone(make_worker: MakeWorker) -> None:
    """GIVEN claim mode, and a batch of new records among records given back, whose first is one of these WHEN the new
    ones are recorded as a whole, and the process dies over the others THEN those come again and are handled."""
    worker, now, handled = make_worker(idempotency={"mode": "claim"}), [1000.0], list[int]()
    rig = Rig(worker, clock=lambda: now[0])
    failing, dying = [True], [False]

    @worker.handles(ThingHappened)
    def handle(event: ThingHappened, _: Context) -> None:
        if event.number < 2 and failing[0]:
            raise ZeroDivisionError
        if event.number < 2 and dying[0]:
            rig.die()
        handled.append(event.number)

    messages = [record_of(ThingHappened(number=number), sent_ms=1_000_000) for number in range(4)]
    rig.deliver(*messages[:2])
    failing[0], dying[0] = False, True
    with pytest.raises(Death):
        rig.deliver(*messages)
    dying[0] = False
    now[0] += 180

    assert outcomes(rig.deliver(*messages)) == [Outcome.HANDLED] * 2 + [Outcome.DUPLICATE] * 2
    assert handled == [2, 3, 0, 1]


def test_in_a_fifo_group_a_death_behind_a_record_is_none_of_its_own(make_worker: MakeWorker) -> None:
    """GIVEN a record that failed once, and comes again with a new one behind it in its message group WHEN the new one
    ends the process THEN the first is not dead-lettered for that, but handled."""
    worker, now, handled = make_worker(via="bus", queue={"fifo": True, "max_receives": 2}), [1000.0], list[int]()
    rig = Rig(worker, clock=lambda: now[0])
    failures, deaths = [ZeroDivisionError()], [1]

    @worker.handles(ThingHappened)
    def handle(event: ThingHappened, _: Context) -> None:
        if event.number == 0 and failures:
            raise failures.pop()
        if event.number == 1 and deaths:
            deaths.pop()
            rig.die()
        handled.append(event.number)

    head, behind = (record_of(ThingHappened(number=number), group="g", sent_ms=1_000_000) for number in range(2))
    rig.deliver(head)
    with pytest.raises(Death):
        rig.deliver(head, behind)
    now[0] += 180

    assert outcomes(rig.deliver(head, behind)) == [Outcome.HANDLED] * 2
    assert rig.dead_letters == []
    assert handled == [0, 0, 1]
