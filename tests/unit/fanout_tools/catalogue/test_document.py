"""What contracts say stays text: it ends no cell and no code of the Markdown, whatever is in it."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fanout_tools.catalogue.document import Code, Table, Text, markdown

HOSTILE = ["a\rb", "a|b", "a`b", "`", "``|``", "\\|", "[x](y)", "<b>"]


def cells(text: Text) -> int:
    """Of the row that has the text in its first cell of two."""
    row = markdown([Table(["a", "b"], [[text, ["end"]]])], "schemas", "picture.svg").rstrip("\n").split("\n")[-1]
    return len(re.findall(r"(?<!\\)\|", row)) - 1


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_ends_its_cell(text: str) -> None:
    assert cells([text]) == 2
    assert cells([Code(text)]) == 2


@given(st.text(st.characters(codec="utf-8"), min_size=1).filter(str.strip))
def test_no_code_ends_before_its_text(text: str) -> None:
    """GIVEN any text as code WHEN written THEN its fence is longer than any within."""
    written = markdown([Table(["a"], [[[Code(text)]]])], "schemas", "picture.svg").rstrip("\n").split("\n")[-1]

    fence = re.match(r"\| (`+)", written)
    assert fence is not None
    assert all(len(run) < len(fence[1]) for run in re.findall("`+", text))
