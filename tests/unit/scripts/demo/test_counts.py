"""Counts that logs tell are explained; none of them fails a run."""

from __future__ import annotations

from collections import Counter

from scripts.demo import counts
from scripts.demo.scenario import Scenario

from .conftest import PURCHASES

SCENARIO = Scenario("demo-1", PURCHASES)


def told(**changes: int) -> dict[str, Counter[str]]:
    numbers = counts.expected(SCENARIO) | changes
    return {worker: Counter(received=number) for worker, number in numbers.items()}


def test_counts_as_sent_need_no_word() -> None:
    assert list(counts.explain(SCENARIO, told())) == []
    assert counts.complete(SCENARIO, told())


def test_retried_records_are_explained() -> None:
    assert list(counts.explain(SCENARIO, told(inventory=15))) == [
        "inventory: 7 more deliveries than events: records were retried"
    ]
    assert counts.complete(SCENARIO, told(inventory=15))


def test_lost_log_lines_are_explained() -> None:
    (line,) = counts.explain(SCENARIO, told(billing=6))

    assert line.startswith("billing: its log misses 2 deliveries")
    assert not counts.complete(SCENARIO, told(billing=6))
