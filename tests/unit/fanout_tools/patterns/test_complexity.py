"""The measure of wildcards against Event Ruler's figures, and how long measuring takes at worst."""

import time

import pytest

from fanout.errors import PatternError
from fanout_tools.patterns import EVENTBRIDGE, Pattern
from fanout_tools.patterns.complexity import complexity

# Event Ruler, MachineComplexityEvaluatorTest: wildcards of one field, without quotation marks, and what they measure.
FIGURES = [
    (1, ["*"]),
    (1, ["abc"]),
    (2, ["*ab"]),
    (3, ["*aa"]),
    (2, ["a*b"]),
    (2, ["aa*"]),
    (2, ["a*bc"]),
    (3, ["a*bb"]),
    (3, ["a*bcb"]),
    (4, ["a*bbb"]),
    (4, ["*ab*ad"]),
    (3, ["*ab*d"]),
    (4, ["*aba*"]),
    (5, ["a*b*bb"]),
    (4, ["a*b*cb"]),
    (3, ["a*b*cd"]),
    (4, ["a*b*b"]),
    (4, ["a*bb*"]),
    (3, ["ab*b*"]),
    (3, ["*", "ab*c"]),
    (3, ["ab*c", "x*xx"]),
    (4, ["*abc", "*abcde"]),
    (4, ["a*bcd", "ab*cd"]),
    (4, ["a*bc", "a*bcde"]),
    (7, ["a*aaa", "aa*aa"]),
    (4, ["a*bc", "abc*d"]),
    (6, ["a*aaa", "aaa*a"]),
    (5, ["a*aax", "aaa*x"]),
    (5, ["a*aa", "aaa*"]),
    (3, ["abc*", "abcde*"]),
    (6, ["ab*cd", "ab*wx", "ab*yz"]),
    (7, ["*ab*b*b*"]),
    (17, ["*a*a*a*a*a*a*a*a*"]),
]


@pytest.mark.parametrize(("figure", "wildcards"), FIGURES, ids=[" ".join(wildcards) for _, wildcards in FIGURES])
def test_measures_as_event_ruler_does(figure: int, wildcards: list[str]) -> None:
    assert complexity({text: (text,) for text in wildcards}, limit=100) == figure


def test_a_wildcard_given_twice_counts_once() -> None:
    assert Pattern.parse({"a": [{"wildcard": "*:stack/K/*"}] * 9})


def test_branches_that_reach_a_field_otherwise_are_measured_apart() -> None:
    # GIVEN two branches with two wildcards each, four of which are refused in one field
    def branch(kind: str, *names: str) -> dict[str, object]:
        return {"a": [kind], "b": [{"wildcard": f"*:stack/{name}/*"} for name in names]}

    # THEN they count together only where the fields before them are wanted alike
    assert Pattern.parse({"$or": [branch("x", "K", "L"), branch("y", "M", "N")]})
    with pytest.raises(PatternError, match="too complex"):
        Pattern.parse({"$or": [branch("x", "K", "L"), branch("x", "M", "N")]})


def test_a_field_behind_one_that_must_be_absent_is_measured() -> None:
    with pytest.raises(PatternError, match="too complex"):
        Pattern.parse({"a": [{"exists": False}], "b": [{"wildcard": "*:*:*:*:*:event-bus/*"}]})


@pytest.mark.parametrize(
    "wildcards",
    [
        ["*" + "abcdefgh" * 240],
        [f"*{'ab' * 60}{at}*{'cd' * 60}{at}*{at}" for at in range(3)],
        ["".join(f"{at:03}*" for at in range(5)) + "x" * 1_900],
        ["*a" * 900],
    ],
    ids=["one long", "three with three stars", "stars first", "too many stars"],
)
def test_the_largest_patterns_are_measured_in_no_time(wildcards: list[str]) -> None:
    # WHEN patterns near the limit of characters are measured
    start = time.process_time()
    complexity({text: (f'"{text}"',) for text in wildcards}, limit=EVENTBRIDGE.max_wildcard_complexity or 0)
    # THEN it takes well below the seconds that a person would notice
    assert time.process_time() - start < 2
