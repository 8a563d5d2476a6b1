"""The pattern engine against an emulator's TestEventPattern: the table, and generated patterns and events.

Neither side is the judge: a difference is judged by AWS's documentation. Those in which the emulator is wrong
are listed below with the reason, and a difference that none of them covers fails.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from fanout_tools.patterns import Pattern
from tests.integration.conftest import EMULATOR
from tests.unit.fanout_tools.patterns.strategies import meeting_events, patterns

pytestmark = pytest.mark.skipif(EMULATOR != "ministack", reason="LocalStack refuses no bad pattern: nothing to learn")

TABLE = json.loads((Path(__file__).parents[1] / "unit/fanout_tools/patterns/conformance.json").read_text())
ENVELOPE = {
    "version": "0",
    "id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718",
    "detail-type": "OrderPlaced",
    "source": "shop.orders",
    "account": "111122223333",
    "time": "2026-01-31T12:00:00Z",
    "region": "eu-central-1",
    "resources": [],
}
PATTERNS = 800
EVENTS_EACH = 4
Document = dict[str, Any]
Ask = Callable[[Any, Document], bool | str]


def _inside(node: Any) -> Iterator[Any]:
    """The node and all in it, names included."""
    yield node
    if isinstance(node, dict):
        yield from node
        for child in node.values():
            yield from _inside(child)
    elif isinstance(node, list):
        for child in node:
            yield from _inside(child)


def _absence_within_an_array(pattern: Document, event: Document) -> bool:
    """Event Ruler judges absence by the elements that the fields sorted before it decided on, MiniStack in each
    element of an array of objects.

    Event Ruler, NameState: a field that breaks the consistency of arrays does not count as present.
    """
    objects_in_array = any(isinstance(node, list) and any(isinstance(e, dict) for e in node) for node in _inside(event))
    return objects_in_array and {"exists": False} in list(_inside(pattern))


def _dots_in_names_of_the_event(_: Document, event: Document) -> bool:
    """Event Ruler's README: ``state.status`` is the same as ``status`` in ``state``; MiniStack splits the
    pattern's alone."""
    return any(isinstance(node, str) and "." in node for node in _names(event))


def _names(node: Any) -> Iterator[str]:
    for inner in _inside(node):
        if isinstance(inner, dict):
            yield from inner


def _numbers_that_are_not_compared(pattern: Document, event: Document) -> bool:
    """EventBridge's user guide: numeric is limited to -5e9 to 5e9; MiniStack compares any number."""
    beyond = any(isinstance(node, int | float) and abs(node) > 5e9 for node in _inside(event))
    return beyond and "numeric" in list(_inside(pattern))


KNOWN_DIFFERENCES: list[Callable[[Document, Document], bool]] = [
    _absence_within_an_array,
    _dots_in_names_of_the_event,
    _numbers_that_are_not_compared,
]
TAKEN_BY_THE_EMULATOR = {
    "$or takes an array, not an object": "MiniStack takes it for a field, as Event Ruler's README says",
    "a name written twice": "MiniStack keeps the last",
    "wildcard: many stars after repeated characters": "MiniStack does not measure wildcards",
    "wildcard: a fourth of one shape in one field": "MiniStack does not measure wildcards",
    "wildcard: the branches of an $or share a field": "MiniStack does not measure wildcards",
    "wildcard: inside anything-but": "MiniStack does not measure wildcards",
    "2,048 characters at most": "MiniStack has no limit here",
    "numeric: within five billion": "MiniStack compares any number",
    "numeric: above minus five billion": "MiniStack compares any number",
    "numeric: six digits after the point": "MiniStack compares any number",
    "anything-but: numbers are within the range": "MiniStack compares any number",
}


@pytest.fixture(scope="module")
def ask(environment: None) -> Ask:
    """Ask the emulator: whether the event matches, or its error's code."""
    client = boto3.client("events")

    def answer(pattern: Any, detail: Document) -> bool | str:
        text = pattern if isinstance(pattern, str) else json.dumps(pattern)
        event = json.dumps(ENVELOPE | {"detail": detail})
        try:
            return client.test_event_pattern(EventPattern=text, Event=event)["Result"]
        except ClientError as error:
            return error.response["Error"]["Code"]

    return answer


def _is_known(pattern: Document, event: Document) -> bool:
    return any(covers(pattern, event) for covers in KNOWN_DIFFERENCES)


def test_conformance_table_holds_on_the_emulator(ask: Ask) -> None:
    # GIVEN every case of the table, as the detail of an event
    cases = [
        (case["pattern"], event, wanted)
        for case in TABLE["matching"]
        if case["dialect"] == "EventBridge"
        for wanted, some in ((True, case["matches"]), (False, case["misses"]))
        for event in some
    ]
    # THEN the emulator answers the same, known differences aside
    differing = [
        (pattern, event)
        for pattern, event, wanted in cases
        if ask({"detail": pattern}, event) is not wanted and not _is_known(pattern, event)
    ]
    assert len(cases) > 300
    assert differing == []


def test_refused_patterns_are_refused_by_the_emulator(ask: Ask) -> None:
    # GIVEN every pattern that the table says AWS refuses WHEN the emulator is asked
    refused = [case for case in TABLE["refused"] if case["dialect"] == "EventBridge"]
    taken = {case["note"] for case in refused if ask(case["pattern"], {}) != "InvalidEventPatternException"}
    # THEN it takes none but those listed
    assert len(refused) > 60
    assert taken == set(TAKEN_BY_THE_EMULATOR)


def test_generated_patterns_and_events(ask: Ask) -> None:
    # GIVEN generated patterns, each with some events made to nearly match it
    def with_events(pattern: Document) -> st.SearchStrategy[tuple[Document, list[Document]]]:
        some = st.lists(meeting_events(pattern), min_size=EVENTS_EACH, max_size=EVENTS_EACH)
        return st.tuples(st.just(pattern), some)

    answers = {True: 0, False: 0}
    differing: list[tuple[Document, Document]] = []

    @settings(
        max_examples=PATTERNS,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(patterns().flatmap(with_events))
    def compare(case: tuple[Document, list[Document]]) -> None:
        pattern, some = case
        parsed = Pattern.parse({"detail": pattern})
        for event in some:
            ours = parsed.matches({"detail": event})
            answers[ours] += 1
            if ask({"detail": pattern}, event) is not ours and not _is_known(pattern, event):
                differing.append((pattern, event))

    # WHEN both are asked about each
    compare()
    # THEN they agree, known differences aside, and both answers were put to the test often
    assert sorted(differing, key=lambda pair: len(str(pair)))[:5] == []
    assert min(answers.values()) > PATTERNS * EVENTS_EACH / 10
