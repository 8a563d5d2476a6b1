"""The text of any error can be had, bounded."""

import pytest

from fanout.errors import describe


class MuteError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


@pytest.mark.parametrize(
    ("error", "text"), [(ValueError("why"), "why"), (ValueError(), "no message"), (MuteError(), "no message")]
)
def test_every_error_has_a_text(error: Exception, text: str) -> None:
    """GIVEN an error, one without text, and one whose text fails WHEN described THEN there is a text."""
    assert describe(error) == text


@pytest.mark.parametrize("limit", [0, 5, 100, 1000])
def test_a_long_text_is_cut_with_a_note(limit: int) -> None:
    """GIVEN a text of 300,000 characters WHEN described THEN it has at most `limit` characters and says it was cut."""
    text = describe(ValueError("x" * 300_000), limit)

    assert len(text) <= limit
    assert limit < 100 or text.endswith("... (300000 characters)")
