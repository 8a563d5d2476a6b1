"""What a worker says of an event that it fails on has no personal value in it."""

import json
import logging
from collections.abc import Sequence
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from fanout import Context, Envelope, Event, Outcome, Reject
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


BOB = "bob@shop.example"
STREET = {"street": "Acacia Avenue"}


class Address(BaseModel):
    """What a handler may read on its own."""

    street: int


def test_a_batch_handlers_failure_names_no_person_of_its_batch(make_worker: MakeWorker, lines: list[str]) -> None:
    """GIVEN a handler of batches that logs an address and fails with another in its text WHEN both records are moved to
    the DLQ THEN neither a line nor an attribute of either has any of them."""
    worker = make_worker(**SECTIONS, queue={"max_receives": 1})

    @worker.handles_batch
    def handle(envelopes: Sequence[Envelope]) -> None:
        first, second = (str(it.data["email"]) for it in envelopes)
        logging.getLogger("own").warning("greeting %s", first)
        raise ValueError(f"{second} does not answer")

    rig = Rig(worker)
    rig.deliver(Greeted(number=1, email=EMAIL), Greeted(number=2, email=BOB))

    assert len(rig.dead_letters) == 2
    told = [*lines, *(json.dumps(it["MessageAttributes"]) for it in rig.dead_letters)]
    assert not any(EMAIL in it or BOB in it for it in told)
    assert f"greeting {MASK}" in lines[0]
    assert all(f"{MASK} does not answer" in it for it in told[1:])


@pytest.mark.parametrize("batch", [False, True])
def test_what_pydantic_refuses_in_a_handler_is_told_without_its_values(
    make_worker: MakeWorker, lines: list[str], batch: bool
) -> None:
    """GIVEN a handler that reads what no contract describes WHEN pydantic refuses it THEN no line, traceback or
    attribute has the value, but the field."""
    worker = make_worker(**SECTIONS, queue={"max_receives": 1})

    def read() -> None:
        try:
            Address.model_validate(STREET)
        except ValidationError as error:
            raise RuntimeError("cannot be sent") from error

    if batch:
        worker.handles_batch(lambda _: Address.model_validate(STREET))
    else:
        worker.handles(Greeted)(lambda *_: read())
    rig = Rig(worker)
    rig.deliver(Greeted(number=1, email=EMAIL))

    assert not any("Acacia" in it for it in [*lines, json.dumps(rig.dead_letters[0]["MessageAttributes"])])
    assert "street: Input should be a valid integer" in lines[0]
