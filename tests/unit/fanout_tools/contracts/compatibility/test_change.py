"""Each kind of change, and whom it breaks: told by field, with what it was and what it is."""

from copy import deepcopy
from datetime import date
from enum import StrEnum
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field

from fanout_tools.contracts.compatibility import Reader, breaking

OLD, NEW = Reader.OF_OLD_EVENTS, Reader.OF_NEW_EVENTS
BOTH = (OLD, NEW)


def told(old: Any, new: Any) -> list[tuple[str, str, tuple[Reader, ...]]]:
    return [(change.field, change.what, change.breaks) for change in breaking(old, new)]


def of_field(old: Any, new: Any, *, default: Any = ...) -> list[tuple[str, tuple[Reader, ...]]]:
    """What is told of a change of one required field's annotation, or of one with a default."""

    def schema(annotation: Any) -> dict[str, Any]:
        fields = {"__annotations__": {"f": annotation}, "f": default}
        model: type[BaseModel] = type("Model", (BaseModel,), fields if default is not ... else fields | {"f": Field()})
        return model.model_json_schema(mode="serialization")

    changes = told(schema(old), schema(new))
    assert {field for field, _, _ in changes} <= {"f", "f[]", "f[0]", "f[1]", "f[2]", "f.*"}
    return [(what, breaks) for _, what, breaks in changes]


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Cat(BaseModel):
    kind: Literal["cat"] = "cat"
    lives: int


class Dog(BaseModel):
    kind: Literal["dog"] = "dog"
    tricks: list[str]


Pet = Annotated[Cat | Dog, Field(discriminator="kind")]

NARROWED = [
    (str, int, "type string -> integer", BOTH),
    (float, int, "type number -> integer", (OLD,)),
    (str | None, str, "null is no longer allowed", (OLD,)),
    (str | int, str, "type integer -> string", (OLD,)),
    (Any, str, "type any -> string", (OLD,)),
    (Colour, Literal["red"], 'enum ["red", "blue"] -> ["red"]', (OLD,)),
    (str, Literal["red"], 'enum none -> ["red"]', (OLD,)),
    (int, Annotated[int, Field(ge=0)], "minimum none -> 0", (OLD,)),
    (Annotated[int, Field(ge=0)], Annotated[int, Field(ge=1)], "minimum 0 -> 1", (OLD,)),
    (Annotated[int, Field(ge=0)], Annotated[int, Field(gt=0)], "minimum 0 -> 0 (itself excluded)", (OLD,)),
    (Annotated[int, Field(le=9)], Annotated[int, Field(le=8)], "maximum 9 -> 8", (OLD,)),
    (Annotated[int, Field(le=9)], Annotated[int, Field(lt=9)], "maximum 9 -> 9 (itself excluded)", (OLD,)),
    (int, Annotated[int, Field(multiple_of=5)], "multipleOf none -> 5", (OLD,)),
    (Annotated[int, Field(multiple_of=5)], Annotated[int, Field(multiple_of=10)], "multipleOf 5 -> 10", (OLD,)),
    (str, Annotated[str, Field(min_length=1)], "minLength 0 -> 1", (OLD,)),
    (Annotated[str, Field(max_length=9)], Annotated[str, Field(max_length=8)], "maxLength 9 -> 8", (OLD,)),
    (str, Annotated[str, Field(pattern="^a$")], 'pattern none -> "^a$"', (OLD,)),
    (Annotated[str, Field(pattern="^a$")], Annotated[str, Field(pattern="^b$")], 'pattern "^a$" -> "^b$"', BOTH),
    (str, date, 'format none -> "date"', (OLD,)),
    (list[int], Annotated[list[int], Field(min_length=1)], "minItems 0 -> 1", (OLD,)),
    (list[int], Annotated[list[int], Field(max_length=3)], "maxItems none -> 3", (OLD,)),
    (list[int], set[int], "uniqueItems false -> true", (OLD,)),
    (list[int], list[str], "type integer -> string", BOTH),
    (list[int | None], list[int], "null is no longer allowed", (OLD,)),
    (tuple[int, str], tuple[int, int], "type string -> integer", BOTH),
    (dict[str, int], dict[str, str], "type integer -> string", BOTH),
    (dict[str, Any], dict[str, int], "type any -> integer", (OLD,)),
]


