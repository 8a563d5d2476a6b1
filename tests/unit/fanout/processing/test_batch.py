"""The life of a batch: every record has one outcome, and none fails another."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fanout import Context, DeclarationError, EventError, Outcome, Reject, Retry, Worker
from fanout.idempotency import Lock, LockState, Request
from fanout.idempotency.memory import MemoryStore
from fanout.idempotency.store import event_key
from fanout.processing.batch import summary
from fanout.processing.timing import Pace
from fanout.publish import Publisher, wrap
from fanout.testing import Rig, record, record_of

from ..conftest import MakeWorker, ThingFollowed, ThingHappened, outcomes


def test_a_returning_handler_is_done(make_worker: MakeWorker) -> None:
    """GIVEN a handler that returns WHEN a batch comes THEN each record is handled and nothing is settled."""
    worker, seen = make_worker(), []

    @worker.handles(ThingHappened)
    def handle(event: ThingHappened, _: Context) -> None:
        seen.append(event.number)

    rig = Rig(worker)
    deliveries = rig.deliver(ThingHappened(number=1), ThingHappened(number=2))

    assert outcomes(deliveries) == [Outcome.HANDLED, Outcome.HANDLED]
    assert seen == [1, 2]
    assert rig.sqs_calls == []


def test_one_poison_of_ten_harms_no_other(make_worker: MakeWorker) -> None:
    """GIVEN ten records, one of which fails WHEN handled THEN nine are done and one comes again."""
    worker = make_worker()

    @worker.handles(ThingHappened)
    def handle(event: ThingHappened, _: Context) -> None:
        if event.number == 4:
            raise ZeroDivisionError("poison")

    rig = Rig(worker)
    deliveries = rig.deliver(*(ThingHappened(number=n) for n in range(10)))

    assert summary(deliveries)["handled"] == 9
    assert deliveries[4].outcome is Outcome.RETRIED
    assert [b["ReceiptHandle"] for b in rig.backoffs] == [deliveries[4].record.receipt_handle]


def test_backoff_doubles_with_each_receive_up_to_its_cap(make_worker: MakeWorker) -> None:
    """GIVEN base 2 and cap 10 WHEN a record fails again and again THEN its greatest backoff is 2, 4, 8, 10, 10."""
    worker = make_worker(retry={"base_s": 2, "cap_s": 10}, queue={"max_receives": 100})

    @worker.handles(ThingHappened)
    def handle(event: ThingHappened, _: Context) -> None:
        raise ZeroDivisionError

    rig = Rig(worker)
    [delivery] = rig.deliver(ThingHappened(number=1))
    for _ in range(4):
        delivery = rig.redeliver(delivery)

    assert [backoff["VisibilityTimeout"] for backoff in rig.backoffs] == [2, 4, 8, 10, 10]


def test_retry_after_sets_the_delay(make_worker: MakeWorker) -> None:
    """GIVEN a handler that asks for 77 s WHEN it raises Retry THEN the record is hidden for 77 s."""
    worker = make_worker()

    @worker.handles(ThingHappened)
    def handle(event: ThingHappened, _: Context) -> None:
        raise Retry("busy", after=77)

    rig = Rig(worker)
    rig.deliver(ThingHappened(number=1))

    assert rig.backoffs[0]["VisibilityTimeout"] == 77


def test_a_backoff_that_cannot_be_set_fails_no_record(make_worker: MakeWorker) -> None:
    """GIVEN SQS refuses the visibility change WHEN one record fails THEN the other is handled all the same."""
    worker = make_worker()

    @worker.handles(ThingHappened)
    def handle(event: ThingHappened, _: Context) -> None:
        if event.number == 1:
            raise ZeroDivisionError

    rig = Rig(worker)
    rig.refuse.add("change_message_visibility_batch")

    assert outcomes(rig.deliver(ThingHappened(number=1), ThingHappened(number=2))) == [Outcome.RETRIED, Outcome.HANDLED]


def test_a_rejected_record_goes_to_the_dlq_with_its_cause(make_worker: MakeWorker) -> None:
    """GIVEN a handler that rejects WHEN the record comes THEN the DLQ has its body and why."""
    worker = make_worker()

    @worker.handles(ThingHappened)
    def handle(event: ThingHappened, _: Context) -> None:
        raise Reject("never, \x00 ever")

    rig = Rig(worker)
    envelope = wrap(ThingHappened(number=1), event_id="e-1")
    [delivery] = rig.deliver(envelope)

    assert delivery.outcome is Outcome.REJECTED
    [letter] = rig.dead_letters
    assert letter["MessageBody"] == delivery.record.body
    cause = {name: attribute["StringValue"] for name, attribute in letter["MessageAttributes"].items()}
    assert cause["error_type"] == "Reject"
    assert cause["error_message"] == "never,  ever"
    assert cause["worker"] == "probe"
    assert cause["attempts"] == "1"
    assert cause["event_id"] == "e-1"
    assert cause["error_at"] == f"processing/test_batch.py:{handle.__code__.co_firstlineno + 2}"
    assert cause["trace_id"] == envelope.metadata.traceparent.split("-")[1]  # type: ignore[union-attr]
    assert len(cause) <= 10  # SQS takes no more attributes


def test_a_record_that_the_dlq_does_not_take_stays_in_the_queue(make_worker: MakeWorker) -> None:
    """GIVEN a DLQ that refuses WHEN a record is rejected THEN it is not acknowledged."""
    worker = make_worker()

    @worker.handles(ThingHappened)
    def handle(event: ThingHappened, _: Context) -> None:
        raise Reject("never")

    rig = Rig(worker)
    rig.refuse.add("send_message_batch")

    assert outcomes(rig.deliver(ThingHappened(number=1))) == [Outcome.RETRIED]


def test_the_last_failure_takes_its_cause_to_the_dlq(make_worker: MakeWorker) -> None:
    """GIVEN a record at its last try WHEN it fails THEN the worker moves it itself, with the cause."""
    worker = make_worker(queue={"max_receives": 3})

    @worker.handles(ThingHappened)
    def handle(event: ThingHappened, _: Context) -> None:
        raise ZeroDivisionError("again")

    rig = Rig(worker)
    [first] = rig.deliver(ThingHappened(number=1))
    second = rig.redeliver(first)
    last = rig.redeliver(second)

    assert (first.outcome, second.outcome) == (Outcome.RETRIED, Outcome.RETRIED)
    assert last.outcome is Outcome.REJECTED
    [letter] = rig.dead_letters
    assert letter["MessageAttributes"]["error_type"]["StringValue"] == "ZeroDivisionError"
    assert letter["MessageAttributes"]["attempts"]["StringValue"] == "3"


def test_no_record_is_begun_that_cannot_end(make_worker: MakeWorker) -> None:
    """GIVEN recent records that took 5 s WHEN 4.9 s are left THEN the batch's first record begins, else none ever
    would again, and the second is postponed and at once visible again; WHEN no time is left THEN none begins."""
    worker = make_worker()
    worker.handles(ThingHappened)(lambda event, context: None)
    pace = Pace()
    pace.took(5.0)
    rig = Rig(worker, pace=pace)

    first, second = rig.deliver(ThingHappened(number=1), ThingHappened(number=2), remaining_s=4.9)
    [late] = rig.deliver(ThingHappened(number=3), remaining_s=0.4)

    assert (first.outcome, second.outcome, late.outcome) == (Outcome.HANDLED, Outcome.POSTPONED, Outcome.POSTPONED)
    assert rig.backoffs[0]["VisibilityTimeout"] == 0


def test_an_expired_event_is_dropped(make_worker: MakeWorker) -> None:
    """GIVEN an event that expired WHEN it comes THEN it is acknowledged unhandled; a later one is handled."""
    worker = make_worker()
    worker.handles(ThingHappened)(lambda event, context: None)
    now = datetime.now(UTC)
    past = wrap(ThingHappened(number=1), expires_at=now - timedelta(seconds=5))
    future = wrap(ThingHappened(number=2), expires_at=now + timedelta(hours=1))
    nonsense = replace(future, metadata=replace(future.metadata, event_id="n", expires_at="soon"))

    assert outcomes(Rig(worker).deliver(past, future, nonsense)) == [
        Outcome.EXPIRED,
        Outcome.HANDLED,
        Outcome.REJECTED,
    ]


def test_a_failure_stops_its_message_group_alone(make_worker: MakeWorker) -> None:
    """GIVEN a FIFO queue with two groups WHEN a record of one fails THEN the rest of that group waits, the other
    goes on."""
    worker, seen = make_worker(queue={"fifo": True}, via="bus"), []

    @worker.handles(ThingHappened)
    def handle(event: ThingHappened, _: Context) -> None:
        if event.number == 1:
            raise ZeroDivisionError
        seen.append(event.number)

    deliveries = Rig(worker).deliver(
        record_of(ThingHappened(number=1), group="a"),
        record_of(ThingHappened(number=2), group="b"),
        record_of(ThingHappened(number=3), group="a"),
        record_of(ThingHappened(number=4), group="b"),
    )

    assert outcomes(deliveries) == [Outcome.RETRIED, Outcome.HANDLED, Outcome.RETRIED, Outcome.HANDLED]
    assert seen == [2, 4]


def test_what_a_handler_publishes_is_caused_by_its_event(make_worker: MakeWorker) -> None:
    """GIVEN a handler that publishes WHEN it runs twice THEN both times the same event, in the same correlation and
    trace, caused by the event handled."""
    worker, effects = make_worker(idempotency={"mode": "off"}), []

    @worker.handles(ThingHappened)
    def handle(event: ThingHappened, context: Context) -> None:
        effects.append(context.publish(ThingFollowed(number=event.number), subject="s"))

    rig = Rig(worker)
    root = wrap(ThingHappened(number=1))
    rig.deliver(root, root)

    first, second = (envelope.metadata for envelope in rig.published)
    assert first.event_id == second.event_id == effects[0]
    assert first.correlation_id == root.metadata.correlation_id
    assert first.causation_id == root.metadata.event_id
    assert first.subject == "s"
    assert first.traceparent is not None
    assert root.metadata.traceparent is not None
    assert first.traceparent.split("-")[1] == root.metadata.traceparent.split("-")[1]


def test_a_failed_handler_publishes_nothing(make_worker: MakeWorker) -> None:
    """GIVEN a handler that publishes and then fails WHEN it runs THEN the bus has nothing of it."""
    worker = make_worker()

    @worker.handles(ThingHappened)
    def handle(event: ThingHappened, context: Context) -> None:
        context.publish(ThingFollowed(number=event.number))
        raise ZeroDivisionError

    rig = Rig(worker)
    rig.deliver(ThingHappened(number=1))

    assert rig.published == []


def test_a_record_whose_event_the_bus_refuses_comes_again(make_worker: MakeWorker) -> None:
    """GIVEN a bus that takes nothing WHEN a handler publishes THEN its record is not completed."""
    worker = make_worker()

    @worker.handles(ThingHappened)
    def handle(event: ThingHappened, context: Context) -> None:
        context.publish(ThingFollowed(number=event.number))

    rig = Rig(worker)
    rig.bus_error = "InternalFailure: no"
    [delivery] = rig.deliver(ThingHappened(number=1))
    assert delivery.outcome is Outcome.RETRIED

    rig.bus_error = None
    assert rig.redeliver(delivery).outcome is Outcome.HANDLED
    assert len(rig.published) == 1


def test_a_publisher_that_cannot_be_made_harms_no_record_that_publishes_nothing(make_worker: MakeWorker) -> None:
    """GIVEN a function without FANOUT_BUS WHEN one record of a batch publishes THEN that record is retried with the
    cause, and its mates are done."""
    worker, effects = make_worker(), list[int]()

    @worker.handles(ThingHappened)
    def handle(event: ThingHappened, context: Context) -> None:
        effects.append(event.number)
        if event.number == 1:
            context.publish(ThingFollowed(number=1))

    def without_bus() -> Publisher:
        raise DeclarationError("FANOUT_BUS is not set")

    rig = Rig(worker)
    rig.processor.publisher = without_bus
    deliveries = rig.deliver(*(ThingHappened(number=number) for number in range(3)))

    assert outcomes(deliveries) == [Outcome.HANDLED, Outcome.RETRIED, Outcome.HANDLED]
    assert "FANOUT_BUS" in str(deliveries[1].cause)
    assert outcomes(rig.deliver(deliveries[0].record, deliveries[2].record)) == [Outcome.DUPLICATE] * 2
    assert effects == [0, 1, 2]


def test_a_batch_handler_gets_the_open_records_at_once(make_worker: MakeWorker) -> None:
    """GIVEN a handler of batches WHEN a batch has a duplicate and an unreadable record THEN it gets the others."""
    worker, seen = make_worker(), []
    worker.handles_batch(lambda envelopes: seen.append([e.data["number"] for e in envelopes]))
    rig = Rig(worker)
    known = wrap(ThingHappened(number=1))
    rig.deliver(known)

    deliveries = rig.deliver(known, record("junk"), ThingHappened(number=2), ThingHappened(number=3))

    assert seen == [[1], [2, 3]]
    assert outcomes(deliveries) == [Outcome.DUPLICATE, Outcome.REJECTED, Outcome.HANDLED, Outcome.HANDLED]


@pytest.mark.parametrize(
    ("error", "expected"),
    [(Reject("no"), Outcome.REJECTED), (EventError("no"), Outcome.REJECTED), (ZeroDivisionError(), Outcome.RETRIED)],
)
def test_what_a_batch_handler_raises_reaches_all(make_worker: MakeWorker, error: Exception, expected: Outcome) -> None:
    """GIVEN a handler of batches WHEN it raises THEN every record has that outcome."""
    worker = make_worker()

    @worker.handles_batch
    def fail(envelopes: object) -> None:
        raise error

    assert outcomes(Rig(worker).deliver(ThingHappened(number=1), ThingHappened(number=2))) == [expected, expected]


@given(st.lists(st.tuples(st.integers(0, 4), st.sampled_from(["ok", "retry", "reject", "crash", "junk"])), max_size=12))
def test_every_record_has_one_outcome_and_no_event_two_effects(
    tmp_path_factory: pytest.TempPathFactory, plan: list[tuple[int, str]]
) -> None:
    """GIVEN any mix of events, duplicates and failures WHEN handled as one batch and again THEN each record has its
    outcome, and no event has its effect twice."""
    folder = tmp_path_factory.mktemp("services") / "probe"
    folder.mkdir()
    (folder / "worker.yaml").write_text("description: d\nsubscribes: [{event: test.things/ThingHappened}]\n")
    worker, effects = Worker(str(folder / "handler.py")), []
    behaviour = dict(reversed(plan))

    @worker.handles(ThingHappened)
    def handle(event: ThingHappened, _: Context) -> None:
        match behaviour[event.number]:
            case "retry":
                raise Retry
            case "reject":
                raise Reject("no")
            case "crash":
                raise ZeroDivisionError
        effects.append(event.number)

    rig = Rig(worker)
    for _ in range(2):
        deliveries = rig.deliver(
            *(
                record("junk") if behaviour[n] == "junk" else record_of(wrap(ThingHappened(number=n), event_id=str(n)))
                for n, _ in plan
            )
        )
        assert all(delivery.outcome is not None for delivery in deliveries)
        assert sum(summary(deliveries).values()) == len(plan)
    assert sorted(effects) == sorted({n for n in behaviour if behaviour[n] == "ok"})


@pytest.mark.parametrize("state", [LockState.UNAVAILABLE, LockState.IN_PROGRESS])
def test_a_record_that_cannot_be_locked_stops_its_message_group(make_worker: MakeWorker, state: LockState) -> None:
    """GIVEN a FIFO queue WHEN the first record of a group cannot be locked THEN the group's next one waits for it."""
    worker, seen = make_worker(queue={"fifo": True}, via="bus"), []
    worker.handles(ThingHappened)(lambda event, context: seen.append(event.number))
    first, second, other = (wrap(ThingHappened(number=n)) for n in range(3))

    class Store(MemoryStore):
        def acquire(self, requests: Sequence[Request]) -> list[Lock]:
            refused = event_key("probe", first)
            return [lock._replace(state=state) if lock.key == refused else lock for lock in super().acquire(requests)]

    deliveries = Rig(worker, store=Store()).deliver(
        record_of(first, group="a"), record_of(second, group="a"), record_of(other, group="b")
    )

    assert outcomes(deliveries) == [Outcome.RETRIED, Outcome.RETRIED, Outcome.HANDLED]
    assert seen == [2]


