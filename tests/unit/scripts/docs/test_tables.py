"""A declaration's keys as tables."""

from enum import StrEnum

import pytest
from pydantic import BaseModel, Field

from scripts.docs.tables import descriptions, keys, paths


class Size(StrEnum):
    SMALL = "small"
    LARGE = "large"


class Lid(BaseModel):
    """What closes it."""

    colour: str | None = Field(default=None, max_length=9, description="any `<name>`")


class Box(BaseModel):
    name: str = Field(pattern="^(a|b)$")
    size: Size = Field(default=Size.SMALL, description="of | for")
    weight_kg: int = Field(default=1, ge=1, le=2_000)
    lid: Lid = Field(default=Lid(), description="none is open")
    tags: list[str] = Field(default=[], min_length=0)
    parts: dict[str, Lid] = Field(default={}, json_schema_extra={"patternProperties": None})
    spares: list[Lid] = Field(default=[])


SCHEMA = Box.model_json_schema()
SCHEMA["properties"]["parts"] = {"type": "object", "patternProperties": {"^[a-z]+$": {"$ref": "#/$defs/Lid"}}}


@pytest.mark.parametrize(
    "row",
    [
        '| <a id="name"></a>`name` | string, `^(a\\|b)$` | **required** |  |',
        '| <a id="size"></a>`size` | `small`, `large` | `small` | of \\| for |',
        '| <a id="weight_kg"></a>`weight_kg` | integer, 1 to 2,000 | `1` |  |',
        '| <a id="lid"></a>`lid` | mapping | see below | none is open |',
        '| <a id="tags"></a>`tags` | list of string, at least 0 of them | none |  |',
        '| <a id="parts"></a>`parts` | mapping of names, `^[a-z]+$`, to mapping | none |  |',
        '| <a id="lid.colour"></a>`colour` | string, at most 9 characters | none | any `<name>` |',
    ],
)
def test_a_key_has_a_row(row: str) -> None:
    """GIVEN a kind of key WHEN its table is made THEN its row tells value, bounds, default and words."""
    assert row in keys(SCHEMA).splitlines()


def test_a_mapping_has_a_section_of_its_own() -> None:
    headings = [line for line in keys(SCHEMA).splitlines() if line.startswith("## ")]
    assert headings == ["## lid", "## parts.NAME", "## spares[]"]


def test_every_key_is_told_by_its_place() -> None:
    assert list(paths(SCHEMA)) == [
        *("name", "size", "weight_kg", "lid", "tags", "parts", "spares"),
        *("lid.colour", "parts.NAME.colour", "spares[].colour"),
    ]


def test_the_words_of_its_kind_are_not_a_keys_own() -> None:
    """GIVEN a key whose model has a docstring WHEN it has no description THEN it counts as wordless."""
    told = dict(descriptions({**SCHEMA, "properties": {"lid": {"$ref": "#/$defs/Lid"}}}))
    assert told == {"lid": "", "lid.colour": "any `<name>`"}
