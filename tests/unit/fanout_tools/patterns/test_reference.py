"""docs/reference/conditions.md says of each operator what it holds for, and which service takes it."""

import json
import re
from typing import Any

import pytest

from fanout.errors import PatternError
from fanout_tools.patterns import EVENTBRIDGE, SNS, Dialect, Pattern
from scripts.paths import REPOSITORY

PAGE = (REPOSITORY / "docs/reference/conditions.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| `(\[.*?\])` \| (.*?) \| (.*?) \| (yes|no) \| (yes|no) \|$", PAGE, re.MULTILINE)
ABSENT = object()


def value(cell: str) -> Any:
    """The value that a cell shows; the first row's is any of its list."""
    if cell == "an absent field":
        return ABSENT
    return json.loads(cell.strip("`")) if "`" in cell else "a"


def event(shown: Any) -> dict[str, Any]:
    return {} if shown is ABSENT else {"field": shown}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_an_operator_does_as_the_reference_says(row: tuple[str, ...]) -> None:
    written, holds, fails, *_ = row
    pattern = Pattern.parse({"field": json.loads(written)}, dialect=EVENTBRIDGE)

    assert pattern.matches(event(value(holds)))
    assert not pattern.matches(event(value(fails)))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
@pytest.mark.parametrize(("dialect", "column"), [(SNS, 3), (EVENTBRIDGE, 4)], ids=["topic", "bus"])
def test_a_service_takes_what_the_reference_says(row: tuple[str, ...], dialect: Dialect, column: int) -> None:
    pattern = {"field": json.loads(row[0])}
    if row[column] == "no":
        with pytest.raises(PatternError):
            Pattern.parse(pattern, dialect=dialect)
    else:
        Pattern.parse(pattern, dialect=dialect)


def test_every_operator_is_in_the_reference() -> None:
    assert len(ROWS) > 10
    assert [name for name in EVENTBRIDGE.operators if f'"{name}"' not in PAGE] == []
