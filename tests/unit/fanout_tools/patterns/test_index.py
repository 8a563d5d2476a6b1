"""The index's own promises: order, multiplicity, and the corners of its tree."""

import pytest

from fanout_tools.patterns import Pattern, RuleIndex
from fanout_tools.patterns.index import MAX_COPIES


def index(**rules: dict[str, object]) -> RuleIndex:
    return RuleIndex({name: Pattern.parse(rule) for name, rule in rules.items()})


def test_names_come_in_the_order_of_the_rules() -> None:
    # GIVEN rules that different parts of the tree lead to, in an order that no part has
    rules = index(
        test={"source": [{"prefix": "shop."}]},
        exact={"source": ["shop.orders"]},
        absent={"x": [{"exists": False}]},
    )
    assert rules.match({"source": "shop.orders"}) == ("test", "exact", "absent")


def test_a_rule_is_named_once_however_often_it_matches() -> None:
    # GIVEN a rule that matches by both branches and by both elements of an array
    rules = index(rule={"$or": [{"a": ["x", "y"]}, {"b": [1]}]})
    assert rules.match({"a": ["x", "y", "x"], "b": 1}) == ("rule",)


def test_no_rules_match_nothing() -> None:
    assert RuleIndex({}).match({"source": "x"}) == ()
    assert len(RuleIndex({})) == 0


def test_rules_that_share_a_test_stay_apart() -> None:
    # GIVEN two rules whose first test is the same and whose second is not
    rules = index(
        low={"a": [{"prefix": "x"}], "n": [{"numeric": ["<", 5]}]},
        high={"a": [{"prefix": "x"}], "n": [{"numeric": [">", 5]}]},
    )
    assert rules.match({"a": "xy", "n": 1}) == ("low",)
    assert rules.match({"a": "xy", "n": 9}) == ("high",)
    assert rules.match({"a": "y", "n": 9}) == ()


@pytest.mark.parametrize(("leaf", "name"), [(1, "one"), (True, "true"), (0, "zero"), (False, "false"), (1.0, "one")])
def test_look_ups_tell_booleans_from_numbers(leaf: object, name: str) -> None:
    rules = index(one={"a": [1]}, true={"a": [True]}, zero={"a": [0]}, false={"a": [False]})
    assert rules.match({"a": leaf}) == (name,)


def test_conditions_with_more_values_than_the_budget_of_copies_still_match() -> None:
    # GIVEN a rule with more values, in two fields, than the tree copies
    values = [f"value {at}" for at in range(MAX_COPIES + 1)]
    rules = index(few={"a": values[:9], "b": values[:9]}, many={"a": values, "b": values})
    assert rules.match({"a": values[0], "b": values[8]}) == ("few", "many")
    assert rules.match({"a": values[-1], "b": values[-1]}) == ("many",)
    assert rules.match({"a": "value", "b": values[0]}) == ()


def test_fields_of_an_array_of_objects_are_confirmed() -> None:
    # GIVEN rules that match field by field, one of them only across elements of the array
    rules = index(same={"a": {"x": [1], "y": [1]}}, across={"a": {"x": [1], "y": [2]}}, other={"b": [1]})
    assert rules.match({"a": [{"x": 1, "y": 1}, {"x": 2, "y": 2}], "b": 1}) == ("same", "other")
    assert rules.match({"a": [{"x": 1, "y": 3}, {"x": 2, "y": 2}]}) == ()
