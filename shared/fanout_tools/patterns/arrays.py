"""Whether the fields of a match agree on the elements of the arrays that they lie in.

EventBridge refuses a match in which two fields come from different elements of one array. Event Ruler, which
it matches with, takes the fields of a pattern in sorted order, and each match of a field decides on an element
of every array around it; fields that follow must come from those elements. So is absence judged: a field
counts as absent where no leaf of it agrees with the elements decided on *so far*. Hence
``{"lines": {"sku": ["A"], "voucher": [{"exists": false}]}}`` asks for a line of A without a voucher, but
``code`` in place of ``voucher``, which sorts before ``sku``, for an event without any code.
"""

from collections.abc import Iterator
from typing import Any

from fanout_tools.patterns.conditions import Condition, Conjunction
from fanout_tools.patterns.leaves import Event, Path, branches, is_object

__all__ = ["agree"]

_Array = tuple[int, Path]
"""An array by its identity and the path to it: one list may stand in two places of an event made in Python."""
_Elements = dict[_Array, int]
"""Of each array decided on, the index of the element."""


def agree(event: Event, conditions: Conjunction) -> bool:
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
