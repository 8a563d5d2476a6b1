"""What a worker says of an event that it fails on has no personal value in it."""

import json
import logging
from typing import Any

import pytest

from fanout import Context, Event, Outcome, Reject
from fanout.events.personal import MASK, Personal
from fanout.telemetry import JsonFormatter, log_fields
from fanout.testing import Rig

from ..conftest import MakeWorker

EMAIL = "ann@shop.example"


class Greeted(Event, source="test.personal", version=1):
    """Somebody was greeted."""

    number: int
    email: Personal[str]


class Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(JsonFormatter())
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@pytest.fixture
def lines() -> Any:
    handler = Lines()
    logging.getLogger().addHandler(handler)
    yield handler.lines
    logging.getLogger().removeHandler(handler)


SECTIONS = {"subscribes": [{"event": "test.personal/Greeted"}], "idempotency": {"mode": "off"}}


@pytest.mark.parametrize("error", [Reject, ValueError, TimeoutError])
def test_a_cause_that_names_a_person_is_told_without_the_name(
    make_worker: MakeWorker, lines: list[str], error: type[Exception]
) -> None:
    """GIVEN a handler that logs an address and fails with it in its text WHEN the record is moved to the DLQ THEN
    neither log nor traceback nor the DLQ's attributes have it, but all else of the text; its body is as it came."""
    worker = make_worker(**SECTIONS, queue={"max_receives": 1})

    @worker.handles(Greeted)
    def handle(event: Greeted, _: Context) -> None:
        log = logging.getLogger("own")
        log.warning("greeting %s", event.email, extra={"to": [event.email], "number": event.number})
        with log_fields(customer=event.email):
            log.warning("once more")
        raise error(f"{event.email} does not answer")

    rig = Rig(worker)
    [delivery] = rig.deliver(Greeted(number=7, email=EMAIL))

    assert delivery.outcome is Outcome.REJECTED
    [letter] = rig.dead_letters
    assert letter["MessageAttributes"]["error_message"]["StringValue"] == f"{MASK} does not answer"
    assert EMAIL in letter["MessageBody"]
    assert len(lines) == 3
    assert not any(EMAIL in line for line in lines)
    first, second, last = map(json.loads, lines)
    assert (first["message"], first["to"], first["number"]) == (f"greeting {MASK}", [MASK], 7)
    assert second["customer"] == MASK
    assert f"{MASK} does not answer" in last["message"]
    assert first["event_id"] == delivery.envelope.metadata.event_id  # type: ignore[union-attr]


def test_a_cause_is_masked_before_it_is_cut(make_worker: MakeWorker) -> None:
    """GIVEN a text in which the value stands across the attribute's bound WHEN it is cut THEN no half of it stays."""
    worker = make_worker(**SECTIONS)

    @worker.handles(Greeted)
    def handle(event: Greeted, _: Context) -> None:
        raise Reject("x" * 990 + event.email)

    rig = Rig(worker)
    rig.deliver(Greeted(number=1, email=EMAIL))

    assert "ann" not in rig.dead_letters[0]["MessageAttributes"]["error_message"]["StringValue"]
