"""Parsing from text and mappings, and the sentences of explanations; the table has what matches."""

from enum import StrEnum
from types import MappingProxyType

import pytest

from fanout.errors import PatternError
from fanout_tools.patterns import ABSENT, EVENTBRIDGE, SNS, Explanation, Pattern, RuleIndex

ORDER: dict[str, object] = {
    "source": "shop.orders",
    "detail-type": "OrderPlaced",
    "detail": {
        "data": {
            "total": 20,
            "lines": [{"sku": "a", "count": 1}, {"sku": "b", "count": 2}],
            "tags": ["x", "y"],
        }
    },
}


def test_text_and_mapping_are_the_same_pattern() -> None:
    # GIVEN one pattern as JSON text, as a dictionary, and as another kind of mapping
    text = '{"source": ["shop.orders"], "detail": {"data": {"total": [{"numeric": [">", 10]}]}}}'
    detail = {"data": {"total": [{"numeric": [">", 10]}]}}
    mapping = {"source": ["shop.orders"], "detail": detail}
    frozen = MappingProxyType({**mapping, "detail": MappingProxyType(detail)})
    # THEN all parse to the same
    assert Pattern.parse(text) == Pattern.parse(mapping) == Pattern.parse(frozen)


def test_dialect_is_eventbridge_unless_said() -> None:
    assert Pattern.parse({"a": [1]}).dialect is EVENTBRIDGE
    assert Pattern.parse({"a": [1]}, SNS).dialect is SNS


@pytest.mark.parametrize("value", [{1, 2}, float("nan"), float("inf"), b"x", object()])
def test_mapping_that_is_not_json_is_refused(value: object) -> None:
    with pytest.raises(PatternError, match="not JSON"):
        Pattern.parse({"a": [value]})


def test_size_counts_the_compact_text_of_a_mapping_and_the_given_text_otherwise() -> None:
    # GIVEN a pattern of exactly 2,048 characters
    mapping = {"a": ["x" * (2_048 - len('{"a":[""]}'))]}
    assert Pattern.parse(mapping)
    # THEN one character more, even of white space in a text, is refused
    with pytest.raises(PatternError, match="2,049 characters, and EventBridge takes 2,048"):
        Pattern.parse({"a": [mapping["a"][0] + "x"]})
    with pytest.raises(PatternError, match="2,049 characters"):
        Pattern.parse(' {"a":["' + mapping["a"][0] + '"]}')


@pytest.mark.parametrize("depth", [101, 40_000])
def test_endless_nesting_is_refused(depth: int) -> None:
    # GIVEN a text nested deeper than any recursion may go
    # THEN it is refused before anything recurses over it
    with pytest.raises(PatternError, match="nested too deeply"):
        Pattern.parse('{"a":' * depth + "[1]" + "}" * depth, SNS)


def test_events_nested_deeply_are_read() -> None:
    # GIVEN an array within arrays, deeper than the recursion limit
    value: object = "x"
    for _ in range(5_000):
        value = [value]
    # THEN its element is found
    assert Pattern.parse({"a": ["x"]}).matches({"a": value})


def explain(pattern: dict[str, object], event: dict[str, object] = ORDER) -> Explanation:
    return Pattern.parse(pattern).explain(event)


def test_explanation_of_a_match() -> None:
    explanation = explain({"source": ["shop.orders"]})
    assert explanation == Explanation(True)
    assert str(explanation) == "every field of the pattern matches"


def test_explanation_names_the_first_field_that_failed() -> None:
    # GIVEN a pattern two fields of which fail
    explanation = explain(
        {"source": ["shop.orders"], "detail": {"data": {"total": [{"numeric": [">", 100]}], "tags": ["z"]}}}
    )
    # THEN the first in the pattern's order is named, with what it had and what was wanted
    assert explanation == Explanation(False, "detail.data.total", 20, "a number > 100")
    assert str(explanation) == "detail.data.total is 20; wanted a number > 100"


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        (["x", 1, None, True], '"x" or 1 or null or true'),
        ([{"prefix": "a"}], 'a string that starts with "a"'),
        ([{"suffix": "é"}], 'a string that ends with "é"'),
        ([{"equals-ignore-case": "a"}], '"a" in any case'),
        ([{"prefix": {"equals-ignore-case": "a"}}], 'a string that starts with "a" in any case'),
        ([{"suffix": {"equals-ignore-case": "a"}}], 'a string that ends with "a" in any case'),
        ([{"wildcard": "a*"}], 'a string like "a*"'),
        ([{"anything-but": [20, 30]}], "anything but 20 or 30"),
        ([{"anything-but": {"prefix": ["x", "y"]}}], None),
        ([{"numeric": [">=", 21, "<", 30]}], "a number >= 21 and < 30"),
        ([{"numeric": ["=", 21]}], "the number 21"),
        ([{"cidr": "10.0.0.5/8"}], "an address in 10.0.0.0/8"),
        ([{"exists": False}], "the field to be absent"),
        (["x", {"exists": False}], '"x" or the field to be absent'),
    ],
)
def test_explanation_says_what_was_wanted(wanted: list[object], sentence: str | None) -> None:
    explanation = explain({"detail": {"data": {"total": wanted}}})
    assert explanation.wanted == sentence
    assert explanation.matched is (sentence is None)