def test_an_unreadable_record_stops_its_message_group_until_the_dlq_has_it(make_worker: MakeWorker) -> None:
    """GIVEN a FIFO queue WHEN the first record of a group cannot be read THEN the next is handled if the DLQ has it,
    and waits if not."""
    worker = make_worker(queue={"fifo": True}, via="bus")
    worker.handles(ThingHappened)(lambda event, context: None)
    rig = Rig(worker)
    messages = record("junk", group="a"), record_of(ThingHappened(number=1), group="a")

    rig.refuse.add("send_message_batch")
    assert outcomes(rig.deliver(*messages)) == [Outcome.RETRIED, Outcome.RETRIED]
    rig.refuse.clear()
    assert outcomes(rig.deliver(*messages)) == [Outcome.REJECTED, Outcome.HANDLED]


def test_a_batch_handler_is_not_begun_without_time(make_worker: MakeWorker) -> None:
    """GIVEN a batch handler WHEN no time is left but for settling THEN its batch is postponed, else not."""
    worker, seen = make_worker(), list[object]()
    worker.handles_batch(seen.append)
    rig = Rig(worker)

    assert outcomes(rig.deliver(ThingHappened(number=1), remaining_s=0.4)) == [Outcome.POSTPONED]
    assert outcomes(rig.deliver(ThingHappened(number=1), remaining_s=5.6)) == [Outcome.HANDLED]
    assert len(seen) == 1
