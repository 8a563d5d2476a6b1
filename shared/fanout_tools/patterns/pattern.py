"""One pattern: parsed and checked once, then asked about events."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import reduce
from operator import getitem
from typing import Any

from fanout_tools.patterns.arrays import agree
from fanout_tools.patterns.conditions import Condition, Conjunction
from fanout_tools.patterns.decoding import decode
from fanout_tools.patterns.dialects import EVENTBRIDGE, Dialect
from fanout_tools.patterns.explanation import ABSENT, Explanation
from fanout_tools.patterns.grammar import read_pattern
from fanout_tools.patterns.leaves import Event, Leaves

__all__ = ["Pattern"]


@dataclass(frozen=True, slots=True)
class Pattern:
    """An event pattern that the service of its dialect would take. Make one with :meth:`parse`."""

    source: dict[str, Any] = field(hash=False)
    """The pattern as parsed JSON."""
    dialect: Dialect
    conjunctions: tuple[Conjunction, ...]
    """What it asks, with ``$or`` multiplied out: an event matches if it satisfies any of them."""

    @classmethod
    def parse(cls, source: str | Mapping[str, Any], dialect: Dialect = EVENTBRIDGE) -> "Pattern":
        """Read a pattern from JSON text, or from a mapping of the same form.

        Raises PatternError where the service would refuse it; the text names the place in the pattern, what
        is wrong there, and the fix.
        """
        pattern = decode(source, dialect)
        return cls(pattern, dialect, read_pattern(pattern, dialect))

    def matches(self, event: Event) -> bool:
        """Whether the event matches."""
        return any(_satisfies(event, conjunction) for conjunction in self.conjunctions)

    def agrees(self, event: Event) -> bool:
        """Whether the event matches: as :meth:`matches`, but faster for one that meets all conditions one by one
        and slower for any other."""
        return any(agree(event, conjunction) for conjunction in self.conjunctions)

    def explain(self, event: Event) -> Explanation:
        """Why the event matches or not; of ``$or`` branches, the one that came furthest is explained."""
        if self.matches(event):
            return Explanation(True)
        failures = [_first_failure(event, conjunction) for conjunction in self.conjunctions]
        return max(failures, key=lambda failure: failure[0])[1]


def _satisfies(event: Event, conjunction: Conjunction) -> bool:
    through_arrays = 0
    for condition in conjunction:
        found = condition.read(event)
        if type(found) is not Leaves:
            if not condition.accepts(found):
                return False
        elif condition.accepts_any(found):
            # Absence among the leaves of an array depends on the other fields, so it weighs for two.
            through_arrays += (2 if condition.absent else 1) if found.through_array and found else 0
        else:
            return False
    return through_arrays < 2 or agree(event, conjunction)


def _may_hold(event: Event, condition: Condition) -> bool:
    """Whether the condition holds for itself, or may, by the other fields."""
    found = condition.read(event)
    return condition.accepts_any(found) if type(found) is Leaves else condition.accepts(found)


def _first_failure(event: Event, conjunction: Conjunction) -> tuple[float, Explanation]:
    """The share of conditions that hold, and the first that does not."""
    failed = [condition for condition in conjunction if not _may_hold(event, condition)]
    if failed:
        path = ".".join(failed[0].path)
        explanation = Explanation(False, path, _value_of(event, failed[0]), failed[0].wanted)
        return 1 - len(failed) / len(conjunction), explanation
    return 1.0, _explain_array(event, conjunction)


def _value_of(event: Event, condition: Condition) -> Any:
    """The leaves there, or else what stands where a leaf was wanted: an object, or an array without any."""
    found = condition.read(event)
    if type(found) is not Leaves:
        return found
    if found:
        return list(found)
    try:
        return reduce(getitem, condition.path, event)
    except (KeyError, TypeError):
        return ABSENT


def _explain_array(event: Event, conjunction: Conjunction) -> Explanation:
    """Every condition holds by itself, but no one element of an array satisfies all that lead through it."""
    through = [condition for condition in conjunction if getattr(condition.read(event), "through_array", False)]
    at = next(at for at in range(1, len(through) + 1) if not agree(event, tuple(through[:at])))
    failed, others = through[at - 1], through[: at - 1]
    fields = ", ".join(".".join(condition.path) for condition in others)
    wanted = f"{failed.wanted} in the same array element as {fields}" if others else failed.wanted
    return Explanation(False, ".".join(failed.path), _value_of(event, failed), wanted)
