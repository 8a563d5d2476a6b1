"""Conditions read as sentences."""

from typing import Any

import pytest

from fanout_tools.catalogue.labels import words


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ({}, ""),
        ({"kind": ["a"]}, 'kind is "a"'),
        ({"kind": ["a", "b", None]}, 'kind is one of "a", "b", null'),
        ({"total": {"amount": [{"numeric": [">", 0, "<=", 25]}]}}, "total.amount is over 0 and is at most 25"),
        ({"key": [{"suffix": ".jpg"}, {"suffix": ".png"}]}, 'key ends with ".jpg" or ".png"'),
        ({"key": ["x", {"prefix": "eu-"}]}, '(key is "x" or key starts with "eu-")'),
        ({"key": [{"prefix": {"equals-ignore-case": "EU-"}}]}, 'key starts with "EU-" in any case'),
        ({"key": [{"anything-but": ["a", "b"]}]}, 'key is not "a" or "b"'),
        ({"key": [{"anything-but": {"prefix": "t-"}}]}, 'key does not start with "t-"'),
        ({"key": [{"exists": False}]}, "key is not there"),
        ({"ip": [{"cidr": "10.0.0.0/8"}]}, 'ip is an address in "10.0.0.0/8"'),
        ({"a": ["1"], "b": [{"equals-ignore-case": "x"}]}, 'a is "1" and b is "x" in any case'),
        ({"$or": [{"a": ["1"]}, {"b": ["2"], "c": [3]}]}, '(a is "1" or b is "2" and c is 3)'),
        ({"a": [{"wildcard": "x*y"}]}, 'a is like "x*y"'),
    ],
)
def test_a_condition_in_words(where: dict[str, Any], said: str) -> None:
    assert words(where) == said


def test_an_operator_that_is_new_is_told_as_it_is_written() -> None:
    assert words({"a": [{"sounds-like": "x"}]}) == 'a sounds-like "x"'