@pytest.mark.parametrize(("old", "new", "what", "breaks"), NARROWED, ids=[case[2] for case in NARROWED])
def test_what_is_narrowed_breaks_old_events(old: Any, new: Any, what: str, breaks: tuple[Reader, ...]) -> None:
    """GIVEN a field that takes less than it did WHEN compared THEN that is told with both values: the events published
    before may have the rest."""
    assert of_field(old, new) == [(what, breaks)]


@pytest.mark.parametrize(("new", "old", "what", "breaks"), NARROWED, ids=[case[2] for case in NARROWED])
def test_what_is_widened_breaks_workers_deployed_later(
    new: Any, old: Any, what: str, breaks: tuple[Reader, ...]
) -> None:
    """GIVEN a field that takes more than it did WHEN compared THEN the same is told the other way round: yesterday's
    contract refuses the new values."""
    found = of_field(old, new)

    assert [readers for _, readers in found] == [BOTH if breaks == BOTH else (NEW,)]
    before, _, after = what.partition(" -> ")
    if after:
        keyword, _, value = before.partition(" ")
        assert found[0][0] == f"{keyword} {after} -> {value}"
    else:
        assert found[0][0] == "null is allowed now"


def test_a_tuple_has_its_positions() -> None:
    """GIVEN a tuple with one more item WHEN compared THEN its length is told."""
    assert [what for what, _ in of_field(tuple[int, str], tuple[int, str, str])] == [
        "minItems 2 -> 3",
        "maxItems 2 -> 3",
    ]


def test_a_changed_default_gives_old_events_another_meaning() -> None:
    """GIVEN an optional field WHEN its default changes THEN that is told: events without it are not what they were."""

    def model(default: int) -> dict[str, Any]:
        return {"type": "object", "properties": {"f": {"type": "integer", "default": default}}}

    assert told(model(1), model(2)) == [("f", "default 1 -> 2", (OLD,))]


ORDER: dict[str, Any] = {
    "$defs": {
        "Line": {
            "type": "object",
            "properties": {"sku": {"type": "string"}, "gift": {"type": "boolean", "default": False}},
            "required": ["sku"],
        }
    },
    "type": "object",
    "properties": {
        "lines": {"type": "array", "items": {"$ref": "#/$defs/Line"}},
        "note": {"type": "string", "default": ""},
    },
    "required": ["lines"],
}


def edited(edit: Any) -> dict[str, Any]:
    schema = deepcopy(ORDER)
    edit(schema, schema["$defs"]["Line"])
    return schema


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        (lambda o, line: o["properties"].pop("note"), [("note", "removed", (OLD,))]),
        (
            lambda o, line: (o["properties"].pop("lines"), o["required"].remove("lines")),
            [("lines", "removed", BOTH)],
        ),
        (lambda o, line: line["properties"].pop("gift"), [("lines[].gift", "removed", (OLD,))]),
        (lambda o, line: o["required"].append("note"), [("note", "required now", (OLD,))]),
        (lambda o, line: line["required"].clear(), [("lines[].sku", "no longer required", (NEW,))]),
        (
            lambda o, line: (line["properties"].update(size={"type": "integer"}), line["required"].append("size")),
            [("lines[].size", "added as a required field", (OLD,))],
        ),
        (
            lambda o, line: line["properties"].update(sku={"type": "integer"}),
            [("lines[].sku", "type string -> integer", BOTH)],
        ),
        (
            lambda o, line: o["properties"].update(note={"type": "string", "default": "", "not": {}}),
            [("note", "not none -> {}", (OLD,))],
        ),
    ],
)
def test_fields_are_told_by_their_path(edit: Any, expected: Any) -> None:
    """GIVEN a field removed, newly required, added as required, or retyped, at any depth and behind a reference WHEN
    compared THEN it is told by its path."""
    assert told(ORDER, edited(edit)) == expected


