"""What a worker with parts_of can have a gathering worker do by a message straight into its queue: report a part."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fanout import Envelope, Outcome
from fanout.events.canary import MARK
from fanout.events.envelope import DataReference
from fanout.gather import timers
from fanout.gather.memory import MemoryGatherStore
from fanout.gather.senders import Senders
from fanout.gather.state import Part
from fanout.gather.timers import PartReported, PartWasLate, WokenUp
from fanout.idempotency.memory import MemoryStore
from fanout.processing.delivery import Delivery, Record
from fanout.publish import wrap
from fanout.testing import Rig, eventbridge_event, record

from .conftest import SquareRequested, SumRequested, make_worker

SQUARES = "AROAEXAMPLE:fanout-test-squares"
"""As SQS names the sender of what the function fanout-test-squares sends."""


class Attacked:
    """A worker that gathers three squares, and what is sent into its queue."""

    def __init__(self, folder: Path) -> None:
        self.handled: list[int] = []
        self.store = MemoryGatherStore()
        self.rig = Rig(make_worker(folder, self._square, undo=True), gather_store=self.store)
        self.rig.deliver(SumRequested(parts=3))
        self.parts = [e for e in self.rig.published if e.name == "SquareRequested"]
        [self.gather] = self.store.gathers
        self.rig.published.clear()
        self.rig.timers.clear()

    def _square(self, event: SquareRequested, _: Any) -> int:
        self.handled.append(event.number)
        return 0

    def send(self, event: Envelope | str, sender: str = SQUARES) -> Delivery | None:
        body = event if isinstance(event, str) else json.dumps(eventbridge_event(event))
        found = self.rig.deliver(record(body, sender_id=sender))
        return found[0] if found else None

    def state(self) -> tuple[object, ...]:
        """All that a message may have an effect on, but for the DLQ."""
        assert isinstance(self.rig.store, MemoryStore)
        kept = {it: dict(self.store.parts(it)) for it in (self.gather, "another")}
        return (dict(self.store.gathers), kept, list(self.handled), list(self.rig.published), list(self.rig.timers))


@pytest.fixture
def attacked(folder: Path) -> Attacked:
    return Attacked(folder)


def report(gather_id: str, index: Any = 0, result: Any = 7, **more: Any) -> Envelope:
    """As a worker sends it, of any part."""
    event = wrap(PartReported(gather_id="g", index=0), event_id="")
    data = {"gather_id": gather_id, "index": index, "result": result, "error": None}
    own = timers.report_id(gather_id, Part(index=index, result=result))
    metadata = dataclasses.replace(event.metadata, event_id=own, correlation_id="c", **more)
    return dataclasses.replace(event, data=data, metadata=metadata)


def _own_id(event: Envelope) -> Envelope:
    return dataclasses.replace(event, metadata=dataclasses.replace(event.metadata, event_id="another-report"))


def _late(event: Envelope) -> Envelope:
    return dataclasses.replace(event, metadata=dataclasses.replace(event.metadata, gather="sums/another/0"))


CLAIM = DataReference(bucket="claims", key="fanout-test-other/secret", size=10, sha256="0" * 64)
FORGED: dict[str, Callable[[Attacked], Envelope | str]] = {
    "an event": lambda it: wrap(SumRequested(parts=9)),
    "a part's event": lambda it: it.parts[1],
    "its own timer": lambda it: wrap(WokenUp(gather_id=it.gather, turn=-1)),
    "an undoing": lambda it: wrap(PartWasLate(gather_id=it.gather, index=0)),
    "a report of another gather": lambda it: report("another"),
    "a report of a gather without an id": lambda it: report(""),
    "a report of a gather with a long id": lambda it: report("g" * 10_000),
    "an index beyond the total": lambda it: report(it.gather, 3),
    "an index beyond all totals": lambda it: report(it.gather, 1_000),
    "an index below 0": lambda it: report(it.gather, -1),
    "an index that is none": lambda it: report(it.gather, "x"),
    "a report under another's id": lambda it: _own_id(report(it.gather)),
    "a report whose data are in S3": lambda it: report(it.gather, claim=CLAIM),
    "a report that claims to be a part": lambda it: _late(report(it.gather)),
    "a canary": lambda it: _canary(),
    "no event": lambda it: "no event",
    "an event of AWS": lambda it: json.dumps(
        {"id": "1", "source": "aws.s3", "detail-type": "Object Created", "detail": {}}
    ),
}


def _canary() -> str:
    body = {
        "id": "1",
        "source": "canary.test.sums",
        "detail-type": "SumRequested",
        "detail": {MARK: "c0ffee-1", "metadata": {}},
    }
    return json.dumps(body)


@pytest.mark.parametrize("form", FORGED)
def test_what_is_sent_directly_does_nothing_beyond_its_gather(attacked: Attacked, form: str) -> None:
    """GIVEN a gather of three parts WHEN a worker that may report parts sends anything else THEN nothing has changed,
    and what is rejected tells who sent it."""
    before = attacked.state()
    delivery = attacked.send(FORGED[form](attacked))

    assert delivery is not None
    assert attacked.state() == before
    if form != "a report of another gather":  # it may have been forgotten: no fault of its sender's
        assert delivery.outcome is Outcome.REJECTED
        [letter] = attacked.rig.dead_letters
        assert letter["MessageAttributes"]["sent_by"]["StringValue"] == "fanout-test-squares"


@pytest.mark.parametrize("form", ["an event", "a part's event", "its own timer"])
def test_what_is_redriven_stays_its_first_senders(attacked: Attacked, form: str) -> None:
    """GIVEN a forged message in the DLQ WHEN an operator has it come again, with its attributes THEN it is rejected
    again, under the name of who sent it first."""
    attacked.send(FORGED[form](attacked))
    [letter] = attacked.rig.dead_letters
    attributes = {name: {"stringValue": it["StringValue"]} for name, it in letter["MessageAttributes"].items()}
    redriven = Record.from_lambda(
        {
            "messageId": "m",
            "receiptHandle": "r",
            "body": letter["MessageBody"],
            "attributes": {"ApproximateReceiveCount": "1", "SenderId": "AROAOPS:alice"},
            "messageAttributes": attributes,
        }
    )
    before = attacked.state()
    [delivery] = attacked.rig.deliver(redriven)

    assert (delivery.outcome, delivery.sent_by) == (Outcome.REJECTED, "fanout-test-squares")
    assert attacked.state() == before


def test_a_report_counts(attacked: Attacked) -> None:
    """GIVEN a gather WHEN a worker reports one of its parts THEN it counts."""
    delivery = attacked.send(report(attacked.gather, 1))

    assert delivery is not None
    assert delivery.outcome is Outcome.HANDLED
    assert attacked.store.gathers[attacked.gather].done == {1}


@pytest.mark.parametrize("sender", ["AIDASNS", "000000000000", "AROAOPS:alice", "AROASELF:fanout-test-sums", ""])
def test_what_comes_by_the_bus_or_from_the_worker_itself_is_handled(attacked: Attacked, sender: str) -> None:
    """GIVEN the senders of SNS, an emulator, an operator and the worker's own function WHEN an event comes THEN it is
    handled."""
    delivery = attacked.send(wrap(SumRequested(parts=1)), sender)

    assert delivery is not None
    assert delivery.outcome is Outcome.HANDLED


def test_senders_of_other_deployments_are_not_of_this_one() -> None:
    """GIVEN the function of another deployment WHEN asked THEN it is no function of this one."""
    senders = Senders("fanout-test", "sums")
    assert senders.other(record("", sender_id="AROA:fanout-dev-squares")) is None
    assert senders.other(record("", sender_id="AROA:fanout-test-sums-2")) == "fanout-test-sums-2"
