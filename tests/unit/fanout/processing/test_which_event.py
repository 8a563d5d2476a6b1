"""Which event a record is: equal ids, other data, keys out of the data."""

from __future__ import annotations

from fanout import Context, Envelope, Outcome
from fanout.publish import wrap
from fanout.testing import Rig

from ..conftest import MakeWorker, ThingFollowed, ThingHappened, outcomes
from .support import BOTH


def test_equal_ids_of_two_events_are_two_events(make_worker: MakeWorker) -> None:
    """GIVEN two events of other names with one event_id WHEN they come, in one batch or in two, THEN both are handled,
    and what they cause has ids of its own."""
    for together in (True, False):
        worker, seen = make_worker(**BOTH), list[str]()

        @worker.handles(ThingHappened)
        def on_happened(event: ThingHappened, context: Context, seen: list[str] = seen) -> None:
            seen.append(context.identity("x"))

        @worker.handles(ThingFollowed)
        def on_followed(event: ThingFollowed, context: Context, seen: list[str] = seen) -> None:
            seen.append(context.identity("x"))

        rig = Rig(worker)
        events = [wrap(ThingHappened(number=1), event_id="4711"), wrap(ThingFollowed(number=1), event_id="4711")]
        for batch in [events] if together else [[event] for event in events]:
            assert set(outcomes(rig.deliver(*batch))) == {Outcome.HANDLED}
        assert len(set(seen)) == 2


def test_other_data_under_one_id_are_rejected_within_a_batch(make_worker: MakeWorker) -> None:
    """GIVEN two records of one id with other data WHEN they come in one batch THEN the second is rejected, as it is
    when they come in two."""
    worker = make_worker()
    worker.handles(ThingHappened)(lambda event, context: None)

    first, second = Rig(worker).deliver(*(wrap(ThingHappened(number=n), event_id="e") for n in (1, 2)))

    assert (first.outcome, second.outcome) == (Outcome.HANDLED, Outcome.REJECTED)
    assert "other data" in str(second.cause)


def test_a_key_of_the_data_tells_a_source_that_tells_twice(make_worker: MakeWorker) -> None:
    """GIVEN idempotency.key WHEN one thing is told twice under two ids, the second time with more data THEN it is
    handled once; an event with some of the fields only is rejected, naming the other."""
    worker, seen = make_worker(idempotency={"key": ["number"]}), []
    worker.handles(ThingHappened)(lambda event, context: seen.append(event.number))
    rig = Rig(worker)
    first = wrap(ThingHappened(number=1))
    second = Envelope(
        source=first.source, name=first.name, metadata=wrap(ThingHappened(number=1)).metadata,
        data={"number": 1, "sequencer": "9"},
    )  # fmt: skip

    assert outcomes(rig.deliver(first) + rig.deliver(second)) == [Outcome.HANDLED, Outcome.DUPLICATE]

    strict = make_worker(idempotency={"key": ["number", "place.room"]})
    strict.handles(ThingHappened)(lambda event, context: None)
    [delivery] = Rig(strict).deliver(ThingHappened(number=1))
    assert delivery.outcome is Outcome.REJECTED
    assert "place.room" in str(delivery.cause)
