"""A form of a JSON Schema: what it shows, and what its fields come to."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, Field

from fanout_tools.console.entries import FormError
from fanout_tools.console.schema_form import fields, values


class Money(BaseModel):
    amount: float
    currency: str = Field(max_length=3)


class Order(BaseModel):
    """A model, as contracts are."""

    order_id: str = Field(min_length=1, description="the shop's own")
    total: Money
    lines: list[str]
    gift: bool = False
    pieces: int = Field(default=1, ge=1)
    note: str | None = None


SCHEMA = Order.model_json_schema()
DATA: dict[str, Any] = {
    "order_id": "o-1",
    "total": {"amount": 2.5, "currency": "USD"},
    "lines": ["a"],
    "gift": True,
    "pieces": 2,
    "unknown": {"kept": True},
}


def as_shown(data: dict[str, Any]) -> dict[str, str]:
    """The form as it is sent when nobody has changed it: a box that is not ticked is left out."""
    return {it.name: it.value for it in fields(SCHEMA, data) if it.kind != "checkbox" or it.value}


def test_objects_become_dotted_names_and_plain_values_boxes() -> None:
    shown = {it.label: it for it in fields(SCHEMA, DATA)}
    assert [(name, it.kind) for name, it in shown.items()] == [
        ("order_id", "text"),
        ("total.amount", "number"),
        ("total.currency", "text"),
        ("lines", "json"),
        ("gift", "checkbox"),
        ("pieces", "number"),
        ("note", "json"),
    ]
    assert shown["order_id"].help == "the shop's own"
    assert shown["total.currency"].limits == {"maxlength": "3"}
    assert shown["pieces"].limits == {"min": "1", "step": "1"}


def test_what_is_sent_back_unchanged_is_the_same() -> None:
    assert values(SCHEMA, as_shown(DATA), DATA) == DATA


def test_what_is_changed_is_changed_and_nothing_else() -> None:
    form = as_shown(DATA) | {"field.total.amount": "3", "field.note": '"fragile"', "field.lines": "[]"}
    form.pop("field.gift")
    expected = {**DATA, "total": {"amount": 3, "currency": "USD"}, "note": "fragile", "lines": [], "gift": False}
    assert values(SCHEMA, form, DATA) == expected


def test_a_value_of_another_type_is_shown_as_it_is() -> None:
    """GIVEN data that break their contract WHEN they are shown THEN as JSON, so that the type can be corrected."""
    data = {**DATA, "total": "25", "pieces": "two"}
    shown = {it.label: (it.kind, it.value) for it in fields(SCHEMA, data)}
    assert shown["pieces"] == ("json", '"two"')
    assert shown["total"] == ("json", '"25"')
    form = {**as_shown(data), "field.total": '{"amount": 25, "currency": "USD"}', "field.pieces": "2"}
    assert values(SCHEMA, form, data)["total"] == {"amount": 25, "currency": "USD"}


@pytest.mark.parametrize(("name", "text"), [("field.total.amount", "many"), ("field.lines", "[")])
def test_a_text_that_is_no_value_names_its_field(name: str, text: str) -> None:
    with pytest.raises(FormError, match=name.removeprefix("field.")):
        values(SCHEMA, as_shown(DATA) | {name: text}, DATA)
