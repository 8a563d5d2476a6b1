"""What the workers' logs tell of a run, explained and never demanded.

An at-least-once system may deliver an event again, and the log of an invocation that was killed is lost: these counts
are no proof of anything. What the workers did is held against what was sent in :mod:`scripts.demo.reconcile`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from scripts.demo.scenario import REJECTS, Scenario

__all__ = ["complete", "expected", "explain"]


def expected(scenario: Scenario) -> dict[str, int]:
    """The deliveries of each worker if nothing is delivered again."""
    orders, twice = len(scenario.purchases), scenario.duplicates
    placed = orders + REJECTS + twice
    return {
        "inventory": placed,
        "billing": placed,
        "notifications": placed,
        "loyalty": len(scenario.rewarded),
        # The orders, their invoices, the photograph's upload and its thumbnails.
        "audit": placed + orders + 2,
        "thumbnails": 1,
    }


def complete(scenario: Scenario, counts: Mapping[str, Counter[str]]) -> bool:
    """Whether the logs tell of every event; they may be behind the queues."""
    return all(counts[worker]["received"] >= number for worker, number in expected(scenario).items())


def explain(scenario: Scenario, counts: Mapping[str, Counter[str]]) -> Iterator[str]:
    """One line for each worker whose log tells of more or fewer deliveries than there were events."""
    for worker, number in expected(scenario).items():
        if more := max(0, counts[worker]["received"] - number):
            yield f"{worker}: {more} more deliveries than events: records were retried"
        if fewer := max(0, number - counts[worker]["received"]):
            yield f"{worker}: its log misses {fewer} deliveries: an invocation was cut off, or the log is late"
