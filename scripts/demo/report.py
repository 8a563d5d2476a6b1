"""What the run prints: lines as it goes, the tables at its end."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fanout_tools.cli.deployment import Deployment
from fanout_tools.cli.output import console, print_rows
from scripts.demo import counts
from scripts.demo.reconcile import Check, thumbnail_sizes
from scripts.demo.scenario import Scenario

__all__ = ["Due", "say", "tables", "tell_result"]

FIRST_S, MOST_S = 2.0, 30.0


def say(text: str) -> None:
    """A line, at once."""
    print(text, flush=True)


@dataclass
class Due:
    """When to say again what is waited for: after 2 s, 4 s, 8 s ... and at most every 30 s."""

    clock: Callable[[], float] = time.monotonic
    _pause_s: float = 0.0
    _next: float = 0.0

    def now(self) -> bool:
        """Whether it is time."""
        if self.clock() < self._next:
            return False
        self._pause_s = min(max(FIRST_S, 2 * self._pause_s), MOST_S)
        self._next = self.clock() + self._pause_s
        return True


def tables(
    scenario: Scenario,
    deployment: Deployment,
    told: Mapping[str, Counter[str]],
    letters: Sequence[Mapping[str, str]],
    results: Sequence[Check],
    elapsed_s: float,
) -> None:
    """The workers, the dead letters, every check, and the result in the last line."""
    columns = ["worker", "received", "handled", "duplicates", "retried", "rejected", "in DLQ"]
    print_rows(columns, _worker_rows(deployment, told), title="Workers, as their logs tell")
    for line in counts.explain(scenario, told):
        say(line)
    for letter in letters:
        say(f"in {letter.get('worker')}'s DLQ: {letter.get('event_id')}: {letter.get('error_message')}")
    sizes = sorted(thumbnail_sizes(scenario, deployment).items())
    say("thumbnails: " + ", ".join(f"{name} {width} x {height}" for name, (width, height) in sizes))
    print_rows(["effect", "expected", "found", "holds"], map(_row, results), title="Reconciliation")
    tell_result(scenario, told, results, elapsed_s)


def _worker_rows(deployment: Deployment, told: Mapping[str, Counter[str]]) -> Iterator[dict[str, Any]]:
    depths = deployment.depths()
    for worker, count in told.items():
        if count["received"] or depths[worker].dead:
            outcomes = {name: count[name] for name in ("received", "handled", "duplicates", "retried", "rejected")}
            yield {"worker": worker, **outcomes, "in DLQ": depths[worker].dead}


def _row(check: Check) -> dict[str, str]:
    return {
        "effect": check.what,
        "expected": _short(check.expected),
        "found": _short(check.found),
        "holds": "yes" if check.holds else "NO",
    }


def _short(value: object) -> str:
    """Lists of more than numbers by their length; the failed ones are told in full below."""
    return f"{len(value)}" if isinstance(value, list) and value and isinstance(value[0], tuple) else str(value)


def tell_result(
    scenario: Scenario, told: Mapping[str, Counter[str]], results: Sequence[Check], elapsed_s: float
) -> None:
    """What was sent and whether it reconciles; each check that fails in full, to standard error."""
    deliveries = sum(count["received"] for count in told.values())
    say(f"{scenario.events:,} events, {deliveries:,} deliveries in {elapsed_s:.1f} s")
    failed = [check for check in results if not check.holds]
    for check in failed:
        print(f"does not reconcile: {check.what}: expected {check.expected}, found {check.found}", file=sys.stderr)
    if not failed:
        console.print(
            f"reconciled: {len(results)} checks hold; the ledger has {scenario.total:,.2f} dollars, "
            f"{scenario.pieces:,} CDs, {scenario.customers:,} customers"
        )
