"""What holds for every pattern and event, not only for the ones somebody thought of."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from fanout_tools.patterns import Pattern, RuleIndex
from tests.unit.fanout_tools.patterns import oracle
from tests.unit.fanout_tools.patterns.strategies import FIELDS, LEAVES, events, pairs, patterns

Pair = tuple[dict[str, Any], dict[str, Any]]
few = settings(max_examples=40, deadline=None)


@settings(max_examples=75, deadline=None)
@given(pairs())
def test_matching_agrees_with_the_formal_rule(pair: Pair) -> None:
    source, event = pair
    pattern = Pattern.parse(source)
    assert pattern.matches(event) is oracle.matches(pattern, event)


@settings(max_examples=25, deadline=None)  # of up to six pairs each
@given(st.lists(pairs(), max_size=6))
def test_index_answers_what_asking_each_rule_would(some: list[Pair]) -> None:
    rules = {f"rule {at}": Pattern.parse(source) for at, (source, _) in enumerate(some)}
    index = RuleIndex(rules)
    for _, event in some:
        assert index.match(event) == tuple(name for name, pattern in rules.items() if pattern.matches(event))


@few
@given(pairs())
def test_explanation_agrees_with_matching(pair: Pair) -> None:
    source, event = pair
    pattern = Pattern.parse(source)
    explanation = pattern.explain(event)
    assert explanation.matched is pattern.matches(event)
    assert (explanation.path is None) is (explanation.wanted is None) is explanation.matched
    assert str(explanation)


@few
@given(pairs(), LEAVES)
def test_fields_that_no_pattern_names_change_nothing(pair: Pair, leaf: Any) -> None:
    source, event = pair
    pattern = Pattern.parse(source)
    assert pattern.matches({**event, "unnamed": leaf}) is pattern.matches(event)


@few
@given(pairs())
def test_an_object_alone_in_an_array_is_that_object(pair: Pair) -> None:
    source, event = pair
    pattern = Pattern.parse(source)
    assert pattern.matches({name: [value] for name, value in event.items()}) is pattern.matches(event)


@few
@given(FIELDS, FIELDS, events())
def test_or_is_the_union_of_its_branches(left: list[Any], right: list[Any], event: dict[str, Any]) -> None:
    either = Pattern.parse({"$or": [{"a": left}, {"b": right}]})
    branches = Pattern.parse({"a": left}).matches(event), Pattern.parse({"b": right}).matches(event)
    assert either.matches(event) is any(branches)


@few
@given(patterns())
def test_parsing_is_the_same_after_a_round_trip_through_json(source: dict[str, Any]) -> None:
    assert Pattern.parse(json.dumps(source)) == Pattern.parse(source)
