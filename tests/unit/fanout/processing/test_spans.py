"""One compact entry per record of a batch, by which the way of any event can be followed."""

from dataclasses import replace

import orjson

from fanout import Context
from fanout.processing.accounts import MAX_SPANS, span_lines
from fanout.processing.delivery import Delivery
from fanout.publish import wrap
from fanout.testing import Rig, record, record_of

from ..conftest import MakeWorker, ThingFollowed, ThingHappened

FIELDS = (
    "event_id",
    "correlation_id",
    "event",
    "subject",
    "sent_ms",
    "first_wait_ms",
    "begin_ms",
    "took_ms",
    "tries",
    "receives",
    "outcome",
    "published",
    "traceparent",
)


def span(delivery: Delivery) -> dict[str, object]:
    [[values]] = span_lines([delivery])
    return dict(zip(FIELDS, values, strict=False))


def test_the_way_of_a_handled_event(make_worker: MakeWorker) -> None:
    """GIVEN an event that was handed out twice, 250 ms after it was sent at first WHEN handled THEN its entry says
    when it was sent, received and begun, what it took, and what it caused."""
    worker = make_worker()

    @worker.handles(ThingHappened)
    def handle(event: ThingHappened, context: Context) -> None:
        context.publish(ThingFollowed(number=1))

    rig = Rig(worker, clock=lambda: 1_000_001.5)
    envelope = wrap(ThingHappened(number=1), event_id="e", subject="s")
    message = record_of(envelope, receive_count=2, sent_ms=1_000_000_000)._replace(first_received_ms=1_000_000_250)
    [delivery] = rig.deliver(message)
    told = span(delivery)

    assert isinstance(told.pop("took_ms"), float)
    assert told == {
        "event_id": "e",
        "correlation_id": None,
        "event": "test.things/ThingHappened",
        "subject": "s",
        "sent_ms": 1_000_000_000,
        "first_wait_ms": 250,
        "begin_ms": 1_000_001_500,
        "tries": 1,
        "receives": 2,
        "outcome": "handled",
        "published": [rig.published[0].metadata.event_id],
    }


def test_a_correlation_of_its_own_is_told() -> None:
    """GIVEN an event that another caused WHEN told THEN its correlation is there."""
    envelope = wrap(ThingHappened(number=1))
    caused = replace(envelope, metadata=replace(envelope.metadata, correlation_id="root"))

    assert span(Delivery.of(record_of(caused)))["correlation_id"] == "root"


def test_a_trace_of_its_own_is_told() -> None:
    """GIVEN an event in a trace that does not follow from its ids, and one of a correlation that is no UUID WHEN told
    THEN the context of the first is there, after an empty list of published events, and none of the other."""
    traceparent = f"00-{'a' * 32}-{'b' * 16}-01"
    told = span(Delivery.of(record_of(wrap(ThingHappened(number=1), traceparent=traceparent))))

    assert (told["published"], told["traceparent"]) == ([], traceparent)
    assert "traceparent" not in span(Delivery.of(record_of(wrap(ThingHappened(number=1), correlation_id="order:1"))))


def test_what_is_not_known_is_null() -> None:
    """GIVEN a record that is no event, of which the queue told no times WHEN told THEN its outcome is there, and null
    for the rest."""
    message = record("junk")._replace(sent_ms=0, first_received_ms=0)
    told = span(Delivery.of(message))

    assert {name for name, value in told.items() if value is not None} == {"tries", "receives", "outcome"}
    assert told["outcome"] == "rejected"
    assert "published" not in told


def test_a_line_has_two_hundred_entries_within_what_cloudwatch_takes() -> None:
    """GIVEN 401 records with the longest ids and subjects WHEN told THEN there are three lines, with every record once,
    none of them over 256 KB."""
    longest = wrap(ThingHappened(number=1), event_id="e" * 256, subject="s" * 256, correlation_id="c" * 256)
    deliveries = [Delivery.of(record_of(longest)) for _ in range(2 * MAX_SPANS + 1)]
    for delivery in deliveries:
        delivery.published = [longest]
    lines = list(span_lines(deliveries))

    assert [len(line) for line in lines] == [MAX_SPANS, MAX_SPANS, 1]
    assert all(len(orjson.dumps(line)) < 256_000 for line in lines)


def test_a_batch_of_none_has_no_line() -> None:
    """GIVEN no record WHEN told THEN there is no line."""
    assert list(span_lines([])) == []
