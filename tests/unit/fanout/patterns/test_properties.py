"""What holds for every pattern and event, not only for the ones somebody thought of."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from fanout.patterns import Pattern, RuleIndex
from tests.unit.fanout.patterns import oracle
from tests.unit.fanout.patterns.strategies import FIELDS, LEAVES, events, patterns


@given(patterns(), events())
def test_matching_agrees_with_the_formal_rule(source: dict[str, Any], event: dict[str, Any]) -> None:
    pattern = Pattern.parse(source)
    assert pattern.matches(event) is oracle.matches(pattern, event)


@settings(max_examples=60)
@given(st.lists(patterns(), max_size=8), st.lists(events(), min_size=1, max_size=5))
def test_index_answers_what_asking_each_rule_would(sources: list[dict[str, Any]], some: list[dict[str, Any]]) -> None:
    rules = {f"rule {at}": Pattern.parse(source) for at, source in enumerate(sources)}
    index = RuleIndex(rules)
    for event in some:
        assert index.match(event) == tuple(name for name, pattern in rules.items() if pattern.matches(event))


@given(patterns(), events())
def test_explanation_agrees_with_matching(source: dict[str, Any], event: dict[str, Any]) -> None:
    pattern = Pattern.parse(source)
    explanation = pattern.explain(event)
    assert explanation.matched is pattern.matches(event)
    assert (explanation.path is None) is (explanation.wanted is None) is explanation.matched
    assert str(explanation)


@given(patterns(), events(), LEAVES)
def test_fields_that_no_pattern_names_change_nothing(source: dict[str, Any], event: dict[str, Any], leaf: Any) -> None:
    pattern = Pattern.parse(source)
    assert pattern.matches({**event, "unnamed": leaf}) is pattern.matches(event)


@given(patterns(), events())
def test_an_object_alone_in_an_array_is_that_object(source: dict[str, Any], event: dict[str, Any]) -> None:
    pattern = Pattern.parse(source)
    assert pattern.matches({name: [value] for name, value in event.items()}) is pattern.matches(event)


@given(FIELDS, FIELDS, events())
def test_or_is_the_union_of_its_branches(left: list[Any], right: list[Any], event: dict[str, Any]) -> None:
    either = Pattern.parse({"$or": [{"a": left}, {"b": right}]})
    branches = Pattern.parse({"a": left}).matches(event), Pattern.parse({"b": right}).matches(event)
    assert either.matches(event) is any(branches)


@given(patterns())
def test_parsing_is_the_same_after_a_round_trip_through_json(source: dict[str, Any]) -> None:
    assert Pattern.parse(json.dumps(source)) == Pattern.parse(source)
