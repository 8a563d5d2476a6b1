"""An event's data are corrected against its contract; what it says of itself stays."""

from __future__ import annotations

import json

import pytest

from fanout.errors import EventError
from fanout.events.envelope import Envelope
from fanout_tools.operate.actions.edit import EditError, diff, edited, refusal, written
from fanout_tools.operate.dead_letters import DeadLetter, read
from fanout_tools.operate.fence import Known, State
from tests.unit.fanout_tools.operate.mortal import event


def letter(body: str | None = None) -> DeadLetter:
    message = {"MessageId": "m-1", "ReceiptHandle": "r", "Body": body or event(1, sku="cd-1")}
    return read(message, max_receives=5)


def fits(envelope: Envelope) -> None:
    if envelope.data.get("sku") == "wrong":
        raise EventError("sku: must be one of ours")


def test_the_data_are_changed_and_nothing_else() -> None:
    text = written(letter()).replace("cd-1", "cd-2")

    body = json.loads(edited(letter(), text, fits))

    assert body == json.loads(event(1, sku="cd-2"))
    assert body["detail"]["metadata"]["event_id"] == "event-1"


def test_the_change_is_shown_line_by_line() -> None:
    shown = diff(letter(), written(letter()).replace("cd-1", "cd-2"))

    assert '-  "sku": "cd-1"' in shown
    assert '+  "sku": "cd-2"' in shown
    assert diff(letter(), written(letter())) == ""


@pytest.mark.parametrize(
    ("text", "problem"),
    [("{", "not JSON"), ("[]", "must be a JSON object"), ('{"sku": "wrong"}', "must be one of ours")],
)
def test_what_does_not_fit_is_refused(text: str, problem: str) -> None:
    with pytest.raises(EditError, match=problem):
        edited(letter(), text, fits)


@pytest.mark.parametrize(
    ("state", "problem"),
    [
        (State.COMPLETED, "has been handled with the data that it has"),
        (State.HELD, "is being handled at this moment"),
        (State.RELEASED, ""),
        (State.ABSENT, ""),
        (State.UNKNOWN, ""),
    ],
)
def test_what_the_worker_would_refuse_is_not_edited(state: State, problem: str) -> None:
    found = refusal(letter(), Known(state))

    assert problem in found
    assert bool(found) is bool(problem)


def test_what_is_no_event_is_not_edited() -> None:
    assert "not an event that the worker could take" in refusal(letter("hello"), Known(State.UNKNOWN))


def test_what_the_journal_cannot_keep_is_not_edited() -> None:
    """GIVEN an event of which the journal would keep more than an item holds WHEN edited THEN it is refused before
    anything is written."""
    large = letter(event(1, sku="\N{SNOWMAN}" * 40_000))

    with pytest.raises(EditError, match="the journal keeps 380,000: drop it"):
        edited(large, written(large), fits)
