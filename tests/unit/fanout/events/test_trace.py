"""Trace contexts are W3C's, and stay in their trace."""

import re
from uuid import uuid4

import pytest

from fanout.events.envelope import child_traceparent, new_traceparent, trace_id

W3C = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


def test_a_new_context_is_well_formed_and_follows_from_the_ids() -> None:
    """GIVEN two events of one correlation WHEN their contexts are made THEN each is W3C's form, sampled, of one trace
    whose id is the correlation's, and of a span of its own that a further publication has again."""
    correlation = str(uuid4())
    first, second = (new_traceparent(event_id, correlation) for event_id in ("e1", "e2"))

    assert W3C.fullmatch(first)
    assert first.endswith("-01")
    assert trace_id(first) == trace_id(second) == correlation.replace("-", "")
    assert first != second
    assert first == new_traceparent("e1", correlation)


@pytest.mark.parametrize("correlation", ["order:o-1997-0042", "", "\ud800", "00000000-0000-0000-0000-000000000000"])
def test_any_correlation_has_a_trace(correlation: str) -> None:
    """GIVEN a correlation's id that is no UUID, or makes no trace's id WHEN a context is made THEN it is W3C's form."""
    assert W3C.fullmatch(new_traceparent("e1", correlation))


@pytest.mark.parametrize("flags", ["00", "01"])
def test_a_child_stays_in_the_trace(flags: str) -> None:
    """GIVEN a parent WHEN a child is made THEN trace and sampling are the parent's, the span is not."""
    parent = f"00-{'a' * 32}-{'b' * 16}-{flags}"
    child = child_traceparent(parent, "e1", "c1")

    assert W3C.fullmatch(child)
    assert trace_id(child) == "a" * 32
    assert child.endswith(f"-{flags}")
    assert child != parent


@pytest.mark.parametrize(
    "parent",
    [
        None,
        "",
        "nonsense",
        f"00-{'A' * 32}-{'b' * 16}-01",
        f"00-{'0' * 32}-{'b' * 16}-01",
        f"00-{'a' * 32}-{'0' * 16}-01",
    ],
)
def test_without_a_good_parent_the_trace_is_new(parent: str | None) -> None:
    """GIVEN no parent, or one that the standard calls invalid WHEN a child is made THEN it starts a trace."""
    assert W3C.fullmatch(child_traceparent(parent, "e1", "c1"))
    assert trace_id(parent) is None