def test_explanation_of_an_absent_field() -> None:
    explanation = explain({"detail": {"data": {"customer": [{"exists": True}]}}})
    assert explanation.value is ABSENT
    assert str(explanation) == "detail.data.customer is absent; wanted the field to be present"


@pytest.mark.parametrize(
    ("value", "had"),
    [({"b": 1}, "an object, not a value"), ([], "an empty array"), ([{"b": 1}], '[{"b": 1}]')],
)
def test_explanation_of_what_is_no_leaf(value: object, had: str) -> None:
    # GIVEN a field that is there, yet counts as absent
    assert str(explain({"a": [{"exists": True}]}, {"a": value})) == f"a is {had}; wanted the field to be present"


def test_explanation_tells_null_from_absent() -> None:
    assert str(explain({"a": ["x"]}, {"a": None})) == 'a is null; wanted "x"'


def test_explanation_of_an_array_lists_its_leaves() -> None:
    assert str(explain({"detail": {"data": {"tags": ["z"]}}})) == 'detail.data.tags is ["x", "y"]; wanted "z"'


def test_explanation_of_fields_from_different_elements() -> None:
    # GIVEN a pattern whose fields are found in two elements of an array, not in one
    explanation = explain({"detail": {"data": {"lines": {"sku": ["a"], "count": [2]}}}})
    # THEN that is what the explanation says
    assert str(explanation) == (
        "detail.data.lines.count is [1, 2]; wanted 2 in the same array element as detail.data.lines.sku"
    )


def test_explanation_of_or_is_of_the_branch_that_came_furthest() -> None:
    explanation = explain(
        {
            "$or": [
                {"source": ["x"], "detail-type": ["y"]},
                {"source": ["shop.orders"], "detail-type": ["OrderPaid"]},
            ]
        }
    )
    assert str(explanation) == 'detail-type is "OrderPlaced"; wanted "OrderPaid"'


class Colour(StrEnum):
    RED = "red"


def test_values_of_types_that_extend_json_types_are_leaves() -> None:
    # GIVEN an event with an enumeration among its values, in a mapping that is no dictionary
    event = {"a": MappingProxyType({"b": Colour.RED})}
    # THEN they match as what they extend
    assert Pattern.parse({"a": {"b": ["red"]}}).matches(event)
    assert RuleIndex({"rule": Pattern.parse({"a": {"b": ["red"]}})}).match(event) == ("rule",)


@pytest.mark.parametrize("source", [{True: ["a"]}, {"a": {1: ["b"]}}, {"$or": [{"a": [1]}, {None: [1]}]}])
def test_names_that_are_no_strings_are_refused(source: dict[str, object]) -> None:
    # GIVEN a mapping as YAML reads it from ``on: [a]`` or ``1: [b]``
    with pytest.raises(PatternError, match="a name is a string; put it in quotation marks"):
        Pattern.parse(source)


def test_explanation_of_absence_in_an_array_names_the_fields_it_depends_on() -> None:
    # GIVEN an element with the field that must be absent where the others match
    explanation = explain(
        {"lines": {"sku": ["A"], "voucher": [{"exists": False}]}}, {"lines": [{"sku": "A", "voucher": 1}, {"sku": "B"}]}
    )
    # THEN that is what the explanation says
    assert str(explanation) == (
        "lines.voucher is [1]; wanted the field to be absent in the same array element as lines.sku"
    )


def test_one_list_in_two_places_of_an_event_is_two_arrays() -> None:
    # GIVEN an event made in Python, which holds the same list twice
    lines = [{"x": 1}, {"x": 2}]
    # THEN a choice in one place does not bind the other
    assert Pattern.parse({"a": {"x": [1]}, "b": {"x": [2]}}).matches({"a": lines, "b": lines})


def test_arrays_of_many_elements_are_matched_without_trying_all_combinations() -> None:
    # GIVEN two arrays that match in every element, and a third that fails for all
    many = [{"x": at, "y": 1} for at in range(2_000)]
    event = {"a": many, "b": many, "c": [{"x": 1, "y": 1}, {"x": 2, "y": 2}]}
    anything = [{"exists": True}]
    asked = {"a": {"x": anything, "y": [1]}, "b": {"x": anything, "y": [1]}, "c": {"x": [1], "y": [2]}}
    # THEN that is found out in thousands of steps, not millions
    assert not Pattern.parse(asked).matches(event)
