"""What a function that is invoked directly logs and raises has no personal value of its payload in it."""

from __future__ import annotations

import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import BaseModel

from fanout import Event, Reject, Worker
from fanout.events.personal import MASK, Personal
from fanout.telemetry import JsonFormatter

CONTEXT: Any = SimpleNamespace(aws_request_id="r-1", get_remaining_time_in_millis=lambda: 30_000)
EMAIL = "ann@shop.example"


class Welcomed(Event, source="test.invoked", version=1):
    """Somebody was welcomed."""

    name_of_guest: Personal[str]
    hosts: list[Personal[str]]


class Room(BaseModel):
    number: int


PAYLOAD = {"step": "greet", "visits": [{"name_of_guest": EMAIL, "hosts": ["Bob Miller"], "door": "north"}]}


@pytest.fixture
def worker(tmp_path: Path) -> Worker:
    (tmp_path / "worker.yaml").write_text("description: d\nsubscribes: [{event: test.invoked/Welcomed}]\n")
    return Worker(str(tmp_path / "handler.py"))


def raising(error: Exception) -> Any:
    def step(_: Any) -> None:
        raise error

    return step


def test_a_step_that_fails_names_no_person(worker: Worker) -> None:
    """GIVEN a step that fails with personal values in its text WHEN it is invoked THEN its error, which goes into the
    execution's history, has its name and its text without them."""
    worker.step("greet")(raising(Reject(f"{EMAIL} at the north door, for Bob Miller")))
    with pytest.raises(Exception, match="door") as raised:
        worker.lambda_handler(PAYLOAD, CONTEXT)

    assert (type(raised.value).__name__, str(raised.value)) == ("Reject", f"{MASK} at the north door, for {MASK}")
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__


def test_an_error_without_values_is_raised_as_it_is(worker: Worker) -> None:
    """GIVEN a step that fails with no personal value in its text WHEN it is invoked THEN its own error is raised."""
    worker.step("greet")(raising(KeyError("north")))
    with pytest.raises(KeyError, match="north"):
        worker.lambda_handler(PAYLOAD, CONTEXT)


def test_what_pydantic_refuses_is_told_by_its_field(worker: Worker) -> None:
    """GIVEN a function that reads a model of its own WHEN pydantic refuses a value THEN the error has none."""
    worker.on_invoke(lambda *_: Room.model_validate({"number": "room of Ann"}))
    with pytest.raises(Exception, match="valid integer") as raised:
        worker.lambda_handler({}, CONTEXT)

    assert type(raised.value).__name__ == "ValidationError"
    assert str(raised.value).startswith("Room: number: Input should be a valid integer")
    assert "Ann" not in str(raised.value)


def test_what_a_step_logs_names_no_person(worker: Worker) -> None:
    """GIVEN a step that logs what it is given WHEN it is invoked THEN the line has masks."""
    lines: list[str] = []

    class Lines(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(self.format(record))

    handler = Lines()
    handler.setFormatter(JsonFormatter())
    logging.getLogger().addHandler(handler)
    try:
        worker.step("greet")(lambda payload: logging.getLogger("own").warning("given %s", payload))
        worker.lambda_handler(PAYLOAD, CONTEXT)
    finally:
        logging.getLogger().removeHandler(handler)

    [line] = lines
    assert EMAIL not in line
    assert "Bob Miller" not in line
    assert "north" in line
