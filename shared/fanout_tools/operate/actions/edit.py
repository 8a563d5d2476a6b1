"""Correct a dead letter's data before its worker gets it again.

The event keeps its id, so that what follows from it keeps theirs. What it says of itself is not the operator's to
change: only the data are, and they have to fit the contract of the version that the event states.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from difflib import unified_diff
from typing import Any

import orjson

from fanout.errors import EventError, FanoutError
from fanout.events.envelope import Envelope
from fanout_tools.operate.dead_letters import DeadLetter
from fanout_tools.operate.fence import Known, State
from fanout_tools.operate.masking import NOTHING, Masking, restored

__all__ = ["MAX_KEPT_BYTES", "EditError", "diff", "edited", "refusal", "written"]


MAX_KEPT_BYTES = 380_000
"""Of the two bodies as JSON, in one item of the journal: DynamoDB takes 400 KB
(https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html)."""


class EditError(FanoutError):
    """The new data cannot stand in the event; the text says why."""

    exit_code = 5


def written(letter: DeadLetter, masking: Masking = NOTHING) -> str:
    """The data as a person edits them."""
    return _pretty(masking.of(letter))


def _pretty(data: Any) -> str:
    return json.dumps(data, indent=2, ensure_ascii=False, sort_keys=True) + "\n"


def refusal(letter: DeadLetter, known: Known) -> str:
    """Why the event cannot be edited, or nothing."""
    if letter.envelope is None or not letter.redrivable:
        return f"{letter.message_id}: {letter.kind.value}: not an event that the worker could take"
    if letter.envelope.metadata.claim is not None:
        return f"{letter.message_id}: its data are in S3; edit them there"
    if known.state is State.COMPLETED:
        return f"{letter.event_id}: has been handled with the data that it has; other data would be refused"
    if known.state is State.HELD:
        return f"{letter.event_id}: is being handled at this moment"
    return ""


def edited(letter: DeadLetter, text: str, check: Callable[[Envelope], None], masking: Masking = NOTHING) -> str:
    """The message's body with other data.

    :param check: whether an event fits its contract; raises what is wrong with it.
    :param masking: by which the person saw the data: a mask that was left stands for its value.
    :raises EditError: the text is no JSON object, the data do not fit, or both bodies are too long for the journal.
    """
    try:
        data = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise EditError(f"not JSON: {error}") from error
    if not isinstance(data, Mapping):
        raise EditError("must be a JSON object: the event's data")
    body: dict[str, Any] = orjson.loads(letter.body)
    body["detail"]["data"] = restored(data, masking.of(letter), body["detail"]["data"])
    changed = orjson.dumps(body).decode()
    if (size := len(json.dumps([letter.body, changed]))) > MAX_KEPT_BYTES:
        raise EditError(
            f"{size:,} bytes before and after; the journal keeps {MAX_KEPT_BYTES:,}: drop it, and publish a correct one"
        )
    try:
        check(Envelope.decode(changed))
    except EventError as error:
        raise EditError(str(error)) from error
    return changed


def diff(letter: DeadLetter, text: str, masking: Masking = NOTHING) -> str:
    """What is changed, line by line."""
    before, after = written(letter, masking), _pretty(orjson.loads(text))
    lines = unified_diff(before.splitlines(True), after.splitlines(True), "before", "after", n=1)
    return "".join(lines)
