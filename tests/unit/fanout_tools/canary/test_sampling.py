"""Data that pass a filter."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fanout_tools.canary.sampling import candidates
from fanout_tools.patterns import EVENTBRIDGE, Pattern

EXAMPLE = {"state": "new", "total": {"amount": 20, "currency": "USD"}, "lines": [{"sku": "cd-1"}], "ip": "192.0.2.9"}


def passing(where: dict[str, Any], example: dict[str, Any] = EXAMPLE) -> dict[str, Any] | None:
    """The first candidate that the filter takes."""
    pattern = Pattern.parse(where, dialect=EVENTBRIDGE)
    return next((data for data in candidates(where, example, "canary") if pattern.matches(data)), None)


@pytest.mark.parametrize(
    "where",
    [
        {"state": ["paid"]},
        {"state": [{"prefix": "pa"}]},
        {"state": [{"prefix": {"equals-ignore-case": "PA"}}]},
        {"state": [{"suffix": "id"}]},
        {"state": [{"equals-ignore-case": "PAID"}]},
        {"state": [{"wildcard": "p*i*"}]},
        {"state": [{"wildcard": "p\\*i\\\\*"}]},
        {"state": [{"anything-but": ["new", "canary"]}]},
        {"state": [{"anything-but": {"prefix": "n"}}]},
        {"state": [{"anything-but": {"suffix": ["w", "canary"]}}]},
        {"state": [{"anything-but": {"wildcard": "*n*e*w*"}}]},
        {"state": [{"exists": False}]},
        {"note": [{"exists": True}]},
        {"note": [None]},
        {"gift": [True]},
        {"total": {"amount": [{"numeric": [">", 25]}]}},
        {"total": {"amount": [{"numeric": ["<", 0]}]}},
        {"total": {"amount": [{"numeric": ["=", 7.25]}]}},
        {"total": {"amount": [{"numeric": [">", 0, "<", 1]}]}},
        {"total": {"amount": [{"numeric": [">", 30, "<=", 31]}]}},
        {"total": {"amount": [{"anything-but": [20, 21]}]}},
        {"total.amount": [42]},
        {"ip": [{"cidr": "10.0.0.0/24"}]},
        {"lines": {"sku": ["cd-2"]}},
        {"$or": [{"state": ["paid"]}, {"gift": [True]}]},
        {"state": ["paid"], "$or": [{"total": {"amount": [1]}}, {"gift": [True]}]},
        {"total": {"$or": [{"amount": [1]}, {"currency": ["EUR"]}]}},
        {"a": {"b": {"c": [{"exists": False}], "d": [1]}}},
    ],
)
def test_each_operator_can_be_met(where: dict[str, Any]) -> None:
    """GIVEN a filter that the example does not pass, and nothing to begin with WHEN data are made up THEN they pass."""
    assert not Pattern.parse(where, dialect=EVENTBRIDGE).matches(EXAMPLE)
    assert passing(where) is not None
    assert passing(where, {}) is not None


def test_an_example_that_passes_is_taken_as_it_is() -> None:
    """GIVEN an example that passes WHEN data are asked for THEN it is the first, and a copy."""
    found = passing({"total": {"amount": [{"numeric": [">", 10]}]}})

    assert found == EXAMPLE
    assert found is not EXAMPLE


def test_what_the_filter_does_not_ask_for_stays() -> None:
    """GIVEN one field to change WHEN data are made up THEN the others are the example's, which is unchanged."""
    found = passing({"total": {"amount": [{"numeric": [">", 25]}]}})

    assert found == {**EXAMPLE, "total": {"amount": 26, "currency": "USD"}}
    assert EXAMPLE["total"] == {"amount": 20, "currency": "USD"}


def test_what_cannot_be_met_ends() -> None:
    """GIVEN a filter that nothing passes, with more choices than anybody tries WHEN asked THEN there is an end."""
    fields = {f"f{n}": [{"anything-but": {"wildcard": "*"}}, {"anything-but": {"wildcard": "*"}}] for n in range(20)}

    assert passing(fields) is None


_NAMES = st.sampled_from(["a", "b", "c"])
_LEAVES = st.one_of(
    st.text("xyz", max_size=3),
    st.integers(-5, 5),
    st.booleans(),
    st.none(),
    st.text("xyz", min_size=1, max_size=3).map(lambda text: {"prefix": text}),
    st.text("xyz", min_size=1, max_size=3).map(lambda text: {"suffix": text}),
    st.integers(-5, 5).map(lambda number: {"numeric": [">=", number]}),
    st.integers(-5, 5).map(lambda number: {"numeric": [">", number, "<", number + 1]}),
    st.booleans().map(lambda there: {"exists": there}),
    st.lists(st.text("xyz", max_size=3), min_size=1, max_size=3).map(lambda texts: {"anything-but": texts}),
)
_CONDITIONS = st.lists(_LEAVES, min_size=1, max_size=2)
_FIELDS = st.dictionaries(_NAMES, st.one_of(_CONDITIONS, st.dictionaries(_NAMES, _CONDITIONS, min_size=1)), min_size=1)


@given(where=_FIELDS, example=st.dictionaries(_NAMES, st.one_of(st.text("xyz"), st.integers())))
def test_any_filter_of_ordinary_operators_can_be_met(where: dict[str, Any], example: dict[str, Any]) -> None:
    """GIVEN any filter WHEN data are made up from any example THEN some pass."""
    assert passing(where, example) is not None
