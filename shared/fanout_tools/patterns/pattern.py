"""One pattern: parsed and checked once, then asked about events, and why one does not match.

EventBridge refuses a match in which two fields come from different elements of one array. Event Ruler, which
it matches with, takes the fields of a pattern in sorted order, and each match of a field decides on an element
of every array around it; fields that follow must come from those elements. So is absence judged: a field
counts as absent where no leaf of it agrees with the elements decided on *so far*. Hence
``{"lines": {"sku": ["A"], "voucher": [{"exists": false}]}}`` asks for a line of A without a voucher, but
``code`` in place of ``voucher``, which sorts before ``sku``, for an event without any code.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import reduce
from operator import getitem
from typing import Any, Final

from fanout_tools.patterns.dialects import EVENTBRIDGE, Dialect, decode, quoted
from fanout_tools.patterns.grammar import read_pattern
from fanout_tools.patterns.leaves import Event, Leaves, Path, branches, is_object
from fanout_tools.patterns.predicates import Condition, Conjunction

__all__ = ["ABSENT", "Explanation", "Pattern"]


class _Absent(Enum):
    ABSENT = "absent"

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = _Absent.ABSENT
"""The value of a field that the event does not have, as a leaf; None is a JSON null."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """The answer to "why did this event (not) match?"; ``str()`` of it is one sentence for people."""

    matched: bool
    path: str | None = None
    """The first field that failed, its names joined by dots; None if the event matched."""
    value: Any = ABSENT
    """What the event has there: a leaf, a list, an object (which no pattern matches), or :data:`ABSENT`."""
    wanted: str | None = None
    """What the pattern wanted there, in words."""

    def __str__(self) -> str:
        if self.matched:
            return "every field of the pattern matches"
        return f"{self.path} is {self._had()}; wanted {self.wanted}"

    def _had(self) -> str:
        if self.value is ABSENT:
            return "absent"
        if is_object(self.value):
            return "an object, not a value"
        return "an empty array" if self.value == [] else quoted(self.value)


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
        return any(_agree(event, conjunction) for conjunction in self.conjunctions)

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
    return through_arrays < 2 or _agree(event, conjunction)


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
    at = next(at for at in range(1, len(through) + 1) if not _agree(event, tuple(through[:at])))
    failed, others = through[at - 1], through[: at - 1]
    fields = ", ".join(".".join(condition.path) for condition in others)
    wanted = f"{failed.wanted} in the same array element as {fields}" if others else failed.wanted
    return Explanation(False, ".".join(failed.path), _value_of(event, failed), wanted)


_Array = tuple[int, Path]
"""An array by its identity and the path to it: one list may stand in two places of an event made in Python."""
_Elements = dict[_Array, int]
"""Of each array decided on, the index of the element."""


def _agree(event: Event, conditions: Conjunction) -> bool:
    """Whether one choice of elements satisfies all the conditions."""
    absence = any(condition.absent for condition in conditions)
    ordered = sorted(conditions, key=lambda condition: condition.order if absence else _shallow_first(condition))
    return _Search(event, ordered).succeeds(0, {})


def _shallow_first(condition: Condition) -> Any:
    """An order for conditions among which order makes no difference: those on one array stay together, and the
    fields of an element come before those of the arrays in it, of which far fewer are then looked through."""
    *way, name = condition.path
    return [*((1, segment) for segment in way), (0, name)]


class _Search:
    def __init__(self, event: Event, conditions: list[Condition]) -> None:
        self._event = event
        self._conditions = conditions
        self._failed: set[tuple[int, frozenset[tuple[_Array, int]]]] = set()

    def succeeds(self, at: int, decided: _Elements) -> bool:
        """Whether the conditions from ``at`` on can be satisfied, given the elements decided on."""
        if at == len(self._conditions):
            return True
        for elements in self._ways(at, decided):
            state = (at + 1, frozenset(elements.items()))
            if state not in self._failed:
                if self.succeeds(at + 1, elements):
                    return True
                self._failed.add(state)
        return False

    def _ways(self, at: int, decided: _Elements) -> Iterator[_Elements]:
        """The elements decided on once the condition holds, for each way in which it can."""
        condition, later = self._conditions[at], [each.path for each in self._conditions[at + 1 :]]
        present = False
        for leaf, elements in _leaves(self._event, condition.path, decided):
            present = True
            if condition.accepts(leaf):
                yield _needed(elements, later)
        if condition.absent and not present:
            yield _needed(decided, later)


def _needed(elements: _Elements, later: list[Path]) -> _Elements:
    """Without the arrays that no later condition leads through: their elements make no difference any more."""
    return {
        (array, place): index
        for (array, place), index in elements.items()
        if any(path[: len(place)] == place for path in later)
    }


def _leaves(event: Event, path: Path, decided: _Elements) -> Iterator[tuple[Any, _Elements]]:
    """The leaves at the path that agree with what is decided, each with the elements that it decides on."""
    pending: list[tuple[Any, Path, _Elements]] = [(event, path, decided)]
    while pending:
        node, rest, elements = pending.pop()
        if is_object(node):
            pending += [(child, left, elements) for child, left in branches(node, rest)]
        elif isinstance(node, list):
            array = (id(node), path[: len(path) - len(rest)])
            pending += [(child, rest, inside) for child, inside in _inside(node, array, elements)]
            if not rest:
                yield from ((leaf, elements) for leaf in node if not _binds(leaf))
        elif not rest:
            yield node, elements


def _inside(node: list[Any], array: _Array, elements: _Elements) -> Iterator[tuple[Any, _Elements]]:
    """The objects and arrays in an array, or the one decided on."""
    if array in elements:
        yield node[elements[array]], elements
        return
    for index, child in enumerate(node):
        if _binds(child):
            yield child, {**elements, array: index}


def _binds(element: Any) -> bool:
    """Whether an element of an array decides on itself: plain elements bind no other field."""
    return isinstance(element, list) or is_object(element)
