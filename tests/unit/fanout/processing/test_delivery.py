"""What a record is: an event that a handler takes, or a cause why none does."""

import json
from dataclasses import replace
from typing import Any

import pytest

from fanout import Context, Event, EventError, Outcome, Reject, upcasts
from fanout.publish import wrap
from fanout.testing import Rig, record

from ..conftest import MakeWorker, ThingFollowed, ThingHappened, outcomes


@pytest.mark.parametrize(
    "body",
    ["not JSON", "[]", "{}", '{"source": "a", "detail-type": "B", "detail": {"data": {}}}', '{"source": 1}', "\u2028"],
)
def test_a_body_that_is_no_event_is_rejected(make_worker: MakeWorker, body: str) -> None:
    """GIVEN a message that nobody can read WHEN it comes THEN it is in the DLQ at once, and its neighbour handled."""
    worker = make_worker()
    worker.handles(ThingHappened)(lambda event, context: None)
    rig = Rig(worker)

    deliveries = rig.deliver(record(body), ThingHappened(number=1))

    assert outcomes(deliveries) == [Outcome.REJECTED, Outcome.HANDLED]
    assert isinstance(deliveries[0].cause, EventError)


def test_an_event_that_breaks_its_contract_is_rejected_with_the_field(make_worker: MakeWorker) -> None:
    """GIVEN data of the wrong type WHEN it comes THEN the DLQ's cause names the field."""
    worker = make_worker()
    worker.handles(ThingHappened)(lambda event, context: None)
    rig = Rig(worker)
    envelope = replace(wrap(ThingHappened(number=1)), data={"number": "many"})

    rig.deliver(envelope)

    assert "number:" in rig.dead_letters[0]["MessageAttributes"]["error_message"]["StringValue"]


def test_unknown_fields_are_tolerated(make_worker: MakeWorker) -> None:
    """GIVEN a field that the contract does not know WHEN the event comes THEN it is handled without it."""
    worker = make_worker()
    worker.handles(ThingHappened)(lambda event, context: event.to_data())
    envelope = replace(wrap(ThingHappened(number=1)), data={"number": 1, "colour": "red"})

    [delivery] = Rig(worker).deliver(envelope)

    assert delivery.result == {"number": 1}


def test_an_event_without_a_handler_is_rejected(make_worker: MakeWorker) -> None:
    """GIVEN an event that nothing handles WHEN it comes THEN it is rejected and named."""
    worker = make_worker()
    worker.handles(ThingHappened)(lambda event, context: None)

    [delivery] = Rig(worker).deliver(ThingFollowed(number=1))

    assert delivery.outcome is Outcome.REJECTED
    assert "test.things/ThingFollowed" in str(delivery.cause)


def test_a_newer_version_is_rejected(make_worker: MakeWorker) -> None:
    """GIVEN an event of version 2 WHEN the worker knows version 1 THEN it is rejected, not misread, and the DLQ's
    message says what to do."""
    worker = make_worker()
    worker.handles(ThingHappened)(lambda event, context: None)
    envelope = wrap(ThingHappened(number=1))
    newer = replace(envelope, metadata=replace(envelope.metadata, schema_version=2))

    [delivery] = Rig(worker).deliver(newer)

    assert delivery.outcome is Outcome.REJECTED
    assert "version 2, which this worker does not know yet; deploy the worker" in str(delivery.cause)


def test_an_older_version_is_upcast(make_worker: MakeWorker) -> None:
    """GIVEN an event of version 1 WHEN the worker knows version 2 and an upcaster THEN its handler gets version 2."""

    class Measured(Event, source="test.things", version=2):
        metres: float

    @upcasts(Measured, from_version=1)
    def in_metres(data: dict[str, Any]) -> dict[str, Any]:
        return {"metres": data["feet"] * 0.3048}

    worker, seen = make_worker(subscribes=[{"event": "test.things/Measured"}]), []
    worker.handles(Measured)(lambda event, context: seen.append(event))
    envelope = wrap(Measured(metres=0))
    older = replace(envelope, metadata=replace(envelope.metadata, schema_version=1), data={"feet": 10})

    [delivery] = Rig(worker).deliver(older)

    assert delivery.outcome is Outcome.HANDLED
    assert seen == [Measured(metres=3.048)]


def test_data_too_deep_to_be_written_harm_no_other(make_worker: MakeWorker) -> None:
    """GIVEN a message that nests deeper than JSON is written WHEN it comes THEN it alone is rejected."""
    worker = make_worker()
    worker.handles(ThingHappened)(lambda event, context: None)
    deep: list[object] = []
    for _ in range(300):
        deep = [deep]
    metadata = wrap(ThingHappened(number=1)).metadata.to_json()
    body = {"source": "a", "detail-type": "B", "detail": {"metadata": metadata, "data": {"deep": deep}}}

    deliveries = Rig(worker).deliver(record(json.dumps(body)), ThingHappened(number=2))

    assert outcomes(deliveries) == [Outcome.REJECTED, Outcome.HANDLED]
    assert "detail.data" in str(deliveries[0].cause)


def test_an_event_id_that_sqs_would_refuse_is_cleaned_for_the_dlq(make_worker: MakeWorker) -> None:
    """GIVEN an event whose id has a control character WHEN rejected THEN its cause has none, for SQS takes none."""
    worker = make_worker()

    @worker.handles(ThingHappened)
    def handle(event: ThingHappened, _: Context) -> None:
        raise Reject("never")

    rig = Rig(worker)
    rig.deliver(wrap(ThingHappened(number=1), event_id="e\x00-1"))

    assert rig.dead_letters[0]["MessageAttributes"]["event_id"]["StringValue"] == "e-1"