@pytest.mark.parametrize(
    "edit",
    [
        lambda o, line: o["properties"].update(gift_note={"type": "string", "default": ""}),
        lambda o, line: line["properties"].update(colour={"anyOf": [{"type": "string"}, {"type": "null"}]}),
        lambda o, line: o.update(description="other", title="Other", **{"$id": "other", "x-owner": "us"}),
        lambda o, line: o.update(additionalProperties=False),
        lambda o, line: o["properties"].update(lines={"type": "array", "items": line}),
        lambda o, line: o["properties"].update(lines={"allOf": [{"type": "array", "items": {"$ref": "#/$defs/Line"}}]}),
        lambda o, line: o["properties"].update(note={"type": ["string"], "default": ""}),
        lambda o, line: o["properties"].update(note={"anyOf": [{"type": "string"}], "default": ""}),
    ],
    ids=["field", "nested field", "words", "closed", "inlined", "allOf", "types", "anyOf"],
)
def test_these_changes_are_compatible(edit: Any) -> None:
    """GIVEN an optional field more, other words, or the same said otherwise WHEN compared THEN nothing breaks."""
    assert breaking(ORDER, edited(edit)) == []


def test_a_union_is_compared_by_its_closest_member() -> None:
    """GIVEN a union of models WHEN a field of one changes THEN that field is told; WHEN a member is added THEN those
    who deploy later are told to miss it."""

    class Hound(Dog):
        age: int

    assert told_of(Pet, Annotated[Cat | Hound, Field(discriminator="kind")]) == [
        ("f.age", "added as a required field", (OLD,))
    ]
    assert told_of(Cat, Pet)[0][2] == (NEW,)
    assert told_of(Pet, Pet) == []


def told_of(old: Any, new: Any) -> list[tuple[str, str, tuple[Reader, ...]]]:
    def schema(annotation: Any) -> dict[str, Any]:
        model: type[BaseModel] = type("Model", (BaseModel,), {"__annotations__": {"f": annotation}})
        return model.model_json_schema(mode="serialization")

    return told(schema(old), schema(new))


def test_a_list_of_types_is_a_union() -> None:
    """GIVEN types as a list WHEN one is taken out THEN that is told."""

    def model(*types: str) -> dict[str, Any]:
        return {"type": "object", "properties": {"f": {"type": list(types)}}, "required": ["f"]}

    assert told(model("string", "null"), model("string")) == [("f", "null is no longer allowed", (OLD,))]
    assert told(model("string", "integer"), model("string")) == [("f", "type integer -> string", (OLD,))]


def test_of_two_limits_the_stricter_counts() -> None:
    """GIVEN an inclusive and an exclusive limit WHEN the stricter is loosened THEN that is told."""

    def model(minimum: int) -> dict[str, Any]:
        limited = {"type": "integer", "minimum": minimum, "exclusiveMinimum": 0}
        return {"type": "object", "properties": {"f": limited}, "required": ["f"]}

    assert told(model(5), model(3)) == [("f", "minimum 5 -> 3", (NEW,))]
    assert told(model(0), model(-1)) == []


class Tree(BaseModel):
    leaf: int
    branches: list["Tree"] = []


def test_a_schema_may_refer_to_itself() -> None:
    """GIVEN a recursive model WHEN its leaf changes THEN the comparison ends and tells the leaf."""
    old = Tree.model_json_schema(mode="serialization")
    new = deepcopy(old)
    new["$defs"]["Tree"]["properties"]["leaf"] = {"type": "string"}

    assert breaking(old, deepcopy(old)) == []
    assert told(old, new) == [
        ("branches[].leaf", "type integer -> string", BOTH),
        ("leaf", "type integer -> string", BOTH),
    ]


def test_a_map_of_fields_is_compared_with_its_values() -> None:
    """GIVEN a model that becomes a map, or a map a model WHEN compared THEN what the values cannot hold, or what would
    be lost, is told."""
    model = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
    numbers = {"type": "object", "additionalProperties": {"type": "integer"}}

    assert told(model, numbers) == [
        ("a", "type string -> integer", BOTH),
        ("a", "removed", (NEW,)),
    ]
    assert told(numbers, model) == [
        ("*", "removed", (OLD,)),
        ("a", "added as a required field", (OLD,)),
        ("a", "type integer -> string", BOTH),
    ]
