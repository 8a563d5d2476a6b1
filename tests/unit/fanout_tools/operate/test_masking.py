"""What of an event is shown: nothing that a contract marks, or that no contract describes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fanout.events.personal import KEYWORD, MASK
from fanout_tools.operate.masking import NOTHING, Masking, UnmaskedError, restored
from tests.unit.fanout.conftest import ThingHappened
from tests.unit.fanout_tools.operate.mortal import event

SCHEMA = {"properties": {"number": {"type": "integer"}, "email": {"type": "string", KEYWORD: True}}}
MASKING = Masking({"shop.orders/OrderPlaced": SCHEMA})


def test_a_body_is_shown_with_masks_and_all_else_as_it_is() -> None:
    shown = json.loads(MASKING.body(event(1, email="ann@shop.example")))
    assert shown["detail"]["data"] == {"number": 1, "email": MASK}
    assert shown["detail"]["metadata"] == json.loads(event(1))["detail"]["metadata"]


def test_a_body_without_personal_values_is_shown_as_it_was_sent() -> None:
    body = event(1).replace(",", " ,  ")
    assert MASKING.body(body) == body


@pytest.mark.parametrize("body", ["hello ann@shop.example", "[]", '{"email": "ann@shop.example"}', '"ann"', "1"])
def test_what_is_no_event_is_masked_whole(body: str) -> None:
    assert MASKING.body(body) == f"{MASK}: {len(body):,} characters that are no event"


def test_what_no_contract_describes_is_masked_whole() -> None:
    body = json.dumps({"source": "aws.s3", "detail-type": "Object Created", "detail": {"key": "ann.png"}})
    assert json.loads(MASKING.body(body))["detail"] == MASK
    assert MASKING.data("shop.orders/Unknown", {"email": "x"}) == MASK


def test_where_nothing_is_marked_everything_is_shown() -> None:
    assert Masking.by([ThingHappened]) == NOTHING
    assert NOTHING.body("hello") == "hello"


SHOWN = {"a": MASK, "b": [MASK, {"c": MASK}], "d": 1}
ORIGINAL = {"a": "ann", "b": ["bob", {"c": "eve"}], "d": 1}


def test_masks_that_were_left_stand_for_their_values() -> None:
    edited = {"a": "anne", "b": [MASK, {"c": MASK, "new": 2}], "d": 3}
    assert restored(edited, SHOWN, ORIGINAL) == {"a": "anne", "b": ["bob", {"c": "eve", "new": 2}], "d": 3}


@pytest.mark.parametrize("edited", [{"d": MASK}, {"new": MASK}, {"b": [MASK]}, {"b": {"c": MASK}}, {"a": [MASK]}])
def test_a_mask_of_no_value_is_refused(edited: Any) -> None:
    with pytest.raises(UnmaskedError, match="--personal"):
        restored(edited, SHOWN, ORIGINAL)
