"""The engine against a table of what AWS documents: conformance.json.

Each case notes the rule it shows and the page that says so. A new case belongs in the table, not here.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from fanout.errors import PatternError
from fanout_tools.patterns import EVENTBRIDGE, SNS, Pattern, RuleIndex

TABLE = json.loads(Path(__file__).with_name("conformance.json").read_text())
DIALECTS = {dialect.name: dialect for dialect in (EVENTBRIDGE, SNS)}
MATCHING = [
    pytest.param(case["dialect"], case["pattern"], event, wanted, id=case["note"])
    for case in TABLE["matching"]
    for wanted, events in ((True, case["matches"]), (False, case["misses"]))
    for event in events
]
REFUSED = [pytest.param(case, id=case["note"]) for case in TABLE["refused"]]


@pytest.mark.parametrize(("dialect", "source", "event", "wanted"), MATCHING)
def test_matching(dialect: str, source: dict[str, Any], event: dict[str, Any], wanted: bool) -> None:
    # GIVEN a pattern and an event from the table
    pattern = Pattern.parse(source, DIALECTS[dialect])
    # THEN the pattern, its explanation and an index over it all answer what AWS documents
    assert pattern.matches(event) is wanted
    assert pattern.explain(event).matched is wanted
    assert RuleIndex({"rule": pattern}).match(event) == (("rule",) if wanted else ())


@pytest.mark.parametrize("case", REFUSED)
def test_refusal(case: dict[str, Any]) -> None:
    # GIVEN a pattern that AWS refuses
    # WHEN it is parsed
    with pytest.raises(PatternError) as refusal:
        Pattern.parse(case["pattern"], DIALECTS[case["dialect"]])
    # THEN the error names the place, the problem and, after a semicolon, the fix
    place, _, rest = str(refusal.value).removeprefix("pattern refused at ").partition(": ")
    problem, _, fix = rest.rpartition("; ")
    assert place == case["place"]
    assert case["says"] in problem
    assert fix


def test_every_operator_is_in_the_table() -> None:
    # GIVEN the operators of both dialects THEN the table shows each, matching and refused
    for dialect in DIALECTS.values():
        for kind in ("matching", "refused"):
            text = json.dumps([case["pattern"] for case in TABLE[kind]])
            assert all(f'"{operator}"' in text for operator in dialect.operators)
