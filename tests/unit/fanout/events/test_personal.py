"""Personal fields: found by the contract's schema, masked as values and within texts."""

import json
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from pydantic import BaseModel, Field

from fanout import Event, EventError
from fanout.events.event import forget_contracts
from fanout.events.personal import KEYWORD, MASK, Personal, fields, hidden, masked, values, values_of
from fanout.publish import wrap

from ..conftest import ThingHappened


class Address(BaseModel):
    street: str
    city: str


class Person(BaseModel):
    name: Personal[str]
    friends: "list[Person]"


class Moved(Event, source="test.personal", version=1):
    """A person has moved."""

    person_id: str
    email: Personal[Annotated[str, Field(max_length=254)]]
    address: Personal[Address]
    former: Address | None
    phones: list[Personal[str]]
    notes: dict[str, Personal[str]]
    people: list[Person]
    born: Personal[int | None]
    free: dict[str, Any]


TWO_LINES = 'the "White House"\nWashington'
SCHEMA = Moved.model_json_schema(mode="serialization")
DATA: dict[str, Any] = {
    "person_id": "p-1",
    "email": "ann@shop.example",
    "address": {"street": "Long Street 1", "city": "Ulm"},
    "former": {"street": "Short Street 2", "city": "Bonn"},
    "phones": ["+49 1", "+49 2"],
    "notes": {"door": "left bell"},
    "people": [{"name": "Bob", "friends": [{"name": "Eve", "friends": []}]}],
    "born": 1970,
    "free": {"any": {"depth": 1}},
}


def test_the_mark_is_in_the_schema_and_changes_nothing_else() -> None:
    assert SCHEMA["properties"]["email"] == {"maxLength": 254, "title": "Email", "type": "string", KEYWORD: True}
    assert Moved.from_input(DATA).to_data() == DATA


def test_the_marked_fields_are_told_by_their_paths() -> None:
    told = ["address", "born", "email", "notes.*", "people[].friends[].name", "people[].name", "phones[]"]
    assert fields(SCHEMA) == told
    assert fields(ThingHappened.model_json_schema()) == []


def test_what_is_marked_is_masked_at_any_depth() -> None:
    assert masked(SCHEMA, DATA) == {
        **DATA,
        "email": MASK,
        "address": MASK,
        "phones": [MASK, MASK],
        "notes": {"door": MASK},
        "people": [{"name": MASK, "friends": [{"name": MASK, "friends": []}]}],
        "born": MASK,
    }


def test_a_field_that_the_contract_does_not_know_is_masked_and_nothing_says_nothing() -> None:
    """GIVEN a later version's field, and a personal one that is null WHEN masked THEN the first is, the second shows
    that there is nothing."""
    assert masked(SCHEMA, {"nickname": "Annie", "born": None}) == {"nickname": MASK, "born": None}


def test_a_contract_without_marks_masks_nothing() -> None:
    data = {"number": 1, "unknown": "x"}
    assert masked(ThingHappened.model_json_schema(), data) == data


def test_the_values_are_texts_of_all_that_is_marked() -> None:
    assert values(SCHEMA, DATA) == {
        *("ann@shop.example", "Long Street 1", "Ulm", "+49 1", "+49 2", "left bell", "Bob", "Eve", "1970")
    }


@pytest.mark.parametrize("data", [None, [], "text", {"address": None, "people": [None, 1]}])
def test_data_of_another_form_have_no_values(data: Any) -> None:
    assert values(SCHEMA, data) == frozenset()


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("ann@shop.example is no address", f"{MASK} is no address"),
        ('{"email": "ann@shop.example"}', f'{{"email": "{MASK}"}}'),
        (json.dumps(TWO_LINES), f'"{MASK}"'),
        (repr(TWO_LINES), f"'{MASK}'"),
        ("B", MASK),
        ("Bounded", "Bounded"),
    ],
)
def test_a_text_is_told_without_the_values(text: str, left: str) -> None:
    assert hidden(text, frozenset({"ann@shop.example", "ann", "B", TWO_LINES})) == left


def test_the_longer_value_goes_first() -> None:
    """GIVEN a value that is part of another WHEN hidden THEN nothing of the longer one stays."""
    assert hidden("to annabel", frozenset({"ann", "annabel"})) == f"to {MASK}"


def test_an_envelopes_values_are_found_by_its_contract() -> None:
    event = Moved.model_validate(DATA)
    assert "ann@shop.example" in values_of(wrap(event))
    assert values_of(wrap(ThingHappened(number=1))) == frozenset()


class Typed(Event, source="test.personal", version=1):
    """A field of each type that a person's data may break."""

    number: int
    flag: bool
    day: date
    amount: Decimal
    mail: Annotated[str, Field(pattern="^x$")]
    short: Annotated[str, Field(max_length=3)]
    key: UUID
    kind: Literal["a", "b"]
    address: Address


def test_what_breaks_a_contract_is_told_without_its_value() -> None:
    """GIVEN a person's address in fields of every type WHEN read and published THEN each field is named, and the
    address is nowhere."""
    data = dict.fromkeys(Typed.model_fields, "ann@shop.example")
    for read in (Typed.from_data, Typed.from_input):
        with pytest.raises(EventError) as raised:
            read(data)
        assert all(name in str(raised.value) for name in Typed.model_fields)
        assert "ann@shop" not in str(raised.value)


def test_an_event_without_a_contract_here_has_none() -> None:
    envelope = wrap(Moved.model_validate(DATA))
    foreign = replace(envelope, source="test.nobody")
    assert values_of(foreign) == frozenset()


def test_a_contract_that_is_imported_later_or_anew_is_read_then() -> None:
    """GIVEN an event without a contract WHEN its contract is imported THEN its marks count; WHEN it is forgotten
    THEN they do not."""
    before = wrap(ThingHappened(number=1))
    later = replace(before, source="test.later", name="Said", data={"text": "a secret"})
    assert values_of(later) == frozenset()

    class Said(Event, source="test.later", version=1):
        __module__ = "later.events"
        text: Personal[str]

    assert values_of(later) == frozenset({"a secret"})

    forget_contracts("later")
    assert values_of(later) == frozenset()
